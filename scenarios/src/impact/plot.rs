//! The answer as a picture: debt by health factor, and the frontier.

use super::text::{dollars, range};
use super::{Impact, ImpactError};
use plotters::prelude::*;

const BEFORE: RGBColor = RGBColor(130, 150, 190);
const AFTER: RGBColor = RGBColor(200, 60, 40);
const SIZE: (u32, u32) = (1_000, 900);

/// The picture, as SVG; `title` stands above it.
///
/// # Errors
/// [`ImpactError::Plot`].
pub fn svg(impact: &Impact, title: &str) -> Result<String, ImpactError> {
    let mut text = String::new();
    draw(&mut text, impact, title).map_err(|error| ImpactError::Plot(error.to_string()))?;
    Ok(text + "\n")
}

fn draw(text: &mut String, impact: &Impact, title: &str) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(SIZE.1 / 2);
    let buckets = &impact.buckets;
    let most = buckets
        .iter()
        .map(|b| b.crowd.before.debt_usd.max(b.crowd.after.debt_usd))
        .fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(&above)
        .caption(title, ("sans-serif", 20))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..buckets.len() as f64, 0.0..1.1 * most)?;
    let name = |x: &f64| {
        let at = x.floor();
        // The axis asks for edges and middles; a bucket is named once, at its middle.
        if (x - at - 0.5).abs() > 0.01 {
            return String::new();
        }
        buckets.get(at as usize).map_or_else(String::new, range)
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_labels(2 * buckets.len() + 1)
        .x_label_formatter(&name)
        .y_label_formatter(&|y| dollars(*y))
        .x_desc("health factor")
        .y_desc("debt, USD")
        .label_style(("sans-serif", 12))
        .axis_desc_style(("sans-serif", 15))
        .draw()?;
    for (from, to, colour, is_after) in [(0.12, 0.49, BEFORE, false), (0.51, 0.88, AFTER, true)] {
        let bars = buckets.iter().enumerate().map(|(i, b)| {
            let crowd = if is_after { b.crowd.after } else { b.crowd.before };
            let x = i as f64;
            Rectangle::new([(x + from, 0.0), (x + to, crowd.debt_usd)], colour.filled())
        });
        chart
            .draw_series(bars)?
            .label(if is_after { "after" } else { "before" })
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 18, y + 5)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(180, 180, 180))
        .label_font(("sans-serif", 14))
        .draw()?;
    frontier(&below, impact)?;
    root.present()?;
    Ok(())
}

fn frontier<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    impact: &Impact,
) -> Result<(), Box<dyn std::error::Error>>
where
    B::ErrorType: 'static,
{
    let f = &impact.frontier;
    let all =
        f.points.iter().flat_map(|p| p.liquidatable_debt_usd.into_iter().chain(p.bad_debt_usd));
    let most = all.fold(1.0, f64::max);
    let deepest = f.points.last().map_or(0.5, |p| p.fall);
    let mut chart = ChartBuilder::on(area)
        .caption("if prices fall at once and all are liquidated", ("sans-serif", 16))
        .margin(14)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(0.0..deepest, 0.0..1.1 * most)?;
    let x_desc = format!("fall of {}", f.assets.join(", "));
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(225, 225, 225))
        .x_label_formatter(&|x| format!("{:.0} %", x * 100.0))
        .y_label_formatter(&|y| dollars(*y))
        .x_desc(x_desc)
        .y_desc("USD")
        .label_style(("sans-serif", 12))
        .axis_desc_style(("sans-serif", 15))
        .draw()?;
    for (side, colour, when) in [(0, BEFORE, "before"), (1, AFTER, "after")] {
        let thin = f.points.iter().map(|p| (p.fall, p.liquidatable_debt_usd[side]));
        chart
            .draw_series(LineSeries::new(thin, colour.stroke_width(2)))?
            .label(format!("liquidatable debt, {when}"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        let thick = f.points.iter().map(|p| (p.fall, p.bad_debt_usd[side]));
        chart
            .draw_series(LineSeries::new(thick, colour.stroke_width(5)))?
            .label(format!("bad debt, {when}"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(5)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(180, 180, 180))
        .legend_area_size(28)
        .label_font(("sans-serif", 13))
        .draw()?;
    Ok(())
}
