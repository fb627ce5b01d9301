//! A listing that is a limit order book against the dollar, in place of a dealer.
//!
//! Quotes come from participants, so the book has the depth that they give it. How deep they want it is a
//! matter of stress: depth falls at once with the price's recent move and comes back with a half-life.
//! Inside a block time is continuous: messages arrive their sender's latency after the block's price is
//! known, orders of the chain's traders among them.

use super::telemetry::Telemetry;
use markets::book::{Fees, Instruction, MAX_TICKS, Report, Side, Venue};
use markets::units::{Amount, AssetId, U256};
use serde::{Deserialize, Serialize};

/// Most lots of an order as a float: the book's own limit.
const MOST_LOTS: f64 = markets::book::MAX_LOTS as f64;
/// Variance of log returns per second until it has been seen: 1 % per square root of an hour.
const PRIOR_VARIANCE_PER_SEC: f64 = 1e-4 / 3_600.0;

/// The terms of a book.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookTerms {
    /// What is traded, for dollars.
    pub asset: AssetId,
    /// A tick, in USD per whole token.
    pub tick_usd: f64,
    /// A lot, in smallest units.
    pub lot: Amount,
    /// A lot, in whole tokens.
    pub lot_tokens: f64,
    /// Fees.
    pub fees: Fees,
    /// Latency of the chain's traders, in microseconds.
    pub latency_us: u64,
    /// Depth aimed at within one percent of the price, on each side, in USD, without stress.
    pub depth_usd: f64,
    /// Depth is multiplied by this at full stress.
    pub depth_shrink: f64,
    /// Half-life of what is missing of the depth, in seconds.
    pub recovery_half_life_secs: f64,
    /// Move of the price within the window that is full stress, as a log return.
    pub stress_move: f64,
    /// The window, in seconds.
    pub stress_window_secs: f64,
}

/// How stressed a market is, by the price that its makers look at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stress {
    last_usd: f64,
    /// Exponential mean of the price over the window, in USD.
    mean_usd: f64,
    /// Variance of log returns per second, exponential over the window.
    pub variance_per_sec: f64,
    /// Depth that makers are ready to give, as a share of that without stress.
    pub depth_factor: f64,
}

impl Stress {
    const fn new() -> Self {
        let variance_per_sec = PRIOR_VARIANCE_PER_SEC;
        Self { last_usd: 0.0, mean_usd: 0.0, variance_per_sec, depth_factor: 1.0 }
    }

    /// Lets `secs` pass, at the end of which the price is `usd`.
    ///
    /// The move is the larger of the distance from the window's mean and the standard deviation of a
    /// window; depth goes to `depth_shrink^min(1, (move / stress_move)²)`, down at once and up with the
    /// half-life.
    fn step(&mut self, terms: &BookTerms, usd: f64, secs: f64) {
        if self.last_usd <= 0.0 {
            (self.last_usd, self.mean_usd) = (usd, usd);
        }
        let weight = 1.0 - libm::exp(-secs / terms.stress_window_secs);
        let simple = libm::log(usd / self.last_usd);
        self.variance_per_sec += weight * (simple * simple / secs - self.variance_per_sec);
        let away = libm::log(usd / self.mean_usd).abs();
        self.mean_usd += weight * (usd - self.mean_usd);
        self.last_usd = usd;
        let spread = (self.variance_per_sec * terms.stress_window_secs).sqrt();
        let stress = away.max(spread) / terms.stress_move;
        let wanted = libm::pow(terms.depth_shrink, (stress * stress).min(1.0));
        if wanted < self.depth_factor {
            self.depth_factor = wanted;
        } else {
            let back = 1.0 - libm::exp2(-secs / terms.recovery_half_life_secs);
            self.depth_factor += back * (wanted - self.depth_factor);
        }
    }
}

/// What a leg of a trade at a book comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leg {
    /// The asset's side of it, in smallest units.
    pub(super) amount: Amount,
    /// The dollar side of it, fee included.
    pub(super) usd: f64,
}

/// A listing's book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookVenue {
    terms: BookTerms,
    venue: Venue,
    stress: Stress,
    telemetry: Telemetry,
    /// Beginning of the block, in microseconds since the episode's.
    now_us: u64,
    block_us: u64,
    /// The last mid, in USD.
    mid_usd: f64,
    reports: Vec<Report>,
}

impl BookVenue {
    /// An empty book, its price being `usd`.
    #[must_use]
    pub fn new(terms: BookTerms, block_secs: u32, usd: f64) -> Self {
        let mut stress = Stress::new();
        (stress.last_usd, stress.mean_usd) = (usd, usd);
        Self {
            terms,
            venue: Venue::new(MAX_TICKS, terms.fees, 256),
            stress,
            telemetry: Telemetry::default(),
            now_us: 0,
            block_us: u64::from(block_secs) * 1_000_000,
            mid_usd: usd,
            reports: Vec::with_capacity(64),
        }
    }

    /// The book's terms.
    #[must_use]
    pub const fn terms(&self) -> &BookTerms {
        &self.terms
    }
    /// Book and accounts.
    #[must_use]
    pub const fn venue(&self) -> &Venue {
        &self.venue
    }
    /// How stressed its market is.
    #[must_use]
    pub const fn stress(&self) -> &Stress {
        &self.stress
    }
    /// What can be read off the book and its trades.
    #[must_use]
    pub const fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }
    /// The mid, in USD; while a side is empty the price of the last trade, no worse than the other side's
    /// best.
    #[must_use]
    pub const fn mid_usd(&self) -> f64 {
        self.mid_usd
    }
    /// A block, in seconds.
    #[must_use]
    pub fn block_secs(&self) -> f64 {
        self.block_us as f64 / 1e6
    }

    /// A new participant with so many quote slots; returns its number.
    pub fn enrol(&mut self, latency_us: u64, slots: u16) -> u32 {
        self.venue.enrol(latency_us, slots)
    }

    /// Sends an instruction `after_secs` into the block; it arrives the sender's latency later.
    pub fn send(&mut self, owner: u32, after_secs: f64, instruction: Instruction) {
        let after_us = (after_secs.max(0.0) * 1e6) as u64;
        self.venue.send(self.now_us + after_us, owner, instruction);
    }

    /// What a participant trades elsewhere, in lots, at a price in USD: the way out of an inventory.
    pub fn trade_elsewhere(&mut self, owner: u32, lots: i64, usd: f64) {
        let tick = self.tick(usd);
        self.venue.trade_elsewhere(owner, lots, tick);
    }

    /// The tick nearest to a price.
    #[must_use]
    pub fn tick(&self, usd: f64) -> u32 {
        let most = f64::from(self.venue.book().most_ticks());
        libm::round(usd / self.terms.tick_usd).clamp(1.0, most) as u32
    }
    /// A number of ticks, in USD.
    #[must_use]
    pub fn usd(&self, ticks: u32) -> f64 {
        f64::from(ticks) * self.terms.tick_usd
    }
    /// Whole lots of `usd` worth at a price, at most an order's.
    #[must_use]
    pub fn lots(&self, usd: f64, price_usd: f64) -> u64 {
        (usd / (price_usd * self.terms.lot_tokens)).clamp(0.0, MOST_LOTS) as u64
    }
    /// What a participant has bought less what it has sold, in lots.
    #[must_use]
    pub fn inventory_lots(&self, owner: u32) -> i64 {
        self.venue.accounts().get(owner as usize).map_or(0, |account| account.base_lots)
    }

    /// A block begins, with a price that everybody knows of.
    pub(super) fn open(&mut self, usd: f64) {
        self.now_us += self.block_us;
        self.stress.step(&self.terms, usd, self.block_us as f64 / 1e6);
        self.reports.clear();
    }

    /// Lets everything arrive that comes before the chain's traders.
    pub(super) fn run_to_chain(&mut self) {
        self.venue.run(self.now_us + self.terms.latency_us, &mut self.reports);
    }

    /// Lets the rest of the block pass; returns the mid.
    pub(super) fn close(&mut self) -> f64 {
        self.venue.run(self.now_us + self.block_us - 1, &mut self.reports);
        let book = self.venue.book();
        let (bid, ask) =
            (book.best_bid().map(|t| self.usd(t)), book.best_ask().map(|t| self.usd(t)));
        let last = match self.venue.last_tick() {
            0 => self.mid_usd,
            tick => self.usd(tick),
        };
        self.mid_usd = match (bid, ask) {
            (Some(bid), Some(ask)) => 0.5 * (bid + ask),
            (Some(bid), None) => last.max(bid),
            (None, Some(ask)) => last.min(ask),
            (None, None) => last,
        };
        let secs = self.block_secs();
        self.telemetry.update(&self.terms, &self.venue, self.mid_usd, &self.reports, secs);
        self.mid_usd
    }

    /// What a quote unit, a lot at a tick, is worth in USD.
    pub(super) fn quote_usd(&self) -> f64 {
        self.terms.tick_usd * self.terms.lot_tokens
    }
    fn taker_ratio(&self) -> f64 {
        f64::from(self.terms.fees.taker_pips) / 1e6
    }
    /// Whole lots of an amount.
    fn lots_of(&self, amount: Amount) -> u64 {
        let lots = amount.0.checked_div(self.terms.lot.0).unwrap_or_default();
        lots.saturating_to::<u64>().min(markets::book::MAX_LOTS)
    }
    fn amount_of(&self, lots: u64) -> Amount {
        Amount(self.terms.lot.0.saturating_mul(U256::from(lots)))
    }

    /// The most dollars that buying everything on offer would cost, fee included.
    pub(super) fn most_usd(&self) -> f64 {
        let all = self.venue.book().depth(Side::Sell, u32::MAX);
        all.notional as f64 * self.quote_usd() * (1.0 + self.taker_ratio())
    }

    /// What selling `tokens` would raise now, in USD after fees; what the book cannot take counts nothing.
    pub(super) fn expected_usd(&self, tokens: f64) -> f64 {
        let lots = tokens / self.terms.lot_tokens;
        let whole = (libm::ceil(lots).clamp(1.0, MOST_LOTS)) as u64;
        let sweep = self.venue.book().sweep(Side::Sell, whole);
        // The last lot counts in part.
        let part = (lots / whole as f64).min(1.0);
        sweep.notional as f64 * part * self.quote_usd() * (1.0 - self.taker_ratio())
    }

    /// The mid that selling `tokens` would leave until somebody quotes anew, in USD.
    pub(super) fn mid_after_sale(&self, tokens: f64) -> f64 {
        let book = self.venue.book();
        let mut left = (tokens / self.terms.lot_tokens).clamp(0.0, MOST_LOTS) as u64;
        let mut bid = 1;
        for level in book.levels(Side::Buy) {
            bid = level.tick;
            if left < level.lots {
                break;
            }
            left -= level.lots;
        }
        let ask = book.best_ask().unwrap_or(bid);
        0.5 * (self.usd(bid) + self.usd(ask))
    }

    /// Whole tokens that `usd` would buy now.
    pub(super) fn expected_tokens(&self, usd: f64) -> f64 {
        let budget = usd / (self.quote_usd() * (1.0 + self.taker_ratio()));
        let sweep = self.venue.book().sweep_notional(Side::Buy, budget as u64);
        sweep.lots as f64 * self.terms.lot_tokens
    }

    /// Sells up to an amount for at most `most_usd` dollars, at once, for a trader of the chain.
    pub(super) fn sell(&mut self, amount: Amount, most_usd: f64) -> Leg {
        let mut lots = self.lots_of(amount);
        let most = most_usd / self.quote_usd();
        if most < u64::MAX as f64 {
            lots = lots.min(self.venue.book().sweep_notional(Side::Sell, most as u64).lots);
        }
        let placed = self.take(Side::Sell, lots);
        let net = placed.notional.saturating_sub(placed.fee);
        Leg { amount: self.amount_of(placed.filled), usd: net as f64 * self.quote_usd() }
    }

    /// Buys with up to `usd` dollars, at once, for a trader of the chain.
    pub(super) fn buy(&mut self, usd: f64) -> Leg {
        let budget = usd / (self.quote_usd() * (1.0 + self.taker_ratio()));
        let lots = self.venue.book().sweep_notional(Side::Buy, budget as u64).lots;
        let placed = self.take(Side::Buy, lots);
        let paid = placed.notional + placed.fee;
        Leg { amount: self.amount_of(placed.filled), usd: paid as f64 * self.quote_usd() }
    }

    fn take(&mut self, side: Side, lots: u64) -> markets::book::Placed {
        let at_us = self.now_us + self.terms.latency_us;
        let report = self.venue.take(at_us, Venue::OUTSIDE, side, lots, None);
        if report.placed.filled > 0 {
            self.reports.push(report);
        }
        report.placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> BookTerms {
        BookTerms {
            asset: AssetId(0),
            tick_usd: 0.1,
            lot: Amount::new(10_u128.pow(14)),
            lot_tokens: 1e-4,
            fees: Fees { maker_pips: 0, taker_pips: 500 },
            latency_us: 200_000,
            depth_usd: 1e6,
            depth_shrink: 0.1,
            recovery_half_life_secs: 600.0,
            stress_move: 0.05,
            stress_window_secs: 600.0,
        }
    }

    #[test]
    fn depth_falls_at_once_and_comes_back_with_its_half_life() {
        let terms = terms();
        let mut stress = Stress::new();
        for _ in 0..1_000 {
            stress.step(&terms, 2_000.0, 12.0);
        }
        assert!(stress.depth_factor > 0.99, "{stress:?}");
        stress.step(&terms, 1_880.0, 12.0);
        assert!((stress.depth_factor - 0.1).abs() < 1e-12, "full stress: {stress:?}");
        // The move is forgotten within a few windows; what is missing then halves every ten minutes.
        for _ in 0..500 {
            stress.step(&terms, 1_880.0, 12.0);
        }
        let missing = 1.0 - stress.depth_factor;
        for _ in 0..50 {
            stress.step(&terms, 1_880.0, 12.0);
        }
        let ratio = (1.0 - stress.depth_factor) / missing;
        assert!((ratio - 0.5).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn a_sale_is_of_whole_lots_and_no_dearer_than_what_it_may_raise() {
        let mut book = BookVenue::new(terms(), 12, 2_000.0);
        let maker = book.enrol(0, 2);
        book.open(2_000.0);
        let quote = |slot, side, tick| Instruction::Quote { slot, side, tick, lots: 50_000 };
        book.send(maker, 0.0, quote(0, Side::Buy, 19_990));
        book.send(maker, 0.0, quote(1, Side::Sell, 20_010));
        book.run_to_chain();
        // One token and half a lot: ten thousand lots at 1,999 dollars less five basis points.
        let amount = Amount::new(10_u128.pow(18) + 5 * 10_u128.pow(13));
        let expected = book.expected_usd(1.0);
        let leg = book.sell(amount, f64::INFINITY);
        assert_eq!(leg.amount, Amount::new(10_u128.pow(18)));
        assert!((leg.usd - 1_999.0 * 0.9995).abs() < 1e-4, "{leg:?}");
        assert!((expected - leg.usd).abs() < 1e-4);
        let capped = book.sell(amount, 100.0);
        assert!(capped.usd <= 100.0 && capped.usd > 99.0, "{capped:?}");
        let bought = book.buy(2_001.0 * 1.0005 + 0.01);
        assert_eq!(bought.amount, Amount::new(10_u128.pow(18)));
        assert!((book.close() - 2_000.0).abs() < 1e-9);
        book.venue().check().expect("a sound venue");
    }
}
