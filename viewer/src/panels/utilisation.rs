//! Utilisation and rates of every reserve.

use super::Panel;
use crate::format;
use crate::frame::{Command, Frame};
use crate::plots::{self, TimeLine, TimePlot};
use crate::theme::Palette;
use egui::Ui;

/// Which figure is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Figure {
    #[default]
    Utilisation,
    BorrowRate,
    SupplyRate,
}

/// Borrowed over supplied, by reserve, or what that does to the rates.
#[derive(Debug, Default)]
pub struct Utilisation {
    figure: Figure,
}

impl Panel for Utilisation {
    fn name(&self) -> &'static str {
        "Utilisation"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, _commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        let name = self.name();
        plots::title_ui(ui, name, |ui| {
            plots::choice_ui(
                ui,
                &mut self.figure,
                [
                    (Figure::Utilisation, "Borrowed / supplied".to_owned()),
                    (Figure::BorrowRate, "Borrow rate".to_owned()),
                    (Figure::SupplyRate, "Supply rate".to_owned()),
                ],
            );
        });
        let mut lines = Vec::new();
        ui.horizontal(|ui| {
            for (i, reserve) in frame.reserves.iter().enumerate() {
                let series = match self.figure {
                    Figure::Utilisation => &reserve.utilisation,
                    Figure::BorrowRate => &reserve.borrow_rate,
                    Figure::SupplyRate => &reserve.supply_rate,
                };
                let Some(value) = series.last_value() else { continue };
                let color = palette.line(i);
                plots::legend_ui(ui, color, &reserve.symbol, &format::percent(value), false);
                lines.push(TimeLine::new(reserve.symbol.clone(), color, series).scaled(100.0));
            }
        });
        let utilisation = self.figure == Figure::Utilisation;
        TimePlot {
            id: if utilisation { "utilisation" } else { "rates" },
            y_label: if utilisation { "% of supplied" } else { "% per year" },
            y_text: plots::percent_text,
            include_y: if utilisation { &[0.0, 100.0] } else { &[0.0] },
            lines,
            marks: &[],
        }
        .show(ui, frame);
    }
}
