//! Act: the learned action becomes a transaction. (Scripted participants bring their own systems.)

use crate::action::Decoder;
use crate::actor::Outbox;
use crate::chain::Chain;
use crate::config::{Config, RiskSeat};
use bevy_ecs::prelude::*;

/// The action that waits for the block's second half.
#[derive(Resource, Clone, Debug, Default)]
pub struct PendingAction {
    /// One choice or number per head; nothing where none waits.
    pub values: Vec<f32>,
    /// Whether it waits.
    pub waits: bool,
}

/// Decodes the waiting action and submits it from the risk manager's seat.
pub fn submit_learned_action(
    config: Res<Config>,
    chain: Res<Chain>,
    seat: Option<Res<RiskSeat>>,
    mut pending: ResMut<PendingAction>,
    mut outbox: ResMut<Outbox>,
    mut decoder: Local<Decoder>,
) {
    if !std::mem::take(&mut pending.waits) {
        return;
    }
    let Some(seat) = seat else { return };
    let pooled = chain.pooled(config.market);
    let now = chain.clock().timestamp;
    let calls = decoder.decode(&pending.values, config.market, pooled, now);
    if !calls.is_empty() {
        outbox.submit(&seat.actor, seat.wallet, seat.gas, calls);
    }
}
