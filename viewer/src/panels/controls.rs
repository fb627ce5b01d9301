//! Play, pause, step, seek, speed, and what is being shown.

use super::Panel;
use crate::format;
use crate::frame::{Command, Frame, Origin, Speed};
use crate::theme::Palette;
use egui::{Align, Button, ComboBox, Layout, RichText, Slider, Theme, Ui, vec2};

/// The bar at the top.
#[derive(Debug, Default)]
pub struct Controls {
    catalogue: Vec<String>,
    scrub: u64,
}

impl Controls {
    /// With scenarios or runs to choose from.
    #[must_use]
    pub fn new(catalogue: Vec<String>) -> Self {
        Self { catalogue, scrub: 0 }
    }

    fn where_ui(&self, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        ui.label(RichText::new("Ballast").size(18.0).strong().color(palette.accent));
        ui.add_space(4.0);
        if self.catalogue.is_empty() {
            ui.label(RichText::new(&frame.scenario).size(15.0).strong());
        } else {
            ComboBox::from_id_salt("scenario")
                .selected_text(RichText::new(&frame.scenario).size(15.0).strong())
                .width(180.0)
                .show_ui(ui, |ui| {
                    for name in &self.catalogue {
                        if ui.selectable_label(*name == frame.scenario, name).clicked() {
                            commands.push(Command::LoadScenario(name.clone()));
                        }
                    }
                })
                .response
                .on_hover_text("Open another scenario");
        }
        let (text, color) = match frame.origin {
            Origin::Live => ("LIVE", palette.good),
            Origin::Recording => ("RECORDING", palette.accent),
            Origin::Fixed => ("FIXED FRAME", palette.weak),
            Origin::Nothing => ("", palette.weak),
        };
        ui.label(RichText::new(text).size(11.0).strong().color(color));
        if !frame.policy.is_empty() {
            ui.label(RichText::new(format!("risk policy: {}", frame.policy)).color(palette.weak));
        }
        if frame.episode > 0 {
            ui.label(RichText::new(format!("episode {}", frame.episode)).color(palette.weak));
        }
    }

    fn clock_ui(frame: &Frame, ui: &mut Ui) {
        let palette = Palette::of(ui);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let dark = ui.visuals().dark_mode;
            if ui.button(if dark { "Light" } else { "Dark" }).clicked() {
                ui.ctx().set_theme(if dark { Theme::Light } else { Theme::Dark });
            }
            ui.add_space(6.0);
            ui.label(RichText::new(format::utc(frame.timestamp)).monospace().color(palette.weak));
            let (unit, at) = (frame.axis.unit(), format::integer(frame.block));
            let block = match frame.last_block {
                Some(last) => format!("{unit} {at} / {}", format::integer(last)),
                None => format!("{unit} {at}"),
            };
            ui.label(RichText::new(block).size(15.0).strong());
        });
    }

    fn play_ui(&mut self, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        let play = &frame.play;
        let ready = !matches!(frame.origin, Origin::Nothing);
        ui.add_enabled_ui(ready, |ui| {
            let label = if play.playing { "Pause" } else { "Play" };
            let button = Button::new(RichText::new(label).strong()).min_size(vec2(64.0, 26.0));
            let button = if play.playing {
                button
            } else {
                button.fill(palette.accent.gamma_multiply(0.35))
            };
            if ui.add_enabled(play.playing || !play.at_end, button).clicked() {
                commands.push(if play.playing { Command::Pause } else { Command::Play });
            }
            let step = Button::new("Step").min_size(vec2(48.0, 26.0));
            if ui
                .add_enabled(!play.at_end, step)
                .on_hover_text("One block, then stop (right arrow)")
                .clicked()
            {
                commands.push(Command::StepBlock);
            }
            let restart = Button::new("Restart").min_size(vec2(60.0, 26.0));
            if ui.add(restart).on_hover_text("Back to block 0 (home)").clicked() {
                commands.push(Command::Seek(0));
            }
            ComboBox::from_id_salt("speed")
                .selected_text(play.speed.label())
                .width(130.0)
                .show_ui(ui, |ui| {
                    for speed in Speed::CHOICES {
                        if ui.selectable_label(speed == play.speed, speed.label()).clicked() {
                            commands.push(Command::SetSpeed(speed));
                        }
                    }
                })
                .response
                .on_hover_text("How fast blocks follow each other");
            self.seek_ui(frame, ui, commands);
        });
    }

    fn seek_ui(&mut self, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>) {
        let palette = Palette::of(ui);
        let status = if let Some(name) = &frame.play.loading {
            format!("opening {name}…")
        } else if let Some(block) = frame.play.seeking_to {
            format!("seeking block {}…", format::integer(block))
        } else if frame.play.at_end {
            "end".to_owned()
        } else if frame.play.playing {
            format!("{} blocks/s", format::short(frame.play.blocks_per_sec))
        } else {
            "paused".to_owned()
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add_sized(
                vec2(150.0, 20.0),
                egui::Label::new(RichText::new(status).color(palette.weak)).truncate(),
            );
            let last = frame.last_block.unwrap_or(frame.block).max(1);
            ui.spacing_mut().slider_width = (ui.available_width() - 8.0).max(60.0);
            let slider = ui.add(Slider::new(&mut self.scrub, 0..=last).show_value(false));
            slider.widget_info(|| egui::WidgetInfo::slider(true, self.scrub as f64, "Seek"));
            // A click that begins and ends between two frames is no drag, so the slider misses it.
            let clicked = ui
                .input(|i| i.pointer.primary_clicked().then(|| i.pointer.interact_pos()).flatten())
                .filter(|at| slider.rect.contains(*at) && !slider.drag_stopped());
            if slider.changed() {
                commands.push(Command::Seek(self.scrub));
            } else if let Some(at) = clicked {
                let part = (at.x - slider.rect.left()) / slider.rect.width().max(1.0);
                self.scrub = (f64::from(part) * last as f64).round() as u64;
                commands.push(Command::Seek(self.scrub));
            } else if !slider.dragged() && frame.play.seeking_to.is_none() {
                self.scrub = frame.block;
            }
        });
    }
}

impl Panel for Controls {
    fn name(&self) -> &'static str {
        "Controls"
    }

    fn ui(&mut self, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>) {
        ui.horizontal(|ui| {
            self.where_ui(frame, ui, commands);
            Self::clock_ui(frame, ui);
        });
        ui.add_space(2.0);
        ui.horizontal(|ui| self.play_ui(frame, ui, commands));
        if let Some(error) = &frame.play.error {
            let palette = Palette::of(ui);
            egui::Frame::new()
                .fill(palette.bad.gamma_multiply(0.18))
                .corner_radius(5)
                .inner_margin(6)
                .show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    ui.colored_label(palette.bad, error);
                });
        }
    }
}
