//! A frozen policy that holds the heads that another leaves: with it one side of the action table learns, or is
//! judged, while the other goes on deciding.

use crate::frozen::FrozenPolicy;
use bevy_ecs::prelude::*;
use sim::action::{CHOICES, Heads, Side, hold, write_mask};
use sim::chain::Chain;
use sim::config::Config;
use sim::observe::Observations;
use sim::systems::act::PendingAction;

/// Who holds the other heads, in a world whose policy holds only one side's ([`Side`]). It sees what the policy
/// sees, decides when it decides, and submits in the same transaction.
#[derive(Resource, Clone, Debug)]
pub struct Partner {
    policy: FrozenPolicy,
    side: Side,
    mask: Vec<f32>,
    action: Vec<f32>,
}

impl Partner {
    /// A policy that holds a side's heads. It must have no memory: it is not told of episodes.
    #[must_use]
    pub fn new(policy: FrozenPolicy, side: Side) -> Self {
        let heads = policy.action_dim();
        Self { policy, side, mask: vec![0.0; heads * CHOICES], action: vec![0.0; heads] }
    }
}

/// Fills in the partner's heads where a decision is due.
pub fn decide_rest(
    partner: Option<ResMut<Partner>>,
    observations: Res<Observations>,
    chain: Res<Chain>,
    config: Res<Config>,
    mut pending: ResMut<PendingAction>,
) {
    let Some(mut partner) = partner else { return };
    if !observations.due {
        return;
    }
    let Partner { policy, side, mask, action } = &mut *partner;
    let pooled = chain.pooled(config.market);
    let heads = Heads::of(pooled);
    write_mask(pooled, chain.clock().timestamp, mask);
    side.mask(heads, mask);
    policy.act(&observations.row, mask, action);
    if !pending.waits {
        pending.values.resize(action.len(), 0.0);
        hold(&mut pending.values);
        pending.waits = true;
    }
    side.take_over(heads, action, &mut pending.values);
}
