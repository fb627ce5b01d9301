//! How a liquidator fails, bids and gambles beyond the ordinary: what [`LiquidatorConfig`] leaves out by
//! default.
//!
//! [`LiquidatorConfig`]: super::LiquidatorConfig
//!
//! Draws come from streams of their own, so that switching one of these on leaves the others' luck, and
//! the liquidator's own ordinary luck, as it was.

use crate::scripted::{gas_bid, uniform, wei};
use markets::units::AccountId;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::actor::GasBid;
use sim::chain::Clock;
use sim::config::Episode;
use sim::rng::{Purpose, Streams, mix};
use sim::views::{MarketViews, PositionViews, ReserveView};

/// Index of the address of a cohort's shared luck: no member has it.
pub(super) const SHARED: u64 = u64::MAX;
/// Prices have moved since the oracles' reports where a mid is off by more than this.
pub(super) const MOVED: f64 = 0.002;
/// Health factor at the oracles' prices below which a speculator looks at fair ones.
pub(super) const NEAR: f64 = 1.2;

const OUTAGE: u64 = 0x6f75_7461_6765;
const FAILURE: u64 = 0x6661_696c;
const SPECULATION: u64 = 0x7370_6563;

/// How the tip of a bid is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum TipRule {
    /// A share of the profit, drawn between `bid_share_min` and `bid_share_max`.
    #[default]
    ShareOfProfit,
    /// Always the same, in gwei: who does not look at what others offer.
    Fixed {
        /// Gwei per gas.
        gwei: f64,
    },
}

/// What goes wrong with liquidators, and how they bid. No published figure was found for any of these;
/// in one cascade of 2025 on rollups 57 % of liquidators and 39 % of successful liquidations were
/// speculative (arXiv:2606.03434).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conduct {
    /// Outages of what the cohort shares (a node provider, a rollup's endpoint), per day.
    pub outages_per_day: f64,
    /// Length of an outage, in minutes.
    pub outage_minutes: f64,
    /// Share of the cohort that an outage silences: correlation; 1 is all.
    pub outage_share: f64,
    /// Probability that a transaction does not reach the block's builder.
    pub failure_probability: f64,
    /// How tips are found.
    pub tip: TipRule,
    /// Probability of bidding, in a block whose prices have moved, on whoever is below the line at fair
    /// prices before an oracle says so.
    pub speculation: f64,
    /// Tip of such a bid, in gwei: below an oracle node's, so that a report comes first.
    pub speculative_tip_gwei: f64,
    /// Whether it reads the reports of oracles that wait for the block, and bids behind them on whoever they put
    /// below the line: a report is a transaction that everybody sees.
    pub behind_reports: bool,
    /// Most collateral held unsold, in USD: beyond it nothing is liquidated that waits for the exchange.
    /// 0: no limit.
    pub inventory_limit_usd: f64,
    /// Whether its transactions go to a builder that prefers them (a scenario's `builder: Insiders`), at
    /// no tip.
    pub inside: bool,
}

impl Default for Conduct {
    /// Nothing goes wrong, nobody gambles.
    fn default() -> Self {
        Self {
            outages_per_day: 0.0,
            outage_minutes: 30.0,
            outage_share: 0.5,
            failure_probability: 0.0,
            tip: TipRule::ShareOfProfit,
            speculation: 0.0,
            speculative_tip_gwei: 1.0,
            behind_reports: false,
            inventory_limit_usd: 0.0,
            inside: false,
        }
    }
}

/// Where a block's draws come from.
pub(super) struct Luck<'a> {
    pub(super) streams: &'a Streams,
    pub(super) episode: &'a Episode,
    pub(super) block_secs: u32,
}

impl Luck<'_> {
    fn at(&self, key: u64, what: u64, block: u64) -> ChaCha8Rng {
        self.streams.at(Purpose::Behaviour, mix(key ^ what), self.episode.number, block)
    }
}

impl Conduct {
    /// Whether the liquidator is silenced in this block. Time is cut into pieces of an outage's length;
    /// each is one with the stated rate, and silences each member with the stated probability.
    pub(super) fn is_out(&self, luck: &Luck<'_>, cohort_key: u64, key: u64) -> bool {
        if self.outages_per_day <= 0.0 {
            return false;
        }
        let secs = self.outage_minutes * 60.0;
        let length = ((secs / f64::from(luck.block_secs)) as u64).max(1);
        let begun = luck.episode.block / length * length;
        let probability = self.outages_per_day * secs / 86_400.0;
        uniform(&mut luck.at(cohort_key, OUTAGE, begun), 0.0, 1.0) < probability
            && uniform(&mut luck.at(key, OUTAGE, begun), 0.0, 1.0) < self.outage_share
    }

    /// Whether the nth transaction of the block is lost.
    pub(super) fn fails(&self, luck: &Luck<'_>, key: u64, nth: u64) -> bool {
        let what = FAILURE ^ (nth << 48);
        self.failure_probability > 0.0
            && uniform(&mut luck.at(key, what, luck.episode.block), 0.0, 1.0)
                < self.failure_probability
    }

    /// Whether it gambles in this block.
    pub(super) fn speculates(&self, luck: &Luck<'_>, key: u64) -> bool {
        uniform(&mut luck.at(key, SPECULATION, luck.episode.block), 0.0, 1.0) < self.speculation
    }

    /// Whether there is no room for more collateral.
    pub(super) fn is_full(&self, unsold_usd: f64) -> bool {
        self.inventory_limit_usd > 0.0 && unsold_usd >= self.inventory_limit_usd
    }

    /// The offer that this conduct makes of an ordinary one that would leave `left_usd`, and what is left.
    pub(super) fn tip(
        &self,
        clock: &Clock,
        ordinary: GasBid,
        left_usd: f64,
        gas_used: u64,
        gas_price_usd: f64,
    ) -> (GasBid, f64) {
        let tip = match self.tip {
            _ if self.inside => 0,
            TipRule::ShareOfProfit => return (ordinary, left_usd),
            TipRule::Fixed { gwei } => wei(gwei),
        };
        let usd = |wei: u64| gas_used as f64 * wei as f64 * 1e-18 * gas_price_usd;
        let left_usd = left_usd + usd(ordinary.max_priority_fee_per_gas) - usd(tip);
        (gas_bid(clock, ordinary.limit, tip), left_usd)
    }
}

/// The health factor at prices by reserve, in USD: a belief. Infinite without debt.
pub(crate) fn health_at(
    views: &MarketViews,
    positions: &PositionViews,
    account: AccountId,
    usd: impl Fn(usize, &ReserveView) -> f64,
) -> f64 {
    let (mut has, mut owes) = (0.0, 0.0);
    for (r, view) in views.reserves.iter().enumerate() {
        let usd = usd(r, view);
        has += positions.collateral_tokens(views, account, r) * usd * view.threshold;
        owes += positions.debt_tokens(views, account, r) * usd;
    }
    if owes > 0.0 { has / owes } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(of: impl Fn(&Luck<'_>, u64) -> bool) -> f64 {
        let streams = Streams::new(7, 0);
        let mut hits = 0;
        for block in 0..40_000 {
            let episode = Episode { number: 0, genesis_block: 0, block };
            let luck = Luck { streams: &streams, episode: &episode, block_secs: 12 };
            hits += u32::from(of(&luck, 11));
        }
        f64::from(hits) / 40_000.0
    }

    #[test]
    fn outages_have_their_rate_and_are_shared() {
        // 24 a day of half an hour each: half of the time, 80 % of the cohort.
        let conduct = Conduct {
            outages_per_day: 24.0,
            outage_minutes: 30.0,
            outage_share: 0.8,
            ..Conduct::default()
        };
        let one = share(|luck, key| conduct.is_out(luck, 1, key));
        assert!((one - 0.4).abs() < 0.08, "{one}");
        let both = share(|luck, key| conduct.is_out(luck, 1, key) && conduct.is_out(luck, 1, 12));
        // Independent ones would coincide in 16 % of blocks; these do in half of 64 %.
        assert!((both - 0.32).abs() < 0.08, "{both}");
        assert_eq!(share(|luck, key| Conduct::default().is_out(luck, 1, key)), 0.0);
    }

    #[test]
    fn failures_and_gambles_have_their_probability() {
        let conduct = Conduct { failure_probability: 0.3, speculation: 0.6, ..Conduct::default() };
        assert!((share(|luck, key| conduct.fails(luck, key, 1)) - 0.3).abs() < 0.01);
        assert!((share(|luck, key| conduct.speculates(luck, key)) - 0.6).abs() < 0.01);
        let independent =
            share(|luck, key| conduct.fails(luck, key, 1) && conduct.fails(luck, key, 2));
        assert!((independent - 0.09).abs() < 0.01, "{independent}");
    }

    #[test]
    fn a_fixed_tip_and_an_insider_offer_what_they_say() {
        let clock = sim::chain::Chain::new("WETH", 0, 10_000_000_000).clock();
        let ordinary = gas_bid(&clock, 500_000, 4_000_000_000);
        let (bid, left) = Conduct::default().tip(&clock, ordinary, 100.0, 400_000, 2_000.0);
        assert_eq!((bid, left), (ordinary, 100.0));
        // 4 gwei on 400,000 gas are 3.2 USD at 2,000 USD; 1 gwei is 0.8.
        let fixed = Conduct { tip: TipRule::Fixed { gwei: 1.0 }, ..Conduct::default() };
        let (bid, left) = fixed.tip(&clock, ordinary, 100.0, 400_000, 2_000.0);
        assert_eq!((bid.max_priority_fee_per_gas, bid.limit), (1_000_000_000, 500_000));
        assert!((left - 102.4).abs() < 1e-9, "{left}");
        let inside = Conduct { inside: true, ..fixed };
        let (bid, left) = inside.tip(&clock, ordinary, 100.0, 400_000, 2_000.0);
        assert!(bid.max_priority_fee_per_gas == 0 && (left - 103.2).abs() < 1e-9, "{left}");
    }
}
