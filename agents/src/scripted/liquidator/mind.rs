//! A policy in the liquidator's seat of a world, whoever else plays there: with it a risk policy learns, and
//! is judged, among liquidators of which one was learned, or learns elsewhere.

use super::seat::{self, Desk, LOGITS, Members, OBS_DIM, Order, RANKS};
use crate::frozen::FrozenPolicy;
use bevy_ecs::prelude::*;
use sim::config::Episode;
use sim::rng::{Purpose, Streams, actor_key};

/// Who takes the seat.
#[derive(Resource, Clone, Debug)]
pub struct Mind {
    policy: FrozenPolicy,
    /// Whether it draws what it does, as it does while it learns.
    draws: bool,
    row: Vec<f32>,
    mask: Vec<f32>,
    action: Vec<f32>,
}

impl Mind {
    /// A policy that was stored as bytes.
    ///
    /// # Errors
    /// A sentence: not a policy, or none of a liquidator.
    pub fn learned(bytes: &[u8]) -> Result<Self, String> {
        Self::new(FrozenPolicy::from_bytes(bytes)?)
    }

    /// A policy of a liquidator's seat, which does what is most likely.
    ///
    /// # Errors
    /// A sentence: it is none of a liquidator.
    pub fn new(policy: FrozenPolicy) -> Result<Self, String> {
        if policy.memory().is_some() {
            return Err(
                "no liquidator: it has memory; train one with `ballast liquidate`".to_owned()
            );
        }
        let here = (OBS_DIM, seat::HEADS.repeat(RANKS));
        let there = (policy.obs_dim(), policy.heads());
        if there != (here.0, here.1.as_slice()) || policy.bounds().is_some() {
            return Err(format!(
                "no liquidator of this build: it sees {} values and has heads of {:?} choices, a liquidator's seat \
                 has {} and {:?}; train one with `ballast liquidate`",
                there.0, there.1, here.0, here.1
            ));
        }
        let action = vec![0.0; policy.action_dim()];
        let (row, mask) = (vec![0.0; OBS_DIM], vec![0.0; LOGITS]);
        Ok(Self { policy, draws: false, row, mask, action })
    }

    /// The same, which draws what it does.
    #[must_use]
    pub fn drawing(self) -> Self {
        Self { draws: true, ..self }
    }

    /// Takes the seat of a world, at the start of an episode or in the middle of one.
    pub fn enter(&self, world: &mut World) {
        world.insert_resource(Desk { taken: true, order: None });
        world.insert_resource(self.clone());
    }
}

/// Gives the seat its order in every block in which it has a turn.
pub fn think(world: &mut World) {
    if !world.contains_resource::<Mind>() {
        return;
    }
    let mut members: Members = world.query();
    let Some(chances) = seat::turn(&mut members, world) else { return };
    world.resource_scope(|world, mut mind: Mut<'_, Mind>| {
        let Mind { policy, draws, row, mask, action } = &mut *mind;
        if let Some((_, wallet, liquidator)) = seat::seated(&mut members, world) {
            liquidator.look(world, *wallet, &chances, row, mask);
            if *draws {
                let (streams, at) = (world.resource::<Streams>(), world.resource::<Episode>());
                let key = actor_key("liquidator", 0);
                let mut rng = streams.at(Purpose::Learner, key, at.number, at.block);
                policy.draw(row, mask, action, &mut rng);
            } else {
                policy.act(row, mask, action);
            }
            let order = Some((Order::of(action), chances));
            world.insert_resource(Desk { taken: true, order });
        }
    });
}
