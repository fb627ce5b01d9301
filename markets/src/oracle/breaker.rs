//! A circuit breaker: a price that moved too far in one period is no price, until somebody lifts it or
//! time does.

use super::OracleError;
use crate::units::{AccountId, FeedId, Price, U256};
use serde::{Deserialize, Serialize};

/// A source's price, as long as it moves by at most so much per period.
///
/// The reference is renewed by pokes, at most one a period. A reader is refused a price that is too far
/// from it, poked or not; a poke that sees one trips the breaker, which stays tripped when the price comes
/// back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerFeed {
    /// What it guards.
    pub source: FeedId,
    /// Largest move per period begun, in basis points of the reference.
    pub max_move_bps: u32,
    /// Length of a period, in seconds; not zero.
    pub period_secs: u64,
    /// How long a trip lasts, in seconds; zero where only the manager lifts it.
    pub trip_secs: u64,
    /// What moves are measured from; zero before the first poke.
    pub reference: Price,
    /// When the reference was taken, in seconds.
    pub referenced_at: u64,
    /// When it tripped; `None` where it is not tripped.
    pub tripped_at: Option<u64>,
    /// May trip and lift it.
    pub manager: AccountId,
}

impl BreakerFeed {
    /// Whether a trip stands now.
    #[must_use]
    pub const fn is_tripped(&self, now: u64) -> bool {
        match self.tripped_at {
            None => false,
            Some(at) => self.trip_secs == 0 || now < at.saturating_add(self.trip_secs),
        }
    }

    /// Whether a price is too far from the reference: by more than the limit for every period begun.
    #[must_use]
    pub fn is_too_far(&self, price: Price, now: u64) -> bool {
        // A trip that time lifted leaves no reference.
        if self.reference.0 == 0 || self.tripped_at.is_some() {
            return false;
        }
        let since = now.saturating_sub(self.referenced_at);
        let periods = since.checked_div(self.period_secs).unwrap_or(0).saturating_add(1);
        let moved = U256::from(price.0.abs_diff(self.reference.0)) * U256::from(10_000);
        let limit = U256::from(self.max_move_bps) * U256::from(periods);
        moved > U256::from(self.reference.0).saturating_mul(limit)
    }

    /// The source's price, where nothing speaks against it.
    ///
    /// # Errors
    /// [`OracleError::Halted`] while a trip stands or the price is too far; the source's.
    pub fn price(&self, seen: Result<Price, OracleError>, now: u64) -> Result<Price, OracleError> {
        if self.is_tripped(now) {
            return Err(OracleError::Halted);
        }
        let seen = seen?;
        if self.is_too_far(seen, now) { Err(OracleError::Halted) } else { Ok(seen) }
    }

    /// The feed after a poke: tripped where the price is too far, with a new reference where the last is
    /// a period old, else unchanged.
    ///
    /// # Errors
    /// [`OracleError::Halted`] while a trip stands; the source's.
    pub fn poked(&self, seen: Result<Price, OracleError>, now: u64) -> Result<Self, OracleError> {
        if self.is_tripped(now) {
            return Err(OracleError::Halted);
        }
        let seen = seen?;
        if self.is_too_far(seen, now) {
            return Ok(Self { tripped_at: Some(now), ..*self });
        }
        let due = now >= self.referenced_at.saturating_add(self.period_secs);
        if self.tripped_at.is_none() && !due && self.reference.0 != 0 {
            return Ok(*self);
        }
        Ok(Self { reference: seen, referenced_at: now, tripped_at: None, ..*self })
    }

    /// The feed tripped.
    #[must_use]
    pub const fn halted(&self, now: u64) -> Self {
        Self { tripped_at: Some(now), ..*self }
    }

    /// The feed lifted, with the price now as its reference.
    ///
    /// # Errors
    /// The source has no price.
    pub fn reset(&self, seen: Result<Price, OracleError>, now: u64) -> Result<Self, OracleError> {
        Ok(Self { reference: seen?, referenced_at: now, tripped_at: None, ..*self })
    }
}
