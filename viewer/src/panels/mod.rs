//! Panels: each shows one side of a frame, owns its own view state and asks for things by command.

mod controls;
mod events;
mod health;
mod prices;
mod purse;
mod risk;
mod totals;
mod utilisation;

pub use controls::Controls;
pub use events::Events;
pub use health::Health;
pub use prices::Prices;
pub use purse::{Gains, Purse};
pub use risk::Risk;
pub use totals::TotalsPanel;
pub use utilisation::Utilisation;

use crate::frame::{Command, Frame};
use egui::Ui;

/// One part of the window. It sees an immutable frame and cannot touch the simulation.
pub trait Panel {
    /// Its title.
    fn name(&self) -> &'static str;
    /// Draws it into `ui`; what the user asks for is appended to `commands`.
    fn ui(&mut self, frame: &Frame, ui: &mut Ui, commands: &mut Vec<Command>);
}
