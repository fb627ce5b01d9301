//! The learner. It knows environments, not lending.
//!
//! Everything but [`ppo`] and [`network`] builds without libtorch, so that scenario files with a
//! training section can be read by any build.

pub mod checkpoint;
pub mod config;
pub mod error;
pub mod games;
#[cfg(feature = "tch")]
pub mod network;
pub mod noise;
#[cfg(feature = "tch")]
pub mod ppo;
pub mod shape;
pub mod stats;

pub use checkpoint::Checkpoint;
pub use config::{Discount, PpoConfig};
pub use error::LearnError;
