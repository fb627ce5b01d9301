//! Stages: deployed contracts as they stood, placed by a file, and what happened on them.

mod act;
mod place;
mod play;
mod schema;
mod vaults;

pub use place::{Names, Placed};
pub(crate) use place::{Refusal, execute, header, place, price};
pub(crate) use play::play;
pub use play::{Done, Played};
pub use schema::*;
