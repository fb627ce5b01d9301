//! Funding: what longs pay shorts, or shorts longs, to keep the contract near its index.
//!
//! Premium: P = (max(0, impact bid − index) − max(0, index − impact ask)) / index, averaged over the
//! interval by time. Rate: F = P + clamp(I − P, −c, c), within ±`cap`, with an interest rate I of 0.01 % and
//! a clamp c of 0.05 % per eight hours (BitMEX, Binance).

use markets::units::SECONDS_PER_YEAR;

use super::{E8, MOST, Perpetual, PerpetualError};
use serde::{Deserialize, Serialize};

/// Terms of funding; rates are per interval, in 10⁻⁸.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingTerms {
    /// Interest rate.
    pub interest_e8: i64,
    /// How far the rate may lie from the premium towards interest.
    pub clamp_e8: i64,
    /// Largest rate either way.
    pub cap_e8: i64,
    /// Between two payments, in seconds.
    pub interval_secs: u64,
}

impl Default for FundingTerms {
    /// 0.01 % of interest, a clamp of 0.05 %, a cap of 0.75 %, eight hours.
    fn default() -> Self {
        Self { interest_e8: 10_000, clamp_e8: 50_000, cap_e8: 750_000, interval_secs: 28_800 }
    }
}

impl FundingTerms {
    /// Whether rates lie within ±1, clamp and cap are none the wrong way, and time passes between payments.
    pub(super) fn is_possible(&self) -> bool {
        let unit = 0..=E8;
        let interest = self.interest_e8.checked_abs().is_some_and(|i| unit.contains(&i));
        interest
            && unit.contains(&self.clamp_e8)
            && unit.contains(&self.cap_e8)
            && self.interval_secs > 0
    }

    /// The rate for a mean premium within ±1.
    ///
    /// # Panics
    /// For a clamp or cap below none, which [`Perpetual::new`] refuses.
    #[must_use]
    pub fn rate_e8(&self, premium_e8: i64) -> i64 {
        let pull = (self.interest_e8 - premium_e8).clamp(-self.clamp_e8, self.clamp_e8);
        (premium_e8 + pull).clamp(-self.cap_e8, self.cap_e8)
    }

    /// What the rate for a mean premium comes to in a year of 365 days, as a share of the position: a belief.
    #[must_use]
    pub fn per_year(&self, premium_e8: i64) -> f64 {
        let rate = self.rate_e8(premium_e8) as f64 / E8 as f64;
        rate * SECONDS_PER_YEAR as f64 / self.interval_secs as f64
    }
}

/// The premium of impact prices, what a size trades at on each side of the book, over an index; rounded
/// toward zero, within ±1.
#[must_use]
pub fn premium_e8(impact_bid: u64, impact_ask: u64, index: u64) -> i64 {
    let over = i128::from(impact_bid.saturating_sub(index));
    let under = i128::from(index.saturating_sub(impact_ask));
    let premium = (over - under) * i128::from(E8) / i128::from(index.max(1));
    premium.clamp(-i128::from(E8), i128::from(E8)) as i64
}

/// The mean premium of an interval, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FundingClock {
    /// When the next payment is due, in Unix seconds.
    pub due_secs: u64,
    /// The last rate paid.
    pub last_rate_e8: i64,
    /// Premium times seconds, since the last payment.
    sum: i128,
    seen_secs: u64,
    last_secs: u64,
}

impl FundingClock {
    /// A clock whose first interval begins.
    #[must_use]
    pub const fn new(terms: &FundingTerms, now_secs: u64) -> Self {
        Self {
            due_secs: now_secs.saturating_add(terms.interval_secs),
            last_rate_e8: 0,
            sum: 0,
            seen_secs: 0,
            last_secs: now_secs,
        }
    }

    /// A premium, within ±1, that has held since the last one was noted.
    pub fn note(&mut self, premium_e8: i64, now_secs: u64) {
        let secs = now_secs.saturating_sub(self.last_secs);
        self.sum += i128::from(premium_e8.clamp(-E8, E8)) * i128::from(secs);
        self.seen_secs += secs;
        self.last_secs = self.last_secs.max(now_secs);
    }

    /// The mean premium since the last payment; 0 where none was noted.
    #[must_use]
    pub fn mean_e8(&self) -> i64 {
        if self.seen_secs == 0 { 0 } else { (self.sum / i128::from(self.seen_secs)) as i64 }
    }
}

impl Perpetual {
    /// Pays funding where it is due; returns the rate, per interval in 10⁻⁸. Payers pay a fraction more,
    /// receivers get a fraction less: the difference is the insurance fund's.
    pub fn pay_funding(&mut self, now_secs: u64) -> Option<i64> {
        if now_secs < self.clock.due_secs {
            return None;
        }
        let rate = self.terms.funding.rate_e8(self.clock.mean_e8());
        for account in &mut self.accounts {
            let owed = i128::from(account.lots) * i128::from(self.mark) * i128::from(rate);
            // Toward minus infinity what is received, toward plus infinity what is paid.
            let paid =
                owed.div_euclid(i128::from(E8)) + i128::from(owed.rem_euclid(i128::from(E8)) != 0);
            account.collateral -= paid;
            self.insurance += paid;
        }
        let interval = self.terms.funding.interval_secs;
        let late = now_secs - self.clock.due_secs;
        // Intervals that nobody asked for are not made up for.
        let due_secs =
            self.clock.due_secs.saturating_add(interval.saturating_mul(late / interval + 1));
        self.clock = FundingClock {
            due_secs,
            last_rate_e8: rate,
            sum: 0,
            seen_secs: 0,
            last_secs: self.clock.last_secs,
        };
        Some(rate)
    }

    /// Sets the mark price.
    ///
    /// # Errors
    /// [`PerpetualError::OutOfRange`].
    pub const fn set_mark(&mut self, tick: u64) -> Result<(), PerpetualError> {
        if tick == 0 || tick > MOST {
            return Err(PerpetualError::OutOfRange);
        }
        self.mark = tick;
        Ok(())
    }
}
