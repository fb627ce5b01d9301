//! Invariants of a lane, beside the chain's own ([`crate::chain::invariants`]): ids and sentences, the
//! same code in tests and in runs. A violation stops the lane.

use crate::chain::{Chain, Violation};
use crate::config::{Config, Episode};
use crate::mempool::Mempool;
use crate::prices::{FairPrices, PriceSource};
use crate::reward::RewardState;
use crate::views::PositionViews;
use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

/// What a panic of the simulator counts as: id and sentence.
pub const PANIC: (&str, &str) = ("PANIC-01", "no step of the simulator panics");

/// Every invariant that [`check`] checks besides the chain's: id and sentence.
pub const CATALOGUE: [(&str, &str); 5] = [
    ("LANE-01", "every priced asset has a positive, finite fair price"),
    ("LANE-02", "block numbers count the episode's blocks"),
    ("LANE-03", "a block uses at most its gas limit"),
    ("LANE-04", "the objective is a finite number"),
    ("LANE-05", "projected health factors agree with exact ones to a millionth"),
];

/// How much is looked at after every block. No part of a world's state: it changes no block.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// What every run can afford: [`Chain::audit`].
    #[default]
    Books,
    /// The whole catalogue on all state, and on the step from the block before: [`Chain::audit_all`].
    Everything,
}

impl Depth {
    /// Audits a chain.
    ///
    /// # Errors
    /// The first invariant that is broken.
    pub fn audit(self, chain: &mut Chain) -> Result<(), Violation> {
        match self {
            Self::Books => chain.audit(),
            Self::Everything => chain.audit_all(),
        }
    }
}

/// Why a lane stopped, if it did.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped(pub Option<Violation>);

/// What an audit looks at.
#[derive(Debug)]
pub struct Audited<'a> {
    /// The episode's constants.
    pub config: &'a Config,
    /// Where it is.
    pub episode: &'a Episode,
    /// Who has prices.
    pub source: &'a PriceSource,
    /// The prices.
    pub prices: &'a FairPrices,
    /// The block.
    pub mempool: &'a Mempool,
    /// Beliefs about positions.
    pub positions: &'a PositionViews,
    /// The objective as of the last block.
    pub reward: &'a RewardState,
}

fn violation(index: usize, detail: String) -> Violation {
    let (id, sentence) = CATALOGUE[index];
    Violation { id: id.to_owned(), sentence: sentence.to_owned(), detail }
}

/// Checks the chain's invariants and the lane's.
///
/// # Errors
/// The first that is broken.
pub fn check(chain: &mut Chain, depth: Depth, world: &Audited<'_>) -> Result<(), Violation> {
    depth.audit(chain)?;
    let Audited { config: _, episode, source, prices, mempool, positions, reward } = world;
    for asset in &source.assets {
        let price = prices.usd(*asset);
        if !(price.is_finite() && price > 0.0) {
            let symbol = &chain.asset(*asset).symbol;
            return Err(violation(0, format!("{symbol}: {price}")));
        }
    }
    let clock = chain.clock();
    if clock.block != episode.genesis_block + episode.block {
        let detail =
            format!("block {}, {} since {}", clock.block, episode.block, episode.genesis_block);
        return Err(violation(1, detail));
    }
    if clock.gas_used > clock.gas_limit {
        let n = mempool.executed.len();
        let detail = format!("{} of {} by {n} transactions", clock.gas_used, clock.gas_limit);
        return Err(violation(2, detail));
    }
    if !reward.objective_usd.is_finite() {
        return Err(violation(3, format!("{}", reward.objective_usd)));
    }
    if positions.disagreements > 0 {
        return Err(violation(4, format!("{} accounts", positions.disagreements)));
    }
    Ok(())
}
