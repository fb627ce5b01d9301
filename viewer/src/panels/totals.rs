//! Sums over the market, with their recent past.

use super::Panel;
use crate::format;
use crate::frame::{Command, Frame};
use crate::series::Series;
use crate::theme::{self, Palette};
use egui::{Color32, RichText, Sense, Shape, Stroke, Ui, pos2, vec2};

/// A row of figures.
#[derive(Debug, Default)]
pub struct TotalsPanel;

impl Panel for TotalsPanel {
    fn name(&self) -> &'static str {
        "Totals"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, _commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        let totals = &frame.totals;
        let alarm = |series: &Series| {
            if series.last_value().unwrap_or(0.0) > 0.0 { palette.bad } else { palette.weak }
        };
        let lost = totals.objective_usd.last_value().is_some_and(|usd| usd < 0.0);
        let outcome = if lost { palette.bad } else { palette.good };
        let cards: [(&str, &Series, Color32); 6] = [
            ("Supplied", &totals.supplied_usd, palette.lines[0]),
            ("Borrowed", &totals.borrowed_usd, palette.lines[4]),
            ("Liquidated", &totals.liquidated_usd, palette.warn),
            ("Bad debt", &totals.bad_debt_usd, alarm(&totals.bad_debt_usd)),
            ("Attacker profit", &totals.attacker_profit_usd, alarm(&totals.attacker_profit_usd)),
            ("Objective", &totals.objective_usd, outcome),
        ];
        // A stage has no sums over a market.
        let known = |(_, series, _): &(&str, &Series, Color32)| !series.is_empty();
        let cards: Vec<_> = cards.into_iter().filter(known).collect();
        ui.columns(cards.len().max(1), |columns| {
            for (column, (name, series, color)) in columns.iter_mut().zip(cards) {
                card_ui(column, name, series, color);
            }
        });
    }
}

fn card_ui(ui: &mut Ui, name: &str, series: &Series, color: Color32) {
    let palette = Palette::of(ui);
    theme::card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 1.0;
                ui.label(RichText::new(name).size(11.5).color(palette.weak));
                let value = series.last_value().map_or_else(|| "–".to_owned(), format::usd);
                ui.label(RichText::new(value).size(17.0).strong());
            });
            let width = (ui.available_width() - 4.0).min(110.0);
            if width > 20.0 {
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    sparkline_ui(ui, series, color, width);
                });
            }
        });
    });
}

/// A line without axes.
fn sparkline_ui(ui: &mut Ui, series: &Series, color: Color32, width: f32) {
    let (rect, _) = ui.allocate_exact_size(vec2(width, 30.0), Sense::hover());
    let points = series.decimate(0..series.len(), width as usize);
    let (low, high) = points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p[1]), h.max(p[1])));
    if points.len() < 2 {
        return;
    }
    let span = if high > low { high - low } else { 1.0 };
    let last = (series.len() - 1).max(1) as f64;
    let inner = rect.shrink2(vec2(1.0, 2.0));
    let line: Vec<_> = points
        .iter()
        .map(|[x, y]| {
            pos2(
                inner.left() + inner.width() * (x / last) as f32,
                inner.bottom() - inner.height() * ((y - low) / span) as f32,
            )
        })
        .collect();
    ui.painter().add(Shape::line(line, Stroke::new(1.4, color)));
}
