//! The learner. It knows environments, not lending.
//!
//! Settings, checkpoints, statistics and test games build without libtorch, so that scenario files with a
//! training section can be read by any build.

#[cfg(feature = "tch")]
mod actor;
pub mod checkpoint;
pub mod config;
pub mod error;
pub mod gae;
pub mod game_theory;
pub mod games;
#[cfg(feature = "tch")]
pub mod heads;
pub mod kickstart;
pub mod league;
#[cfg(feature = "tch")]
pub mod league_play;
pub mod levels;
pub mod log;
pub mod loss;
#[cfg(feature = "tch")]
pub mod network;
pub mod noise;
#[cfg(feature = "tch")]
mod normalise;
#[cfg(feature = "tch")]
pub mod parameters;
#[cfg(feature = "tch")]
pub mod ppo;
pub mod reference;
pub mod replay;
#[cfg(feature = "tch")]
mod resume;
#[cfg(feature = "tch")]
pub mod run;
#[cfg(feature = "tch")]
pub mod sac;
pub mod sac_config;
#[cfg(feature = "tch")]
mod sac_resume;
#[cfg(feature = "tch")]
pub mod self_play;
pub mod shape;
#[cfg(feature = "tch")]
pub mod squashed;
pub mod stats;
#[cfg(feature = "tch")]
mod storage;
pub mod tail;
#[cfg(feature = "tch")]
pub mod towers;
pub mod twin;

pub use checkpoint::{Checkpoint, Saved};
pub use config::{Discount, PpoConfig};
pub use error::LearnError;
pub use kickstart::Kickstart;
pub use reference::Reference;
pub use sac_config::SacConfig;
pub use tail::Tail;
