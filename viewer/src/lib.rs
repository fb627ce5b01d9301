//! The viewer: what is seen of a live world or a recording.
//!
//! The simulation runs on its own thread ([`worker`]) and hands out immutable [`frame::Frame`]s; the
//! [`panels`] draw them and answer with [`frame::Command`]s. Nothing here needs a window:
//! [`screenshot`] renders the same view to a PNG on the CPU, tests drive it by label, and the feature
//! `window` adds the window itself.

pub mod app;
pub mod demo;
pub mod format;
pub mod frame;
pub mod open;
pub mod panels;
mod plots;
mod raster;
mod screenshot;
pub mod series;
pub mod source;
pub mod theme;
#[cfg(feature = "window")]
pub mod window;
pub mod worker;

pub use app::App;
pub use egui::Theme;
pub use frame::{Command, Frame};
pub use open::{Selection, open, opener};
pub use screenshot::{ScreenshotError, frame_at, render, screenshot};
pub use source::{LiveSource, StageSource, TapeSource, TapeWorld};
pub use worker::{Opener, Source, Worker};
