//! Ballast: a simulator of DeFi lending for training and judging risk policies under attack.
//!
//! This library is the embedding API: it re-exports the crates, bottom to top.
//!
//! | to add | start at |
//! |---|---|
//! | a scenario | [`scenarios::schema`], then [`scenarios::load::load`] and [`scenarios::assemble::Worlds`] |
//! | an agent | a component, a system that appends to [`sim::actor::Outbox`], a [`sim::lane::LaneSetup`] |
//! | a risk policy | [`agents::policy::RiskPolicy`]; play it with [`scenarios::arena::Arena`] |
//! | an environment for the learner | [`sim::environment::Environment`], stepped by [`sim::lanes::Lanes`] |
//! | a what-if | [`sim::chain::Chain::simulate`] on a clone of the chain |
//!
//! `examples/own-agent` in the repository does the first four from outside.
//!
//! # A world in ten lines
//!
//! ```no_run,standalone_crate
//! use ballast::agents::policy::Hold;
//! use ballast::scenarios::arena::{Arena, PathChoice, WorldAddress};
//! use ballast::scenarios::{assemble::Worlds, load::load, statics::StaticParams};
//! use std::path::Path;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let loaded = load(Path::new("scenarios/library/siege.ron"), &[])?;
//! let worlds = Worlds::new(&loaded)?;
//! let world = WorldAddress { seed: 1, instance: 0, path: PathChoice::Drawn };
//! let totals = worlds.play(world, &StaticParams::default(), &mut Hold)?;
//! println!("bad debt: {:.0} USD", totals.bad_debt_usd);
//! # Ok(())
//! # }
//! ```

pub use agents;
pub use markets;
pub use protocols;
pub use scenarios;
pub use sim;
#[cfg(feature = "viewer")]
pub use viewer;
