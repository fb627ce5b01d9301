//! The risk manager: the account that risk changes are sent from.
//!
//! What it decides comes from a [`RiskPolicy`](crate::policy::RiskPolicy), learned or written down, as
//! an action vector; `sim` decodes it into legal proposals and submits them from this seat. Like
//! everybody else the seat pays for gas.

use super::{SpawnError, Token, endow, next_actor_id, wei};
use bevy_ecs::prelude::*;
use markets::units::MarketId;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, GasBid, Wallet};
use sim::chain::Chain;
use sim::config::RiskSeat;
use sim::rng::actor_key;

/// Gas that a transaction of proposals may use: a proposal for each parameter of eight reserves.
const GAS_LIMIT: u64 = 4_000_000;

/// The risk manager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiskManagerConfig {
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Most that it pays per gas, in gwei.
    pub max_fee_gwei: f64,
    /// Tip, in gwei.
    pub priority_fee_gwei: f64,
}

impl Default for RiskManagerConfig {
    /// A tip well above the crowd's: a guardian pays for being first. The ceiling is Black Thursday's
    /// peak of some 400 gwei, five times over.
    fn default() -> Self {
        Self { gas_purse_tokens: 1_000.0, max_fee_gwei: 2_000.0, priority_fee_gwei: 50.0 }
    }
}

/// Marks the risk manager of a market.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskManager {
    /// Whose risk.
    pub market: MarketId,
}

/// Puts the risk manager of a market into a world and gives it the seat.
///
/// # Errors
/// [`SpawnError::Chain`].
pub fn spawn(
    world: &mut World,
    market: MarketId,
    config: &RiskManagerConfig,
) -> Result<(), SpawnError> {
    let id = next_actor_id(world);
    let mut chain = world.resource_mut::<Chain>();
    let wallet = Wallet(chain.pooled(market).risk_manager);
    let gas_token = Token::of_id(&chain, chain.gas_asset());
    endow(&mut chain, wallet.0, gas_token, config.gas_purse_tokens)?;
    let actor = Actor { id, key: actor_key("risk manager", market.0.into()) };
    let gas = GasBid {
        limit: GAS_LIMIT,
        max_fee_per_gas: wei(config.max_fee_gwei),
        max_priority_fee_per_gas: wei(config.priority_fee_gwei),
    };
    world.spawn((actor, wallet, RiskManager { market }));
    world.insert_resource(RiskSeat { actor, wallet, gas });
    Ok(())
}
