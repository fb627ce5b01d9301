//! The distribution of health factors.

use super::Panel;
use crate::format;
use crate::frame::{Command, Frame, HealthHistogram};
use crate::plots;
use crate::theme::Palette;
use egui::{
    Align2, Color32, CornerRadius, FontId, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2,
};

/// What the bars measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Measure {
    #[default]
    Debt,
    Borrowers,
}

/// Debt or borrowers by health factor: what is left of 1 can be liquidated.
#[derive(Debug, Default)]
pub struct Health {
    measure: Measure,
}

impl Panel for Health {
    fn name(&self) -> &'static str {
        "Health factors"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, _commands: &mut Vec<Command>) {
        let name = self.name();
        plots::title_ui(ui, name, |ui| {
            plots::choice_ui(
                ui,
                &mut self.measure,
                [(Measure::Debt, "Debt".to_owned()), (Measure::Borrowers, "Borrowers".to_owned())],
            );
        });
        let histogram = &frame.health;
        let below = histogram.edges.partition_point(|edge| *edge <= 1.0);
        let at_risk: f64 = histogram.debt_usd.iter().take(below).sum();
        let borrowers: u32 = histogram.borrowers.iter().take(below).sum();
        let palette = Palette::of(ui);
        let color = if borrowers > 0 { palette.bad } else { palette.weak };
        let summary = format!(
            "below 1: {} of debt, {} borrower{}",
            format::usd(at_risk),
            borrowers,
            if borrowers == 1 { "" } else { "s" }
        );
        ui.colored_label(color, &summary);
        self.bars_ui(histogram, &summary, ui);
    }
}

impl Health {
    fn bars_ui(&self, histogram: &HealthHistogram, summary: &str, ui: &mut Ui) {
        let palette = Palette::of(ui);
        let (rect, response) =
            ui.allocate_exact_size(ui.available_size().max(vec2(120.0, 80.0)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, summary));
        let values: Vec<f64> = match self.measure {
            Measure::Debt => histogram.debt_usd.clone(),
            Measure::Borrowers => histogram.borrowers.iter().map(|n| f64::from(*n)).collect(),
        };
        if values.is_empty() {
            return;
        }
        let plot = Rect::from_min_max(rect.min + vec2(62.0, 24.0), rect.max - vec2(4.0, 32.0));
        let painter = ui.painter();
        let small = FontId::proportional(10.5);
        let top = nice_ceiling(values.iter().copied().fold(0.0, f64::max));
        let text = |value: f64| match self.measure {
            Measure::Debt => format::usd_mark(value),
            Measure::Borrowers => format::integer(value.round() as u64),
        };
        for i in 0..=4 {
            let part = f64::from(i) / 4.0;
            let y = plot.bottom() - plot.height() * part as f32;
            painter.hline(plot.x_range(), y, Stroke::new(1.0, palette.outline));
            if self.measure == Measure::Debt || (top * part).fract() == 0.0 {
                painter.text(
                    pos2(plot.left() - 6.0, y),
                    Align2::RIGHT_CENTER,
                    text(top * part),
                    small.clone(),
                    palette.weak,
                );
            }
        }
        let y_label = if self.measure == Measure::Debt { "debt (USD)" } else { "borrowers" };
        painter.text(
            pos2(rect.left(), rect.top()),
            Align2::LEFT_TOP,
            y_label,
            small.clone(),
            palette.weak,
        );
        let width = plot.width() / values.len() as f32;
        for (i, value) in values.iter().enumerate() {
            let left = plot.left() + width * i as f32;
            let height = plot.height() * (value / top) as f32;
            let bar = Rect::from_min_max(
                pos2(left + 2.0, plot.bottom() - height),
                pos2(left + width - 2.0, plot.bottom()),
            );
            painter.rect_filled(bar, CornerRadius::same(2), bucket_color(histogram, i, palette));
            let hover = Rect::from_x_y_ranges(left..=left + width, plot.y_range());
            if response.hover_pos().is_some_and(|pos| hover.contains(pos)) {
                painter.rect_filled(hover, 0, palette.text.gamma_multiply(0.08));
                let range = bucket_range(histogram, i);
                response.clone().on_hover_text_at_pointer(format!(
                    "health factor {range}\n{} of debt\n{} borrowers",
                    format::usd(histogram.debt_usd[i]),
                    histogram.borrowers[i]
                ));
            }
        }
        for (i, edge) in histogram.edges.iter().enumerate() {
            let x = plot.left() + width * (i + 1) as f32;
            let is_line = *edge == 1.0;
            if is_line {
                let stroke = Stroke::new(1.5, palette.bad);
                painter.vline(x, plot.y_range(), stroke);
            }
            painter.text(
                pos2(x, plot.bottom() + 4.0),
                Align2::CENTER_TOP,
                format!("{edge}"),
                small.clone(),
                if is_line { palette.bad } else { palette.weak },
            );
        }
        painter.text(
            pos2(plot.center().x, rect.bottom()),
            Align2::CENTER_BOTTOM,
            "health factor",
            small,
            palette.weak,
        );
    }
}

fn bucket_color(histogram: &HealthHistogram, bucket: usize, palette: &Palette) -> Color32 {
    match histogram.edges.get(bucket) {
        Some(upper) if *upper <= 1.0 => palette.bad,
        Some(upper) if *upper <= 1.1 => palette.warn,
        _ => palette.good,
    }
}

fn bucket_range(histogram: &HealthHistogram, bucket: usize) -> String {
    let lower = bucket.checked_sub(1).and_then(|i| histogram.edges.get(i));
    match (lower, histogram.edges.get(bucket)) {
        (Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        (None, Some(upper)) => format!("below {upper}"),
        (Some(lower), None) => format!("{lower} and above"),
        (None, None) => "any".to_owned(),
    }
}

/// The least of 1, 2, 4, 8 times a power of ten that is not below `value`.
fn nice_ceiling(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10f64.powi(value.log10().floor() as i32);
    [1.0, 2.0, 4.0, 8.0]
        .into_iter()
        .map(|m| m * power)
        .find(|c| *c >= value)
        .unwrap_or(10.0 * power)
}
