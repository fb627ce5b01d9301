//! The window itself (feature `window`): eframe with OpenGL.

use crate::app::App;
use crate::frame::Command;
use crate::worker::{Opener, Worker};
use egui::{Context, Theme, Ui};

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// There is nothing to open it on.
    #[error(
        "no display to open a window on: neither WAYLAND_DISPLAY nor DISPLAY is set; \
         `--screenshot FILE` renders the same view without one"
    )]
    NoDisplay,
    /// The system refused.
    #[error("the window could not be opened: {0}")]
    Refused(String),
}

/// Opens the window on a scenario or a run, at a block of the episode, and returns when it is closed.
///
/// # Errors
/// Where there is no display, or no OpenGL on it.
pub fn run(
    target: &str,
    open: Opener,
    catalogue: Vec<String>,
    theme: Theme,
    block: Option<u64>,
) -> Result<(), WindowError> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(target_os = "linux")
        && !["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"].into_iter().any(is_set)
    {
        return Err(WindowError::NoDisplay);
    }
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
            if let Some(block) = block
                && !worker.send(Command::Seek(block))
            {
                return Err("the simulation's thread is gone".into());
            }
            Ok(Box::new(Window(App::new(worker, catalogue, theme))))
        }),
    )
    .map_err(|error| WindowError::Refused(error.to_string()))
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
