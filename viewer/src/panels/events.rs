//! What happened: liquidations, attacks, bad debt, risk changes.

use super::Panel;
use crate::format;
use crate::frame::{AccountView, Command, Event, EventKind, Frame};
use crate::plots;
use crate::theme::Palette;
use egui::{CornerRadius, RichText, ScrollArea, Sense, Ui, vec2};

const ROW_HEIGHT: f32 = 19.0;

/// The list of events, newest at the foot, filtered by kind, and the account under inspection.
#[derive(Debug)]
pub struct Events {
    shown: [bool; EventKind::ALL.len()],
}

impl Default for Events {
    fn default() -> Self {
        Self { shown: [true; EventKind::ALL.len()] }
    }
}

impl Panel for Events {
    fn name(&self) -> &'static str {
        "Events"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        let mut counts = [0_u64; EventKind::ALL.len()];
        for event in frame.events.iter() {
            counts[event.kind as usize] += 1;
        }
        let name = self.name();
        plots::title_ui(ui, name, |ui| {
            let all: u64 = counts.iter().sum();
            ui.label(RichText::new(format::integer(all)).color(palette.weak));
        });
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(3.0, 2.0);
            for kind in EventKind::ALL.into_iter().filter(|kind| kind.is_on(frame.axis)) {
                let i = kind as usize;
                let text = format!("{} {}", kind.label(), format::integer(counts[i]));
                let text = RichText::new(text).size(11.5).color(if self.shown[i] {
                    palette.event(kind)
                } else {
                    palette.weak.gamma_multiply(0.6)
                });
                if ui.selectable_label(self.shown[i], text).clicked() {
                    self.shown[i] = !self.shown[i];
                }
            }
        });
        if let Some(account) = &frame.inspected {
            account_ui(account, ui, commands);
        }
        let shown: Vec<&Event> =
            frame.events.iter().filter(|event| self.shown[event.kind as usize]).collect();
        if shown.is_empty() {
            ui.add_space(8.0);
            ui.label(RichText::new("Nothing yet.").color(palette.weak));
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical().auto_shrink([false, false]).stick_to_bottom(true).show_rows(
            ui,
            ROW_HEIGHT,
            shown.len(),
            |ui, rows| {
                for event in &shown[rows] {
                    row_ui(event, frame, ui, commands);
                }
            },
        );
    }
}

fn row_ui(event: &Event, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    let color = palette.event(event.kind);
    let response = ui
        .horizontal(|ui| {
            ui.set_height(ROW_HEIGHT);
            ui.spacing_mut().item_spacing.x = 6.0;
            let (rect, _) = ui.allocate_exact_size(vec2(4.0, 13.0), Sense::hover());
            ui.painter().rect_filled(rect, CornerRadius::same(2), color);
            let time = RichText::new(frame.moment(event.block)).monospace().size(11.0);
            let go = ui.add(
                egui::Button::new(time.color(palette.weak)).frame(false).min_size(vec2(62.0, 0.0)),
            );
            let place = format!("Go to {} {}", frame.axis.unit(), format::integer(event.block));
            if go.on_hover_text(place).clicked() {
                commands.push(Command::Seek(event.block));
            }
            let text = RichText::new(&event.text).size(12.0);
            ui.add(egui::Label::new(text).truncate().sense(Sense::click()))
        })
        .inner;
    let hint = match event.account {
        Some(_) => format!("{}: {}\nClick to inspect the account", event.kind.label(), event.text),
        None => format!("{}: {}", event.kind.label(), event.text),
    };
    if response.on_hover_text(hint).clicked() && event.account.is_some() {
        commands.push(Command::Inspect(event.account));
    }
}

fn account_ui(account: &AccountView, ui: &mut Ui, commands: &mut Vec<Command>) {
    let palette = Palette::of(ui);
    egui::Frame::new()
        .fill(palette.well)
        .corner_radius(CornerRadius::same(5))
        .inner_margin(6)
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal(|ui| {
                ui.label(RichText::new(&account.name).strong());
                let health = if account.health_factor.is_infinite() {
                    "no debt".to_owned()
                } else if account.health_factor.is_nan() {
                    "no price".to_owned()
                } else {
                    format!("health {:.4}", account.health_factor)
                };
                let color = match account.health_factor {
                    h if h < 1.0 => palette.bad,
                    h if h < 1.1 => palette.warn,
                    _ => palette.good,
                };
                ui.colored_label(color, health);
                if ui.small_button("Close").clicked() {
                    commands.push(Command::Inspect(None));
                }
            });
            ui.label(format!(
                "collateral {}, debt {}",
                format::usd(account.collateral_usd),
                format::usd(account.debt_usd)
            ));
            for (symbol, supplied, borrowed) in &account.reserves {
                if *supplied > 0.0 || *borrowed > 0.0 {
                    let text = format!(
                        "{symbol}: supplied {}, borrowed {}",
                        format::short(*supplied),
                        format::short(*borrowed)
                    );
                    ui.label(RichText::new(text).size(12.0).color(palette.weak));
                }
            }
        });
}
