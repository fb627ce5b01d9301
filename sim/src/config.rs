//! What a lane must know besides its chain and its participants.

use crate::actor::{Actor, GasBid, Wallet};
use crate::reward::Objective;
use bevy_ecs::prelude::Resource;
use markets::units::{AccountId, MarketId, SECONDS_PER_YEAR};
use serde::{Deserialize, Serialize};

/// The constants of an episode.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Seconds between blocks.
    pub block_secs: u32,
    /// Blocks in an episode.
    pub episode_blocks: u64,
    /// Blocks between two decisions of the risk policy; the first decides in the first block.
    pub decision_every_blocks: u32,
    /// Gas that the rest of the world uses in a block at the episode's first base fee; see
    /// [`BlockGas`].
    pub background_gas: u64,
    /// The market that is watched, managed and scored.
    pub market: MarketId,
    /// What counts.
    pub objective: Objective,
    /// Whether metrics columns are kept ([`crate::metrics::Metrics`]).
    pub record_metrics: bool,
    /// Blocks between two rows of the metrics columns.
    pub metrics_every_blocks: u32,
}

impl Config {
    /// A block as a share of a year.
    #[must_use]
    pub fn block_years(&self) -> f64 {
        f64::from(self.block_secs) / SECONDS_PER_YEAR as f64
    }
}

/// Which episode is played, and where in it the world is.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Its number: the `episode` of every stream's address.
    pub number: u64,
    /// Block number of the chain before the first block of the episode.
    pub genesis_block: u64,
    /// Blocks played so far, the open one included; the first is 1.
    pub block: u64,
}

impl Episode {
    /// Whether the risk policy decides in the open block.
    #[must_use]
    pub const fn decision_due(&self, every_blocks: u32) -> bool {
        self.block > 0 && (self.block - 1).is_multiple_of(every_blocks as u64)
    }
    /// Whether it decides in the block after.
    #[must_use]
    pub const fn decides_next(&self, every_blocks: u32) -> bool {
        self.block.is_multiple_of(every_blocks as u64)
    }
}

/// The rest of the world's demand for gas: it spends a constant sum on base fees, so that what the
/// participants use moves the base fee to where both fit, and not without end.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockGas {
    /// Base fee at which the demand is [`Config::background_gas`], in wei per gas.
    pub reference_base_fee: u64,
    /// What the rest of the world uses in the open block.
    pub background_gas: u64,
}

impl BlockGas {
    /// Demand at a base fee.
    #[must_use]
    pub fn demand(&self, config: &Config, base_fee: u64) -> u64 {
        let spent = u128::from(config.background_gas) * u128::from(self.reference_base_fee);
        u64::try_from(spent / u128::from(base_fee.max(1))).unwrap_or(u64::MAX)
    }
}

/// Who sends what the learned risk policy decides; absent where nobody manages the market's risk.
#[derive(Resource, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskSeat {
    /// The participant.
    pub actor: Actor,
    /// Its account: the market's risk manager.
    pub wallet: Wallet,
    /// What it offers for gas.
    pub gas: GasBid,
}

/// Accounts whose gains count as attacker profit.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackerAccounts(pub Vec<AccountId>);
