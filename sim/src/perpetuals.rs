//! Perpetual futures of a world: what everybody can read off them, and what has happened at them.
//!
//! A contract stands on the same chain as the lending markets, margined in an asset of theirs and marked by one of
//! their feeds. Its participants see the chain; a learner sees [`PerpetualView`], and reports have
//! [`PerpetualTotals`]. Everything here is a belief in floats: what is owed is in the contract's own units.

use crate::chain::Chain;
use crate::chain::call::{Log, PerpetualLog};
use crate::prices::{FairPrices, unit};
use bevy_ecs::prelude::Resource;
use markets::units::{AssetId, MarketId};
use protocols::perpetual::{E8, Perpetual, PerpetualMarket};
use serde::{Deserialize, Serialize};

/// Move of the price within which a position counts as near its liquidation.
pub const NEAR: f64 = 0.05;
/// A day, in seconds.
const DAY_SECS: f64 = 86_400.0;

/// A perpetual future as anybody sees it now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerpetualView {
    /// The market.
    pub market: MarketId,
    /// What it is on.
    pub underlying: AssetId,
    /// What it is margined in; a whole token counts as a dollar.
    pub quote: AssetId,
    /// A quote unit, which is a lot at a tick, in USD.
    pub unit_usd: f64,
    /// A lot, in whole tokens of the underlying.
    pub lot_tokens: f64,
    /// What its feed says, in ticks; the last that there was, while it is silent.
    pub index: u64,
    /// The best offers over the index, as a share of it: what the next touch notes.
    pub premium: f64,
    /// What funding would pay if it were due with the mean premium so far, per year; by longs, or by shorts below
    /// zero.
    pub funding_per_year: f64,
    /// All long positions at the index, in USD; as many are short.
    pub open_interest_usd: f64,
    /// Accounts that are long, and that are short.
    pub sides: [u32; 2],
    /// What the accounts that are long have at the index, and those that are short, in USD.
    pub equity_usd: [f64; 2],
    /// Value of the longs that a fall of [`NEAR`] would let be liquidated, and of the shorts that a rise would,
    /// in USD.
    pub near_usd: [f64; 2],
    /// The insurance fund, in USD.
    pub insurance_usd: f64,
    /// What accounts owe at the index beyond what they have, in USD.
    pub uncovered_usd: f64,
    /// Liquidated and closed against the other side, exponential sum over a day, in USD.
    pub liquidated_24h_usd: f64,
}

/// What happened at a perpetual future since the start of the episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerpetualTotals {
    /// Traded, liquidations included, in USD.
    pub traded_usd: f64,
    /// Liquidations.
    pub liquidations: u64,
    /// What they took over, in USD.
    pub liquidated_usd: f64,
    /// Positions closed against the other side.
    pub deleveraged: u64,
    /// What bankrupt accounts owed: paid by the insurance fund or borne by the other side, in USD.
    pub deficit_usd: f64,
    /// Funding that longs paid to shorts, less what shorts paid to longs, in USD.
    pub funding_usd: f64,
    /// Payments of funding so far.
    pub fundings: u64,
    /// Largest open interest after a block, in USD.
    pub peak_open_interest_usd: f64,
}

/// The perpetual futures of a world; none by default.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Perpetuals {
    ids: Vec<MarketId>,
    views: Vec<PerpetualView>,
    totals: Vec<PerpetualTotals>,
    /// Weight of a block in the exponential sum over a day.
    day_weight: f64,
}

impl Perpetuals {
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
    /// As anybody sees them, in the order of [`Self::ids`].
    #[must_use]
    pub fn views(&self) -> &[PerpetualView] {
        &self.views
    }
    /// What happened at each, likewise.
    #[must_use]
    pub fn totals(&self) -> &[PerpetualTotals] {
        &self.totals
    }

    /// Reads the contracts anew at the start of an episode.
    pub(crate) fn open(&mut self, chain: &Chain, block_secs: u32) {
        self.views.clear();
        self.views.extend(self.ids.iter().filter_map(|id| {
            let market = chain.markets().get(id.index())?.perpetual()?;
            Some(PerpetualView::new(chain, *id, market))
        }));
        self.totals.clear();
        self.totals.resize(self.views.len(), PerpetualTotals::default());
        self.day_weight = 1.0 - libm::exp(-f64::from(block_secs) / DAY_SECS);
        self.refresh(chain);
    }

    /// Reads every contract as it is now.
    pub fn refresh(&mut self, chain: &Chain) {
        for view in &mut self.views {
            let Some(market) = chain.markets()[view.market.index()].perpetual() else { continue };
            view.read(chain, market);
            view.liquidated_24h_usd -= self.day_weight * view.liquidated_24h_usd;
        }
    }

    /// Adds what the block's logs report.
    pub fn count(&mut self, chain: &Chain, prices: &FairPrices) {
        if self.views.is_empty() {
            return;
        }
        for log in chain.logs() {
            let of = |market: MarketId| self.views.iter().position(|v| v.market == market);
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
                    self.totals[at].deficit_usd += prices.value_usd(asset, amount);
                }
                Log::Perpetual(log) => match log {
                    PerpetualLog::Trade { market, lots, tick, .. } => {
                        let Some(at) = of(market) else { continue };
                        let units = lots as f64 * tick as f64;
                        self.totals[at].traded_usd += units * self.views[at].unit_usd;
                    }
                    PerpetualLog::Funding { market, rate_e8, mark } => {
                        let Some(at) = of(market) else { continue };
                        // Open interest as the block found it.
                        let view = &self.views[at];
                        let lots = view.open_interest_usd / (view.index as f64 * view.unit_usd);
                        let usd = lots * mark as f64 * view.unit_usd;
                        self.totals[at].funding_usd += usd * rate_e8 as f64 / E8 as f64;
                        self.totals[at].fundings += 1;
                    }
                    PerpetualLog::Deleveraged { market, lots, .. } => {
                        let Some(at) = of(market) else { continue };
                        let view = &mut self.views[at];
                        let usd = lots as f64 * view.index as f64 * view.unit_usd;
                        view.liquidated_24h_usd += usd;
                        self.totals[at].deleveraged += 1;
                    }
                },
                _ => {}
            }
        }
        for (view, totals) in self.views.iter().zip(&mut self.totals) {
            totals.peak_open_interest_usd =
                totals.peak_open_interest_usd.max(view.open_interest_usd);
        }
    }
}

impl PerpetualView {
    fn new(chain: &Chain, id: MarketId, market: &PerpetualMarket) -> Self {
        let token = |asset: AssetId| unit(chain.asset(asset).decimals);
        Self {
            market: id,
            underlying: market.underlying,
            quote: market.quote,
            unit_usd: market.quote_unit as f64 * token(market.quote),
            lot_tokens: market.lot_units.to_f64() * token(market.underlying),
            index: market.contract.mark,
            premium: 0.0,
            funding_per_year: 0.0,
            open_interest_usd: 0.0,
            sides: [0; 2],
            equity_usd: [0.0; 2],
            near_usd: [0.0; 2],
            insurance_usd: 0.0,
            uncovered_usd: 0.0,
            liquidated_24h_usd: 0.0,
        }
    }

    fn read(&mut self, chain: &Chain, market: &PerpetualMarket) {
        if let Ok(index) = chain.perpetual_index(market) {
            self.index = index;
        }
        let Perpetual { terms, insurance, clock, .. } = &market.contract;
        self.premium = market.premium_e8(self.index) as f64 / E8 as f64;
        self.funding_per_year = terms.funding.per_year(clock.mean_e8());
        self.insurance_usd = *insurance as f64 * self.unit_usd;
        self.read_accounts(&market.contract);
    }

    /// Sums up the positions at the index.
    fn read_accounts(&mut self, contract: &Perpetual) {
        let maintenance = f64::from(contract.terms.maintenance_margin_bps) / 1e4;
        (self.open_interest_usd, self.uncovered_usd) = (0.0, 0.0);
        (self.sides, self.equity_usd, self.near_usd) = ([0; 2], [0.0; 2], [0.0; 2]);
        for account in contract.accounts.iter().filter(|account| account.lots != 0) {
            let side = usize::from(account.lots < 0);
            let size = account.notional(self.index) as f64 * self.unit_usd;
            let equity = account.equity(self.index) as f64 * self.unit_usd;
            self.sides[side] += 1;
            self.equity_usd[side] += equity;
            self.uncovered_usd += (-equity).max(0.0);
            if side == 0 {
                self.open_interest_usd += size;
            }
            // After a move against it the position is worth size · (1 ∓ move), and has size · move less.
            let after = size * if side == 0 { 1.0 - NEAR } else { 1.0 + NEAR };
            if equity - size * NEAR < maintenance * after {
                self.near_usd[side] += size;
            }
        }
    }

    /// The index, in USD per whole token.
    #[must_use]
    pub fn index_usd(&self) -> f64 {
        self.index as f64 * self.unit_usd / self.lot_tokens
    }
    /// Accounts that are long less those that are short, over both.
    #[must_use]
    pub fn imbalance(&self) -> f64 {
        let [longs, shorts] = self.sides.map(f64::from);
        let all = longs + shorts;
        if all > 0.0 { (longs - shorts) / all } else { 0.0 }
    }
    /// Value of the longs over what they have.
    #[must_use]
    pub fn long_leverage(&self) -> f64 {
        if self.equity_usd[0] > 0.0 { self.open_interest_usd / self.equity_usd[0] } else { 0.0 }
    }
    /// A value as a share of open interest; 0 where there is none.
    #[must_use]
    pub fn share(&self, usd: f64) -> f64 {
        if self.open_interest_usd > 0.0 { usd / self.open_interest_usd } else { 0.0 }
    }
}
