//! What a window can show: a live world, or a recording.

mod live;
mod recorder;
mod stage;
mod tape;

pub use live::LiveSource;
pub use stage::StageSource;
pub use tape::{TapeSource, TapeWorld};
