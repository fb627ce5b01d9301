//! Where a move is made: the pools, markets, oracles and accounts that it names.

use super::moves::{Lender, Move};
use markets::units::{AccountId, AssetId, FeedId, MarketId, PoolId};
use sim::chain::Chain;

/// What a move names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Names {
    lends: bool,
    pool: Option<PoolId>,
    market: Option<MarketId>,
    feed: Option<FeedId>,
    assets: [Option<AssetId>; 2],
    account: Option<AccountId>,
}

/// A place that an attack needs: a lender of flash loans, a pool, or a market's reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Venue {
    lends: bool,
    pool: Option<PoolId>,
    market: Option<MarketId>,
    reserve: Option<AssetId>,
}

impl Names {
    fn of(action: Move) -> Self {
        let none = Self::default();
        let pool = |pool, assets| Self { pool: Some(pool), assets, ..none };
        let market = |market, assets| Self { market: Some(market), assets, ..none };
        match action {
            Move::Flash(Lender::Market { market: id, asset }) => {
                Self { lends: true, ..market(id, [Some(asset), None]) }
            }
            Move::Flash(
                Lender::Pair { pool: id, asset } | Lender::Concentrated { pool: id, asset },
            ) => Self { lends: true, ..pool(id, [Some(asset), None]) },
            Move::Swap { pool: id, from, to } => pool(id, [Some(from), Some(to)]),
            Move::RemoveCoin { pool: id, share, asset } => pool(id, [Some(share), Some(asset)]),
            Move::AddLiquidity { pool: id, asset }
            | Move::RemoveLiquidity { pool: id, share: asset }
            | Move::AddCoin { pool: id, asset }
            | Move::DonateToPair { pool: id, asset }
            | Move::DonateToVault { pool: id, asset }
            | Move::FirstVaultShares { pool: id, asset } => pool(id, [Some(asset), None]),
            Move::Supply { market: id, asset }
            | Move::Withdraw { market: id, asset }
            | Move::Borrow { market: id, asset }
            | Move::Repay { market: id, asset }
            | Move::OpenPosition { market: id, margin: asset }
            | Move::FirstMarketShares { market: id, asset } => market(id, [Some(asset), None]),
            Move::ClosePosition { market: id } | Move::ExecuteRisk { market: id } => {
                market(id, [None; 2])
            }
            Move::TakeOffer { market: id, maker } => {
                Self { account: Some(maker), ..market(id, [None; 2]) }
            }
            Move::DonateToMarket { market: id, to, asset } => {
                Self { account: Some(to), ..market(id, [Some(asset), None]) }
            }
            Move::Liquidate { market: id, borrower, collateral, debt } => {
                Self { account: Some(borrower), ..market(id, [Some(debt), Some(collateral)]) }
            }
            Move::BorrowApart { market: id, collateral, debt } => {
                market(id, [Some(collateral), Some(debt)])
            }
            Move::DealApart { market: id, quote, .. } => market(id, [Some(quote), None]),
            Move::Poke { feed } | Move::Checkpoint { feed } => Self { feed: Some(feed), ..none },
            Move::LetPass { .. } | Move::Wait { .. } => none,
        }
    }
}

impl Venue {
    /// Where a move is made; `None` where it is made nowhere: it pokes an oracle, or lets time go by.
    fn of(action: Move) -> Option<Self> {
        let Names { lends, pool, market, assets, .. } = Names::of(action);
        let reserve = assets[0].filter(|_| market.is_some() || lends);
        (pool.is_some() || market.is_some()).then_some(Self { lends, pool, market, reserve })
    }

    /// The places of a list of moves, each once.
    pub(super) fn all(moves: impl Iterator<Item = Move>) -> Vec<Self> {
        let mut venues: Vec<Self> = moves.filter_map(Self::of).collect();
        venues.sort_unstable();
        venues.dedup();
        venues
    }
}

impl Move {
    /// Whether a chain has everything that it names.
    pub(super) fn is_possible_on(self, chain: &Chain) -> bool {
        let Names { lends: _, pool, market, feed, assets, account } = Names::of(self);
        pool.is_none_or(|id| id.index() < chain.pools().len())
            && market.is_none_or(|id| id.index() < chain.markets().len())
            && feed.is_none_or(|id| id.index() < chain.feeds().len())
            && assets.into_iter().flatten().all(|id| id.index() < chain.assets().len())
            && account.is_none_or(|id| id.index() < chain.accounts().len())
    }
}
