//! What a window can show: a live world, or a recording.

mod live;
mod recorder;
mod tape;

pub use live::LiveSource;
pub use tape::{TapeSource, TapeWorld};
