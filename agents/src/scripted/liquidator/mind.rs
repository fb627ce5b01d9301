//! A frozen policy in the liquidator's seat of a world, whoever else plays there: with it a risk policy learns, and
//! is judged, among liquidators of which one was learned.

use super::seat::{self, Desk, LOGITS, Members, OBS_DIM, Order, RANKS};
use crate::frozen::FrozenPolicy;
use bevy_ecs::prelude::*;

/// Who takes the seat.
#[derive(Resource, Clone, Debug)]
pub struct Mind {
    policy: FrozenPolicy,
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
        let policy = FrozenPolicy::from_bytes(bytes)?;
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
        Ok(Self { policy, row: vec![0.0; OBS_DIM], mask: vec![0.0; LOGITS], action })
    }

    /// Takes the seat of a world at the start of an episode.
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
        let Mind { policy, row, mask, action } = &mut *mind;
        if let Some((_, wallet, liquidator)) = seat::seated(&mut members, world) {
            liquidator.look(world, *wallet, &chances, row, mask);
            policy.act(row, mask, action);
            let order = Some((Order::of(action), chances));
            world.insert_resource(Desk { taken: true, order });
        }
    });
}
