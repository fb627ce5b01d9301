//! A market's picture, as SVG, and its row of the table.

use crate::curves::{Attack, Curve, Plotted, Point};
use plotters::prelude::*;

type Failure = Box<dyn std::error::Error>;

const fn colour(attack: Attack) -> RGBColor {
    match attack {
        Attack::SpotDumped => RGBColor(200, 30, 30),
        Attack::SpotSupplied => RGBColor(235, 140, 20),
        Attack::AverageAtOnce => RGBColor(30, 90, 200),
        Attack::AverageHeld => RGBColor(20, 150, 90),
        Attack::AverageArbitraged => RGBColor(130, 130, 130),
    }
}

/// USD with a unit, short.
pub fn usd(amount: f64) -> String {
    let (value, unit) = match amount.abs() {
        size if size >= 999_500.0 => (amount / 1e6, " M"),
        size if size >= 999.5 => (amount / 1e3, " k"),
        _ => (amount, ""),
    };
    let places = match value.abs() {
        size if size >= 99.95 || unit.is_empty() => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.places$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{}{unit}", if text == "-0" { "0" } else { text })
}

/// The pieces of a curve that lie above `floor`, cut where they cross it.
fn above(points: &[Point], floor: f64) -> Vec<Vec<Point>> {
    let mut pieces = vec![Vec::new()];
    for (i, &point) in points.iter().enumerate() {
        let cut = i
            .checked_sub(1)
            .map(|last| points[last])
            .filter(|last| (last.1 < floor) != (point.1 < floor));
        let piece = pieces.last_mut().expect("there is always one");
        if let Some(last) = cut {
            let part = (floor - last.1) / (point.1 - last.1);
            piece.push((last.0 + part * (point.0 - last.0), floor));
        }
        if point.1 >= floor {
            piece.push(point);
        } else if !piece.is_empty() {
            pieces.push(Vec::new());
        }
    }
    pieces
}

/// The picture.
pub fn svg(market: &Plotted) -> Result<String, Failure> {
    let best = market.curves.iter().filter_map(Curve::best).map(|best| best.1).fold(0.0, f64::max);
    let top = 1.1 * best.max(0.01 * market.pair_usd);
    let floor = -0.35 * top;
    let (from, to) = (0.018 * market.pair_usd, 13.5 * market.pair_usd);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (960, 560)).into_drawing_area();
        root.fill(&WHITE)?;
        let title = format!(
            "{}: pair of {} USD, {} USD to borrow, LTV {} %, TWAP of {} s",
            market.id,
            usd(market.pair_usd),
            usd(market.lent_usd),
            market.ltv_percent,
            market.window_secs
        );
        let mut chart = ChartBuilder::on(&root)
            .caption(title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(48)
            .y_label_area_size(86)
            .build_cartesian_2d((from..to).log_scale(), floor..top)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(RGBColor(225, 225, 225))
            .x_desc("size: USD that buy the token (logarithmic)")
            .y_desc("the attacker's profit, USD")
            .x_label_formatter(&|x| usd(*x))
            .y_label_formatter(&|y| usd(*y))
            .axis_desc_style(("sans-serif", 16))
            .label_style(("sans-serif", 14))
            .draw()?;
        chart.draw_series(LineSeries::new([(from, 0.0), (to, 0.0)], BLACK.stroke_width(1)))?;
        for curve in &market.curves {
            let colour = colour(curve.attack);
            let pieces = above(&curve.simulated, floor);
            for (i, piece) in pieces.into_iter().enumerate() {
                let drawn = chart.draw_series(LineSeries::new(piece, colour.stroke_width(2)))?;
                if i == 0 {
                    drawn.label(curve.attack.label()).legend(move |(x, y)| {
                        PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(3))
                    });
                }
            }
        }
        for curve in &market.curves {
            let colour = colour(curve.attack);
            let seen = curve.recorded.iter().filter(|p| p.0 >= from && p.0 <= to && p.1 >= floor);
            chart.draw_series(seen.map(|point| Circle::new(*point, 4, colour.stroke_width(2))))?;
        }
        let no_points: [Circle<(f64, f64), i32>; 0] = [];
        chart
            .draw_series(no_points)?
            .label("recorded from the contracts")
            .legend(|(x, y)| Circle::new((x + 12, y), 4, BLACK.stroke_width(2)));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(180, 180, 180))
            .legend_area_size(30)
            .label_font(("sans-serif", 14))
            .draw()?;
        root.present()?;
    }
    text.push('\n');
    Ok(text)
}

/// The table's head.
pub const HEAD: &str = "\
| market | pair, USD | LTV | spot: pump, borrow, dump | spot: buy, supply, borrow | TWAP, one transaction | TWAP, held | TWAP, arbitraged |
|---|---|---|---|---|---|---|---|
";

/// The market's row: the best profit of each attack, and the size that it takes.
pub fn row(market: &Plotted) -> String {
    let Plotted { id, pair_usd, ltv_percent, .. } = market;
    let mut row =
        format!("| [{id}](images/attacks/{id}.svg) | {} | {ltv_percent} % |", usd(*pair_usd));
    for curve in &market.curves {
        row += &match curve.best() {
            Some((size, profit)) if profit > 0.0 => format!(" {} at {} |", usd(profit), usd(size)),
            Some((_, profit)) => format!(" {} |", usd(profit)),
            None => " refused |".to_owned(),
        };
    }
    row + "\n"
}
