//! Lending markets beside the one that is watched, managed and scored.
//!
//! They stand on the same chain: the same assets, pools, exchange and blocks. Their participants see them
//! through views of their own; a learner's observations, the objective and the report's first figures stay
//! those of [`Config::market`](crate::config::Config::market), and what happens in the others is summed
//! up in [`MarketTotals`].

use crate::chain::Chain;
use crate::chain::call::Log;
use crate::prices::FairPrices;
use crate::views::{MarketViews, PositionViews};
use bevy_ecs::prelude::Resource;
use markets::units::{AccountId, MarketId};
use serde::{Deserialize, Serialize};

/// What happened in a market since the start of the episode, in USD at fair prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MarketTotals {
    /// Liquidations.
    pub liquidations: u64,
    /// Debt that they repaid, in USD.
    pub liquidated_usd: f64,
    /// Bad debt written off, in USD.
    pub written_off_usd: f64,
}

/// The further lending markets of a world; none by default.
#[derive(Resource, Clone, Debug, Default, Serialize, Deserialize)]
pub struct FurtherMarkets {
    ids: Vec<MarketId>,
    views: Vec<MarketViews>,
    totals: Vec<MarketTotals>,
    /// Derived from the chain: not saved.
    #[serde(skip)]
    positions: Vec<PositionViews>,
}

impl FurtherMarkets {
    /// These markets, to be read when the episode opens.
    #[must_use]
    pub fn new(ids: Vec<MarketId>) -> Self {
        Self { ids, ..Self::default() }
    }

    /// Which.
    #[must_use]
    pub fn ids(&self) -> &[MarketId] {
        &self.ids
    }

    /// A market as anybody sees it, and everybody's position in it; `None` where it is none of these.
    #[must_use]
    pub fn of(&self, market: MarketId) -> Option<(&MarketViews, &PositionViews)> {
        let at = self.ids.iter().position(|id| *id == market)?;
        self.views.get(at).zip(self.positions.get(at))
    }

    /// What happened in each, in the order of [`Self::ids`].
    #[must_use]
    pub fn totals(&self) -> &[MarketTotals] {
        &self.totals
    }

    /// Debt that no collateral covers now at fair prices, of one in the order of [`Self::ids`], in USD.
    #[must_use]
    pub fn shortfall_usd(&self, at: usize) -> f64 {
        self.positions.get(at).map_or(0.0, |p| p.shortfall_total_usd)
    }

    /// Reads the markets anew at the start of an episode.
    pub(crate) fn open(&mut self, chain: &Chain, prices: &FairPrices, block_secs: u32) {
        let Self { ids, views, totals, positions: _ } = self;
        views.clear();
        views.extend(ids.iter().map(|id| MarketViews::new(chain, *id, prices, block_secs)));
        totals.clear();
        totals.resize(ids.len(), MarketTotals::default());
        self.rebuild(chain);
    }

    /// Reads every position anew, as the views have the markets.
    pub(crate) fn rebuild(&mut self, chain: &Chain) {
        self.positions.resize_with(self.ids.len(), PositionViews::default);
        for (view, positions) in self.views.iter().zip(&mut self.positions) {
            positions.rebuild(chain, view.market);
            positions.sweep(view);
            positions.find_at_risk(chain);
        }
    }

    /// Projects the markets to now and asks for whoever is near the line.
    pub fn refresh(&mut self, chain: &Chain, prices: &FairPrices) {
        for (view, positions) in self.views.iter_mut().zip(&mut self.positions) {
            view.project(chain, prices);
            view.track();
            positions.sweep(view);
            positions.find_at_risk(chain);
        }
    }

    /// Forgets which accounts were touched.
    pub fn clear_touched(&mut self) {
        self.positions.iter_mut().for_each(PositionViews::clear_touched);
    }

    /// Notes that a transaction may have changed an account.
    pub fn touch(&mut self, account: AccountId) {
        self.positions.iter_mut().for_each(|positions| positions.touch(account));
    }

    /// Re-reads the touched accounts.
    pub fn settle(&mut self, chain: &Chain) {
        self.positions.iter_mut().for_each(|positions| positions.settle(chain));
    }

    /// Adds what the block's logs report.
    pub fn count(&mut self, chain: &Chain, prices: &FairPrices) {
        if self.ids.is_empty() {
            return;
        }
        for log in chain.logs() {
            let of = |market: MarketId| self.ids.iter().position(|id| *id == market);
            match *log {
                Log::Liquidation { market, debt, repaid, .. } => {
                    let Some(at) = of(market) else { continue };
                    let usd = prices.value_usd(debt, repaid);
                    self.totals[at].liquidations += 1;
                    self.totals[at].liquidated_usd += usd;
                    self.views[at].liquidated_24h_usd += usd;
                }
                Log::BadDebt { market, asset, amount, .. } => {
                    let Some(at) = of(market) else { continue };
                    self.totals[at].written_off_usd += prices.value_usd(asset, amount);
                }
                _ => {}
            }
        }
    }
}
