//! Risk changes: proposed by the risk manager, applied at once or after their delay.

use super::{Change, Pooled};
use crate::LendingView;
use crate::risk_params::{Direction, PendingChange, RiskChange, RiskError, RiskParam, apply};
use markets::units::AccountId;

impl Pooled {
    /// Proposes a change. Where its rule has no delay it takes effect at once and is listed in
    /// `out.risk_applied`; otherwise it is queued for [`Pooled::execute_risk`].
    ///
    /// # Errors
    /// The sender is not the risk manager, or the regime does not allow the change now.
    pub fn propose_risk(
        &self,
        view: &impl LendingView,
        by: AccountId,
        change: RiskChange,
        out: &mut Change,
    ) -> Result<(), RiskError> {
        if by != self.risk_manager {
            return Err(RiskError::NotRiskManager);
        }
        let now = view.now();
        self.risk_legal(&change, now)?;
        let delay = self.regime.rule(change.param).delay_secs;
        if delay == 0 {
            return self.apply_risk(change, now, out);
        }
        let state = out.state.get_or_insert_with(|| self.state.clone());
        let waiting = PendingChange { change, ready_at: now.saturating_add(delay) };
        state.pending.try_push(waiting).map_err(|_full| RiskError::QueueFull)
    }

    /// Applies every queued change whose delay has passed, oldest first; anyone may. One that no
    /// longer fits the others (its LTV would exceed a threshold lowered meanwhile) is dropped.
    ///
    /// # Errors
    /// None is due.
    pub fn execute_risk(&self, view: &impl LendingView, out: &mut Change) -> Result<(), RiskError> {
        let now = view.now();
        if !self.state.pending.iter().any(|p| p.ready_at <= now) {
            return Err(RiskError::NothingDue);
        }
        let mut state = self.state.clone();
        state.pending.retain(|p| p.ready_at > now);
        out.state = Some(state);
        for due in self.state.pending.iter().filter(|p| p.ready_at <= now) {
            match self.apply_risk(due.change, now, out) {
                // A change that no longer fits is dropped: it has left the queue.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Whether a change is allowed at `now`: what masks, decoding and execution all ask.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn risk_legal(&self, change: &RiskChange, now: u64) -> Result<(), RiskError> {
        self.regime.legal(&self.reserves, &self.state, change, now)
    }

    /// The change that moves a parameter by one full legal step, if it is allowed at `now`.
    ///
    /// # Errors
    /// Why it is not.
    pub fn risk_step(
        &self,
        reserve: Option<u16>,
        param: RiskParam,
        direction: Direction,
        now: u64,
    ) -> Result<RiskChange, RiskError> {
        self.regime.step(&self.reserves, &self.state, reserve, param, direction, now)
    }

    /// Writes a change into `out`, on top of what `out` already changes.
    fn apply_risk(&self, change: RiskChange, now: u64, out: &mut Change) -> Result<(), RiskError> {
        if let Some(index) = change.reserve {
            let stored = self.reserves.get(usize::from(index)).ok_or(RiskError::NoSuchReserve)?;
            let at = out.reserves.iter().position(|(i, _)| *i == index);
            let mut after = at.map_or(*stored, |at| out.reserves[at].1);
            apply::to_reserve(&mut after, &change, now)?;
            match at {
                Some(at) => out.reserves[at].1 = after,
                None => out.reserves.push((index, after)),
            }
        } else {
            let state = out.state.get_or_insert_with(|| self.state.clone());
            apply::to_market(state, &change, now)?;
        }
        out.risk_applied.push(change);
        Ok(())
    }
}
