//! Prices of one asset: fair, pool and oracle.

use super::Panel;
use crate::format;
use crate::frame::{AssetHistory, Command, EventKind, Frame};
use crate::plots::{self, TimeLine, TimePlot};
use crate::theme::Palette;
use egui::Ui;

/// Prices of one asset at a time. The gap between pool and oracle is what attackers live on.
#[derive(Debug, Default)]
pub struct Prices {
    /// None until there is a frame to choose by.
    asset: Option<usize>,
}

impl Prices {
    /// Shows the asset of this index first.
    #[must_use]
    pub fn showing(asset: usize) -> Self {
        Self { asset: Some(asset) }
    }
}

impl Panel for Prices {
    fn name(&self) -> &'static str {
        "Prices"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, _commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        let name = self.name();
        let count = frame.assets.len();
        // The first asset that a pool prices; the dollar on the pool's other side says little.
        let is_told = |a: &AssetHistory| {
            let fair = a.fair.first_value().unwrap_or(1.0);
            a.pool.last_value().is_some() && (fair - 1.0).abs() > 0.02
        };
        let told = || frame.assets.iter().position(is_told);
        let mut chosen = self.asset.or_else(told).unwrap_or(0).min(count.saturating_sub(1));
        plots::title_ui(ui, name, |ui| {
            let symbols = frame.assets.iter().enumerate().map(|(i, a)| (i, a.symbol.clone()));
            plots::choice_ui(ui, &mut chosen, symbols);
        });
        let Some(asset) = frame.assets.get(chosen) else {
            ui.label("This scenario has no assets with prices.");
            return;
        };
        self.asset = Some(chosen);
        let kinds = [
            ("fair", palette.fair, &asset.fair, true),
            ("pool", palette.pool, &asset.pool, false),
            ("oracle", palette.oracle, &asset.oracle, false),
        ];
        let mut lines = Vec::new();
        ui.horizontal(|ui| {
            for (name, color, series, dashed) in kinds {
                let Some(value) = series.last_value() else { continue };
                plots::legend_ui(ui, color, name, &format::usd(value), dashed);
                let mut line = TimeLine::new(format!("{} {name}", asset.symbol), color, series);
                line.dashed = dashed;
                lines.push(line);
            }
            if let (Some(fair), Some(oracle)) = (asset.fair.last_value(), asset.oracle.last_value())
                && fair > 0.0
            {
                let gap = oracle / fair - 1.0;
                let color = if gap.abs() > 0.02 { palette.bad } else { palette.weak };
                ui.colored_label(color, format!("oracle vs fair {}", format::percent(gap)));
            }
        });
        // The reference is dashed and goes on top, or it would hide under what follows it.
        lines.sort_by_key(|line| line.dashed);
        TimePlot {
            id: "prices",
            y_label: "USD per token",
            y_text: plots::usd_text,
            include_y: &[],
            lines,
            marks: &[EventKind::Attack, EventKind::BadDebt, EventKind::Liquidation],
        }
        .show(ui, frame);
    }
}
