//! Small known worlds that a learner must solve, or fail, in a known way.

mod above;
mod aim;
mod betting;
mod betting_plan;
mod cart_pole;
mod episodic;
mod forever;
mod identity;
mod largest;
mod mountain_car;
mod partial;
mod pendulum;

pub use above::{ABOVE_DECISIONS, Above};
pub use aim::{AIM_DECISIONS, Aim};
pub use betting::{BETTING_CHOICES, BETTING_ROUNDS, Betting};
pub use betting_plan::BettingPlan;
pub use cart_pole::{CART_POLE_STEPS, CartPole};
pub use episodic::{Episodic, Luck, Rules, play};
pub use forever::Forever;
pub use identity::{IDENTITY_DECISIONS, Identity};
pub use largest::{LARGEST_DECISIONS, Largest};
pub use mountain_car::{MOUNTAIN_CAR_STEPS, MountainCar};
pub use partial::Partial;
pub use pendulum::{PENDULUM_STEPS, Pendulum};

use serde::Deserialize;
use sim::environment::{ActionSpace, Spec};

use super::noise::uniform;

fn spec(obs_dim: usize, heads: &[u32]) -> Spec {
    Spec::new(obs_dim, ActionSpace::MultiDiscrete { heads: heads.to_vec() })
}

/// Loads what postcard saved.
fn restore<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|e| e.to_string())
}
