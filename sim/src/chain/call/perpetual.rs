//! What only a perpetual market understands.

use markets::units::{AccountId, MarketId};
use serde::{Deserialize, Serialize};

/// What only a perpetual market understands; sizes in lots, prices in ticks. Paying in and out are the common
/// verbs `Supply` and `Withdraw` of its quote asset. Each of these, and those, touches the market first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum PerpetualCall {
    /// Offers to buy so many lots at a price, or to sell them below zero, in place of the sender's offer before;
    /// none withdraws it.
    Offer { market: MarketId, lots: i64, tick: u64 },
    /// Trades so many lots against somebody's offer, at its price.
    Take { market: MarketId, maker: AccountId, lots: u64 },
    /// Takes over so many lots at the mark of an account that does not cover its maintenance margin; what a
    /// closed account owes is the insurance fund's, as far as it has it.
    Liquidate { market: MarketId, account: AccountId, lots: u64 },
    /// Closes a bankrupt account's position against the other side, which bears what it owes.
    Deleverage { market: MarketId, account: AccountId },
    /// Reads the feed into the mark, notes the premium, and pays funding where it is due.
    Touch { market: MarketId },
}

impl PerpetualCall {
    /// Gas: an estimate, nothing recorded. 30,000 for a read of the feed and the clock's write, 5,000 for a
    /// written word of storage (three an account), 22,000 for an offer's new one. Funding is a write a contract,
    /// not an account, as where it is kept as an index.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Offer { .. } => 60_000,
            Self::Take { .. } => 80_000,
            Self::Liquidate { .. } => 90_000,
            Self::Deleverage { .. } => 120_000,
            Self::Touch { .. } => 40_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Offer { .. } => "perpetual_offer",
            Self::Take { .. } => "perpetual_take",
            Self::Liquidate { .. } => "perpetual_liquidate",
            Self::Deleverage { .. } => "perpetual_deleverage",
            Self::Touch { .. } => "perpetual_touch",
        }
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match self {
            Self::Take { maker: account, .. }
            | Self::Liquidate { account, .. }
            | Self::Deleverage { account, .. } => Some(*account),
            Self::Offer { .. } | Self::Touch { .. } => None,
        }
    }
}

/// What a perpetual market reports besides money in and out and liquidations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a log's sentence names its fields")]
pub enum PerpetualLog {
    /// A trade, or what a liquidation took over.
    Trade { market: MarketId, buyer: AccountId, seller: AccountId, lots: u64, tick: u64 },
    /// Funding was paid, at a rate per interval in 10⁻⁸ of the position at the mark: by longs, or by shorts
    /// below zero.
    Funding { market: MarketId, rate_e8: i64, mark: u64 },
    /// A bankrupt account's position was closed against the other side.
    Deleveraged { market: MarketId, account: AccountId, lots: u64 },
}
