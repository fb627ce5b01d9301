//! What always holds of an isolated market, between transactions.

use super::irm::{MAX_RATE_AT_TARGET, MIN_RATE_AT_TARGET};
use super::{Irm, Isolated, MAX_FEE};
use crate::LendingView;

/// Every property that [`Isolated::check`] looks at: id and sentence.
pub const INVARIANTS: [(&str, &str); 5] = [
    ("isolated-lends-what-is-supplied", "an isolated market lends no more than is supplied to it"),
    (
        "isolated-holds-liquidity",
        "an isolated market's account holds what is supplied and not lent",
    ),
    (
        "isolated-holds-collateral",
        "an isolated market's account holds the collateral deposited with it",
    ),
    ("isolated-fee-bounded", "an isolated market's fee is at most a quarter of the interest"),
    ("isolated-curve-bounded", "the adaptive curve's rate at target stays within its bounds"),
];

impl Isolated {
    /// Checks every property in [`INVARIANTS`].
    ///
    /// # Errors
    /// The index of the first that is broken, and the figures.
    pub fn check(&self, view: &impl LendingView) -> Result<(), (usize, String)> {
        let state = &self.state;
        let (supplied, lent) = (state.total_supply_assets, state.total_borrow_assets);
        let Some(at_hand) = supplied.checked_sub(lent) else {
            return Err((0, format!("supplied {supplied}, lent {lent}")));
        };
        let held = view.balance(self.account, self.loan);
        if held < at_hand {
            return Err((1, format!("holds {held}, should have {at_hand}")));
        }
        let deposited = view.total_supply(self.collateral_share);
        let held = view.balance(self.account, self.collateral);
        if held < deposited {
            return Err((2, format!("holds {held}, deposited {deposited}")));
        }
        if state.fee > MAX_FEE {
            return Err((3, format!("fee {}", state.fee)));
        }
        let bounds = MIN_RATE_AT_TARGET..=MAX_RATE_AT_TARGET;
        let rate = i128::from(state.rate_at_target);
        if self.irm == Irm::AdaptiveCurve && !bounds.contains(&rate) {
            return Err((4, format!("rate at target {rate}")));
        }
        Ok(())
    }
}
