//! The front as a picture: value against the tail, learned and static.

use super::front::{Point, Standing};
use crate::report::short;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const LEARNED: RGBColor = RGBColor(200, 60, 40);
const STATIC: RGBColor = RGBColor(60, 100, 180);
const SIZE: (u32, u32) = (900, 560);

/// A line of the picture: its name, its colour, what of a point is on it, and how many pixels below a dot its
/// budget stands.
type Side = (&'static str, RGBColor, fn(&Point) -> &Standing, i32);

/// The picture, as SVG: each point at its estimate, lines for the intervals, the budget beside it.
///
/// # Errors
/// The drawing library's reason, in words.
pub fn svg(points: &[Point], title: &str) -> Result<String, String> {
    let mut text = String::new();
    draw(&mut text, points, title).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

/// Budgets lie powers of ten apart, and a tail may be nothing: all up to a dollar is at the left edge.
fn place(usd: f64) -> f64 {
    usd.max(1.0).log10()
}

/// The budgets beside the dots, those of dots that lie on one another in one place.
fn budgets(points: &[Point], at: impl Fn(&Point) -> (f64, f64), near: (f64, f64)) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::new();
    for point in points {
        let (x, y) = at(point);
        let budget = short(point.budget_usd as f64);
        let close =
            |label: &&mut Label| (label.0.0 - x).abs() < near.0 && (label.0.1 - y).abs() < near.1;
        match labels.iter_mut().find(close) {
            Some(label) => label.1.push_str(&format!(", {budget}")),
            None => labels.push(((x, y), format!("≤ {budget}"))),
        }
    }
    labels
}

type Label = ((f64, f64), String);

fn draw(
    text: &mut String,
    points: &[Point],
    title: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let all = || points.iter().flat_map(|p| [&p.learned, &p.fixed]);
    let right = all().map(|s| place(s.tail_usd.high)).fold(1.0, f64::max);
    let low = all().map(|s| s.value_usd.low).fold(f64::INFINITY, f64::min);
    let high = all().map(|s| s.value_usd.high).fold(f64::NEG_INFINITY, f64::max);
    let margin = 0.05 * (high - low).max(1e-9);
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(-0.1..1.05 * right, low - margin..high + margin)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_label_formatter(&|x| if *x > 0.0 { short(10f64.powf(*x)) } else { "≤ 1".to_owned() })
        .y_label_formatter(&|y| short(*y))
        .x_desc("CVaR95 of bad debt, USD per episode")
        .y_desc("value, USD per episode")
        .label_style(("sans-serif", 12))
        .axis_desc_style(("sans-serif", 15))
        .draw()?;
    let near = (0.03 * right, 0.04 * (high - low).max(1e-9));
    let of: [Side; 2] =
        [("learned", LEARNED, |p| &p.learned, -18), ("best static", STATIC, |p| &p.fixed, 5)];
    for (name, colour, standing, below) in of {
        let at = |p: &Point| (place(standing(p).tail_usd.mean), standing(p).value_usd.mean);
        chart.draw_series(LineSeries::new(points.iter().map(at), colour.stroke_width(2)))?;
        for point in points {
            let (s, (x, y)) = (standing(point), at(point));
            let across = [(place(s.tail_usd.low), y), (place(s.tail_usd.high), y)];
            let along = [(x, s.value_usd.low), (x, s.value_usd.high)];
            chart
                .draw_series([across, along].map(|line| PathElement::new(line, colour.mix(0.4))))?;
        }
        let label = |(at, budget): Label| {
            // On the side on which there is room.
            let (side, beside) =
                if at.0 > 0.6 * right { (HPos::Right, -6) } else { (HPos::Left, 6) };
            let font = ("sans-serif", 12).into_font().color(&colour);
            let text = font.pos(Pos::new(side, VPos::Top));
            EmptyElement::at(at) + Text::new(budget, (beside, below), text)
        };
        chart.draw_series(budgets(points, at, near).into_iter().map(label))?;
        let dots = points.iter().map(|p| Circle::new(at(p), 4, colour.filled()));
        chart
            .draw_series(dots)?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 9, y), 4, colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(180, 180, 180))
        .label_font(("sans-serif", 14))
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::front::Kept;
    use super::*;
    use crate::stats::Estimate;

    #[test]
    fn a_picture_has_a_dot_and_a_budget_for_each_point() {
        let estimate = |mean: f64| Estimate { mean, low: mean - 1.0, high: mean + 1.0 };
        let standing = |tail: f64, value: f64| Standing {
            usage_usd_years: estimate(1.0),
            revenue_usd: estimate(1.0),
            value_usd: estimate(value),
            tail_usd: estimate(tail),
            kept: Kept::Yes,
        };
        let point = |budget_usd: u64| Point {
            budget_usd,
            learned: standing(budget_usd as f64, 10.0),
            fixed: standing(0.0, 8.0),
            parameters: String::new(),
            difference_usd: estimate(2.0),
        };
        let text = svg(&[point(1_000), point(100_000)], "a front").expect("draws");
        assert!(text.starts_with("<svg") && text.matches("<circle").count() >= 4, "{text}");
        assert!(text.contains("≤ 1000, 100.0k") && text.contains("≤ 100.0k"), "{text}");
    }
}
