//! A price that takes effect an hour after it was seen, so that there is time to stop a false one.
//!
//! Source: Maker's oracle security module (OSM): a current and a queued value; a poke, at most once per
//! hop, makes the queued one current and queues the source's.

use super::OracleError;
use crate::units::{AccountId, FeedId, Price};
use serde::{Deserialize, Serialize};

/// A source's price, a hop late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayedFeed {
    /// What it repeats.
    pub source: FeedId,
    /// Least time between two pokes, in seconds, not zero (3,600 as deployed).
    pub hop_secs: u64,
    /// The price in effect (`cur`).
    pub current: Option<Price>,
    /// The price that the next poke puts in effect (`nxt`).
    pub next: Option<Price>,
    /// The hop of the last poke, in seconds (`zzz`).
    pub poked_at: u64,
    /// May stop it.
    pub manager: AccountId,
    /// Whether it takes no pokes.
    pub stopped: bool,
}

impl DelayedFeed {
    /// A feed that has seen nothing.
    #[must_use]
    pub const fn new(source: FeedId, hop_secs: u64, manager: AccountId) -> Self {
        let (current, next) = (None, None);
        Self { source, hop_secs, current, next, poked_at: 0, manager, stopped: false }
    }

    /// The feed after a poke that saw the source say `seen`; unchanged where the source has no price.
    ///
    /// # Errors
    /// [`OracleError::TooEarly`], [`OracleError::Halted`].
    pub fn poked(&self, seen: Result<Price, OracleError>, now: u64) -> Result<Self, OracleError> {
        if self.stopped {
            return Err(OracleError::Halted);
        }
        if now < self.poked_at.saturating_add(self.hop_secs) {
            return Err(OracleError::TooEarly);
        }
        let Ok(seen) = seen else { return Ok(*self) };
        let poked_at = now - now.checked_rem(self.hop_secs).unwrap_or(0);
        Ok(Self { current: self.next, next: Some(seen), poked_at, ..*self })
    }

    /// The feed emptied and stopped (`void`).
    #[must_use]
    pub const fn halted(&self) -> Self {
        Self { current: None, next: None, stopped: true, ..*self }
    }

    /// The feed taking pokes again (`start`); still empty.
    #[must_use]
    pub const fn reset(&self) -> Self {
        Self { stopped: false, ..*self }
    }

    /// The price in effect.
    ///
    /// # Errors
    /// [`OracleError::NotReady`] before the second poke, and after it was stopped.
    pub fn price(&self) -> Result<Price, OracleError> {
        self.current.ok_or(OracleError::NotReady)
    }
}
