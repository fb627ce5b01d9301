//! What the attacker of a stage has, and what it cost whom.

use super::Panel;
use crate::format;
use crate::frame::{Command, Frame};
use crate::plots::{self, TimeLine, TimePlot};
use crate::theme::Palette;
use egui::{Grid, RichText, ScrollArea, Ui};

/// The attacker's assets and debts at this step.
#[derive(Debug, Default)]
pub struct Purse;

impl Panel for Purse {
    fn name(&self) -> &'static str {
        "Attacker's purse"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, _commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        plots::title_ui(ui, self.name(), |ui| {
            ui.label(RichText::new("at fair prices").color(palette.weak));
        });
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            Grid::new("purse").num_columns(4).striped(true).spacing([14.0, 3.0]).show(ui, |ui| {
                for head in ["", "tokens", "USD", "since the start"] {
                    ui.label(RichText::new(head).size(11.5).color(palette.weak));
                }
                ui.end_row();
                for holding in &frame.holdings {
                    let now = |series: &crate::series::Series| series.last_value().unwrap_or(0.0);
                    let usd = now(&holding.usd);
                    let change = usd - holding.usd.first_value().unwrap_or(0.0);
                    ui.label(&holding.name);
                    ui.label(format::short(now(&holding.tokens)));
                    ui.label(format::usd(usd));
                    let color = match change {
                        c if c > 0.0 => palette.good,
                        c if c < 0.0 => palette.bad,
                        _ => palette.weak,
                    };
                    ui.colored_label(color, format::usd(change));
                    ui.end_row();
                }
            });
        });
    }
}

/// What the attacker has gained and what lenders are short of, step by step.
#[derive(Debug, Default)]
pub struct Gains;

impl Panel for Gains {
    fn name(&self) -> &'static str {
        "Gain and loss"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, _commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        plots::title_ui(ui, self.name(), |_| ());
        let totals = &frame.totals;
        let lines = [
            ("attacker's gain", palette.accent, &totals.attacker_profit_usd),
            ("bad debt", palette.bad, &totals.bad_debt_usd),
        ];
        ui.horizontal(|ui| {
            for (name, color, series) in lines {
                let value = series.last_value().map_or_else(|| "–".to_owned(), format::usd);
                plots::legend_ui(ui, color, name, &value, false);
            }
        });
        TimePlot {
            id: "gains",
            y_label: "USD",
            y_text: plots::usd_text,
            include_y: &[0.0],
            lines: lines.map(|(name, color, series)| TimeLine::new(name, color, series)).into(),
            marks: &[],
        }
        .show(ui, frame);
    }
}
