//! The risk agent's parameters over time.

use super::Panel;
use crate::format;
use crate::frame::{Command, EventKind, Frame, ReserveHistory};
use crate::plots::{self, TimeLine, TimePlot};
use crate::series::Series;
use crate::theme::Palette;
use egui::Ui;

/// A parameter that risk managers move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Parameter {
    #[default]
    Ltv,
    Threshold,
    Bonus,
    SupplyCap,
    BorrowCap,
    Frozen,
    CloseFactor,
}

impl Parameter {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Ltv, "LTV"),
        (Self::Threshold, "Threshold"),
        (Self::Bonus, "Bonus"),
        (Self::SupplyCap, "Supply cap"),
        (Self::BorrowCap, "Borrow cap"),
        (Self::Frozen, "Frozen"),
        (Self::CloseFactor, "Close factor"),
    ];

    fn series(self, reserve: &ReserveHistory) -> Option<&Series> {
        match self {
            Self::Ltv => Some(&reserve.ltv),
            Self::Threshold => Some(&reserve.threshold),
            Self::Bonus => Some(&reserve.bonus),
            Self::SupplyCap => Some(&reserve.supply_cap),
            Self::BorrowCap => Some(&reserve.borrow_cap),
            Self::Frozen => Some(&reserve.frozen),
            Self::CloseFactor => None,
        }
    }

    fn is_cap(self) -> bool {
        matches!(self, Self::SupplyCap | Self::BorrowCap)
    }

    fn value_text(self, symbol: &str, value: f64) -> String {
        match self {
            Self::SupplyCap | Self::BorrowCap if value == 0.0 => "none".to_owned(),
            Self::SupplyCap | Self::BorrowCap => format!("{} {symbol}", format::short(value)),
            Self::Frozen => if value > 0.5 { "frozen" } else { "open" }.to_owned(),
            _ => format::percent(value),
        }
    }
}

/// One parameter of every reserve. Caps of different tokens share an axis as a percentage of what they
/// were at the start.
#[derive(Debug, Default)]
pub struct Risk {
    parameter: Parameter,
    change: bool,
}

impl Panel for Risk {
    fn name(&self) -> &'static str {
        "Risk parameters"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, _commands: &mut Vec<Command>) {
        let name = self.name();
        plots::title_ui(ui, name, |ui| {
            plots::choice_ui(
                ui,
                &mut self.parameter,
                Parameter::ALL.map(|(parameter, label)| (parameter, label.to_owned())),
            );
        });
        let lines = ui
            .horizontal(|ui| {
                let lines = self.lines_ui(frame, ui);
                if !self.parameter.is_cap() && self.parameter != Parameter::Frozen {
                    ui.checkbox(&mut self.change, "change since start");
                }
                lines
            })
            .inner;
        let (y_label, include_y): (_, &[f64]) = match (self.parameter, self.change) {
            (Parameter::SupplyCap | Parameter::BorrowCap, _) => ("% of first cap", &[0.0, 110.0]),
            (Parameter::Frozen, _) => ("% frozen", &[0.0, 100.0]),
            (_, true) => ("% points", &[-1.0, 1.0]),
            (Parameter::Bonus, false) => ("% of debt", &[0.0, 10.0]),
            (Parameter::CloseFactor, false) => ("% of debt", &[0.0, 100.0]),
            (_, false) => ("% of value", &[]),
        };
        TimePlot {
            id: "risk",
            y_label,
            y_text: plots::percent_text,
            include_y,
            lines,
            marks: &[EventKind::RiskChange],
        }
        .show(ui, frame);
    }
}

impl Risk {
    fn lines_ui<'a>(&self, frame: &'a Frame, ui: &mut Ui) -> Vec<TimeLine<'a>> {
        let palette = Palette::of(ui);
        let mut lines = Vec::new();
        let mut add = |ui: &mut Ui, i: usize, symbol: &'a str, series: &'a Series| {
            let (Some(first), Some(last)) = (series.first_value(), series.last_value()) else {
                return;
            };
            let color = palette.line(i);
            plots::legend_ui(ui, color, symbol, &self.parameter.value_text(symbol, last), false);
            let mut line = TimeLine::new(symbol, color, series);
            if self.parameter.is_cap() {
                if first <= 0.0 {
                    return;
                }
                line.scale = 100.0 / first;
            } else {
                line.scale = 100.0;
                if self.change && self.parameter != Parameter::Frozen {
                    line.offset = -100.0 * first;
                }
            }
            lines.push(line);
        };
        if self.parameter == Parameter::CloseFactor {
            add(ui, 0, "market", &frame.close_factor);
        }
        for (i, reserve) in frame.reserves.iter().enumerate() {
            if let Some(series) = self.parameter.series(reserve) {
                add(ui, i, &reserve.symbol, series);
            }
        }
        lines
    }
}
