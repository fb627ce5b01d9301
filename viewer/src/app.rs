//! The view as a whole: where the panels are, and the keys.

use crate::frame::{Axis, Command, Frame, PlayState};
use crate::panels::{
    Controls, Events, Gains, Health, Panel, Prices, Purse, Risk, TotalsPanel, Utilisation,
};
use crate::theme;
use crate::worker::Worker;
use egui::{Context, Key, Margin, Rect, Theme, Ui, UiBuilder, pos2, vec2};
use std::sync::Arc;

const GAP: f32 = 8.0;

/// The view. It owns the panels' state and shows the newest frame; it needs no window.
pub struct App {
    frame: Arc<Frame>,
    worker: Option<Worker>,
    theme: Theme,
    installed: bool,
    controls: Controls,
    totals: TotalsPanel,
    columns: [Vec<Box<dyn Panel>>; 2],
    /// The same for an attack on a stage.
    stage: [Vec<Box<dyn Panel>>; 2],
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("frame", &self.frame).finish_non_exhaustive()
    }
}

impl App {
    /// A view of a worker, with scenarios or runs to choose from.
    #[must_use]
    pub fn new(worker: Worker, catalogue: Vec<String>, theme: Theme) -> Self {
        Self::build(worker.frame(), Some(worker), catalogue, theme)
    }

    /// A view of one frame that does not move.
    #[must_use]
    pub fn fixed(frame: Arc<Frame>, theme: Theme) -> Self {
        Self::build(frame, None, Vec::new(), theme)
    }

    fn build(
        frame: Arc<Frame>,
        worker: Option<Worker>,
        catalogue: Vec<String>,
        theme: Theme,
    ) -> Self {
        Self {
            frame,
            worker,
            theme,
            installed: false,
            controls: Controls::new(catalogue),
            totals: TotalsPanel,
            columns: [
                vec![
                    Box::new(Prices::default()),
                    Box::<Utilisation>::default(),
                    Box::<Risk>::default(),
                ],
                vec![Box::<Health>::default(), Box::<Events>::default()],
            ],
            stage: [
                vec![Box::<Prices>::default(), Box::<Gains>::default()],
                vec![Box::<Purse>::default(), Box::<Events>::default()],
            ],
        }
    }

    /// The same view, with the prices of another asset first.
    #[must_use]
    pub fn showing_asset(mut self, asset: usize) -> Self {
        if let Some(first) = self.columns[0].first_mut() {
            *first = Box::new(Prices::showing(asset));
        }
        self
    }

    /// The frame shown.
    #[must_use]
    pub fn frame(&self) -> &Arc<Frame> {
        &self.frame
    }

    /// Fetches the newest frame. Never waits.
    pub fn update(&mut self, ctx: &Context) {
        if !self.installed {
            theme::install(ctx, self.theme);
            self.installed = true;
        }
        if let Some(worker) = &self.worker {
            self.frame = worker.frame();
        }
    }

    /// Draws everything and sends what the user asks for.
    pub fn ui(&mut self, ui: &mut Ui) {
        let mut commands = Vec::new();
        let frame = Arc::clone(&self.frame);
        keys(ui, &frame, &mut commands);
        let margin =
            egui::Frame::new().inner_margin(Margin::same(10)).fill(ui.visuals().panel_fill);
        egui::CentralPanel::default().frame(margin).show(ui, |ui| {
            self.controls.ui(&frame, ui, &mut commands);
            ui.add_space(4.0);
            self.totals.ui(&frame, ui, &mut commands);
            ui.add_space(GAP - ui.spacing().item_spacing.y);
            self.grid_ui(&frame, ui, &mut commands);
        });
        self.send(commands);
    }

    fn grid_ui(&mut self, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>) {
        let area = ui.available_rect_before_wrap();
        let (grid, shares) = match frame.axis {
            Axis::Blocks => (&mut self.columns, [[0.38, 0.31, 0.31], [0.42, 0.58, 0.0]]),
            Axis::Steps => (&mut self.stage, [[0.5, 0.5, 0.0], [0.42, 0.58, 0.0]]),
        };
        let right = (area.width() * 0.33).clamp(300.0, 480.0);
        let middle = area.right() - right - GAP;
        let columns = [
            Rect::from_min_max(area.min, pos2(middle, area.bottom())),
            Rect::from_min_max(pos2(middle + GAP, area.top()), area.max),
        ];
        for ((panels, column), shares) in grid.iter_mut().zip(columns).zip(shares) {
            let height = column.height() - GAP * (panels.len() - 1) as f32;
            let mut top = column.top();
            for (panel, share) in panels.iter_mut().zip(shares) {
                let rect = Rect::from_min_size(
                    pos2(column.left(), top),
                    vec2(column.width(), height * share),
                );
                top = rect.bottom() + GAP;
                let mut child = ui.new_child(UiBuilder::new().id_salt(panel.name()).max_rect(rect));
                child.set_clip_rect(rect.expand(1.0).intersect(ui.clip_rect()));
                theme::card(&child).show(&mut child, |ui| {
                    ui.set_min_size(ui.available_size());
                    panel.ui(frame, ui, commands);
                });
            }
        }
        ui.advance_cursor_after_rect(area);
    }

    fn send(&mut self, commands: Vec<Command>) {
        let Some(worker) = &self.worker else { return };
        for command in commands {
            if !worker.send(command) {
                let mut frame = Frame::clone(&self.frame);
                frame.play = PlayState {
                    error: Some(
                        "The simulation's thread has ended. Open the window anew.".to_owned(),
                    ),
                    ..frame.play
                };
                self.frame = Arc::new(frame);
            }
        }
    }
}

/// Space plays and pauses, the right arrow steps, home goes to the start.
fn keys(ui: &Ui, frame: &Frame, commands: &mut Vec<Command>) {
    // A focused widget has its own use for them.
    if ui.ctx().memory(|memory| memory.focused().is_some()) {
        return;
    }
    ui.input(|input| {
        if input.key_pressed(Key::Space) {
            commands.push(if frame.play.playing { Command::Pause } else { Command::Play });
        }
        if input.key_pressed(Key::ArrowRight) {
            commands.push(Command::StepBlock);
        }
        if input.key_pressed(Key::Home) {
            commands.push(Command::Seek(0));
        }
    });
}
