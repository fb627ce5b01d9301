//! Oracle nodes: report an exchange's price to a push feed on deviation or heartbeat.
//!
//! A node sees the exchange's mid of `lag_blocks` ago (its sources' and its own delay) and reports as
//! the feed's public rule says (0.5 % or an hour for ETH/USD on Ethereum). The report is a transaction
//! like any other: it pays for gas, competes for its place, and can be front-run and back-run.
//! Checkpoints of averages are the world's own keeper's work, in `sim`.

use super::{SpawnError, Token, endow, gas_bid, next_actor_id, wei};
use bevy_ecs::prelude::*;
use markets::units::{AssetId, FeedId, Price};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::call::Call;
use sim::chain::{Chain, Feed};
use sim::prices::FairPrices;
use sim::rng::actor_key;

/// Gas that a report may use.
const GAS_LIMIT: u64 = 100_000;

/// Oracle nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OracleNodeConfig {
    /// Age of the price that a node sees, in blocks.
    pub lag_blocks: u32,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei; doubled for every block that a report has waited.
    pub priority_fee_gwei: f64,
}

impl Default for OracleNodeConfig {
    /// One block of delay (judgement) and a tip above the crowd's.
    fn default() -> Self {
        Self { lag_blocks: 1, gas_purse_tokens: 200.0, priority_fee_gwei: 3.0 }
    }
}

/// The node of one push feed.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OracleNode {
    feed: FeedId,
    asset: AssetId,
    priority_fee_wei: u64,
    /// The last mids seen, in USD; the oldest is at `cursor`.
    seen: Vec<f64>,
    cursor: usize,
    /// Blocks for which a report has been due and not been included.
    waited: u32,
}

impl OracleNode {
    /// Takes in the present mid and gives back the one of `lag_blocks` ago.
    fn observe(&mut self, mid_usd: f64) -> f64 {
        self.seen[self.cursor] = mid_usd;
        self.cursor += 1;
        if self.cursor == self.seen.len() {
            self.cursor = 0;
        }
        self.seen[self.cursor]
    }
}

/// Puts the node of a push feed into a world. It reports the price of `asset` from the feed's own
/// reporter account.
///
/// # Errors
/// [`SpawnError::WrongFeed`] where the feed is no push feed.
pub fn spawn(
    world: &mut World,
    feed: FeedId,
    asset: AssetId,
    config: &OracleNodeConfig,
) -> Result<(), SpawnError> {
    let id = next_actor_id(world);
    let mid = world.resource::<FairPrices>().usd(asset);
    let mut chain = world.resource_mut::<Chain>();
    let Feed::Push(push) = chain.feed(feed) else { return Err(SpawnError::WrongFeed) };
    let wallet = Wallet(push.reporter);
    let gas = Token::of_id(&chain, chain.gas_asset());
    endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
    let node = OracleNode {
        feed,
        asset,
        priority_fee_wei: wei(config.priority_fee_gwei),
        seen: vec![mid; config.lag_blocks as usize + 1],
        cursor: 0,
        waited: 0,
    };
    let actor = Actor { id, key: actor_key("oracle node", feed.0.into()) };
    world.spawn((actor, wallet, node));
    Ok(())
}

/// Lets every node look at its exchange and report where the feed's rule says so.
pub fn report_prices(
    chain: Res<Chain>,
    prices: Res<FairPrices>,
    mut outbox: ResMut<Outbox>,
    mut nodes: Query<(&Actor, &Wallet, &mut OracleNode)>,
) {
    let clock = chain.clock();
    for (actor, wallet, mut node) in &mut nodes {
        let mid = prices.usd(node.asset);
        let observed = node.observe(mid);
        let Feed::Push(feed) = chain.feed(node.feed) else { continue };
        if !feed.should_push(observed, clock.timestamp) {
            node.waited = 0;
            continue;
        }
        let tip = node.priority_fee_wei << node.waited.min(8);
        node.waited += 1;
        let report = Call::PushPrice { feed: node.feed, price: Price::from_usd(observed) };
        outbox.submit(actor, *wallet, gas_bid(&clock, GAS_LIMIT, tip), &[report]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_sees_the_price_of_lag_blocks_ago() {
        let mut node = OracleNode {
            feed: FeedId(0),
            asset: AssetId(0),
            priority_fee_wei: 1,
            seen: vec![10.0; 3],
            cursor: 0,
            waited: 0,
        };
        let seen: Vec<f64> = [11.0, 12.0, 13.0, 14.0].map(|p| node.observe(p)).into();
        assert_eq!(seen, [10.0, 10.0, 11.0, 12.0]);
    }
}
