//! Stages: deployed contracts as they stood, placed by a file, and what happened on them.

mod act;
mod feeds;
mod markets;
mod names;
mod perpetual;
mod place;
mod play;
mod pools;
mod schema;
mod vaults;

pub use names::Names;
pub(crate) use names::{Refusal, price};
pub use place::Placed;
pub(crate) use place::{execute, place};
pub(crate) use play::play;
pub use play::{Done, Played};
pub use schema::*;
