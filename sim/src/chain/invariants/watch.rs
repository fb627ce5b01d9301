//! What the last whole audit saw, so that the next can compare.

use super::{Invariant, Step, Violation};
use crate::chain::Chain;

/// What a chain remembers between two whole audits. No part of its state: a copy of the chain begins
/// without one, and nothing is remembered until [`Chain::audit_all`] is asked for the first time.
#[derive(Debug, Default)]
pub(in crate::chain) struct Watch {
    /// The state of the last whole audit; its memory is reused.
    before: Option<Box<Chain>>,
    /// Whether `before` may be compared with the present.
    comparable: bool,
    /// How many of the block's logs the last audit has seen.
    logs_seen: usize,
    /// Whether a transaction ran since the last audit.
    unseen: bool,
    /// Whether logs went by unseen: a block began while transactions of the last were not audited.
    gap: bool,
    /// A property that was seen to break between two calls.
    witnessed: Option<Violation>,
}

impl Watch {
    /// Whether somebody audits everything.
    #[inline]
    pub(in crate::chain) const fn is_on(&self) -> bool {
        self.before.is_some()
    }
    /// A transaction runs.
    #[inline]
    pub(in crate::chain) const fn note_transaction(&mut self) {
        self.unseen = true;
    }
    /// A simulated transaction was undone: `unseen` is as it was.
    #[inline]
    pub(in crate::chain) const fn restore(&mut self, unseen: bool) {
        self.unseen = unseen;
    }
    /// Whether a transaction ran since the last audit.
    #[inline]
    pub(in crate::chain) const fn unseen(&self) -> bool {
        self.unseen
    }
    /// The next block begins, its logs empty.
    #[inline]
    pub(in crate::chain) const fn begin_block(&mut self) {
        self.gap |= self.unseen;
        self.logs_seen = 0;
    }
    /// State changed in a way that no transaction can: the genesis was edited, or time rolled back.
    pub(in crate::chain) const fn forget(&mut self) {
        self.comparable = false;
    }
    /// A property broke between two calls. The first is kept.
    pub(super) fn witness(&mut self, invariant: &Invariant, detail: String) {
        self.witnessed.get_or_insert_with(|| invariant.broken(detail));
    }
    /// What broke between two calls since the chain is watched.
    pub(super) const fn witnessed(&self) -> Option<&Violation> {
        self.witnessed.as_ref()
    }
    /// From the last whole audit to now; `None` before the first.
    pub(super) fn step<'a>(&'a self, after: &'a Chain) -> Option<Step<'a>> {
        let before = self.before.as_deref().filter(|_| self.comparable)?;
        let logs = after.logs.get(self.logs_seen..).filter(|_| !self.gap);
        Some(Step { before, after, logs })
    }
    /// What was looked at is the past now.
    pub(super) fn remember(&mut self, chain: &Chain) {
        match &mut self.before {
            Some(before) => before.copy_state(chain),
            None => self.before = Some(Box::new(chain.clone())),
        }
        self.comparable = true;
        self.logs_seen = chain.logs.len();
        self.unseen = false;
        self.gap = false;
    }
}
