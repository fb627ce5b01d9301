//! The window itself (feature `window`): eframe with OpenGL.

use crate::app::App;
use crate::worker::{Opener, Worker};
use egui::{Context, Theme, Ui};

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
#[error("the window could not be opened: {0}")]
pub struct WindowError(String);

/// Opens the window on a scenario or a run and returns when it is closed.
///
/// # Errors
/// Where there is no display, or no OpenGL on it.
pub fn run(
    target: &str,
    open: Opener,
    catalogue: Vec<String>,
    theme: Theme,
) -> Result<(), WindowError> {
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Ballast")
            .with_app_id("ballast")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([900.0, 600.0]),
        ..Default::default()
    };
    let target = target.to_owned();
    eframe::run_native(
        "Ballast",
        options,
        Box::new(move |creation| {
            let ctx = creation.egui_ctx.clone();
            let worker = Worker::spawn(&target, open, Box::new(move || ctx.request_repaint()))?;
            Ok(Box::new(Window(App::new(worker, catalogue, theme))))
        }),
    )
    .map_err(|error| WindowError(error.to_string()))
}

struct Window(App);

impl eframe::App for Window {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.0.update(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.0.ui(ui);
    }
}
