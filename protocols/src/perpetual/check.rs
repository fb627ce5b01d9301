//! What always holds of a perpetual contract, and of the market around it.

use super::{MOST, Perpetual, PerpetualMarket};
use markets::units::Amount;

/// Every property that [`Perpetual::check`] looks at: id and sentence.
pub const INVARIANTS: [(&str, &str); 4] = [
    (
        "perpetual-lots-cancel",
        "every lot that is long at a perpetual contract is short for another",
    ),
    (
        "perpetual-money-adds-up",
        "what accounts have at a perpetual contract and its insurance fund is what was paid in",
    ),
    ("perpetual-fund-not-negative", "a perpetual contract's insurance fund is never below zero"),
    (
        "perpetual-cost-has-position",
        "no account of a perpetual contract has a cost without a position: what is closed is realised",
    ),
];

/// Every property that [`PerpetualMarket::check`] looks at besides: id and sentence.
pub const MARKET_INVARIANTS: [(&str, &str); 2] = [
    (
        "perpetual-holds-deposits",
        "a perpetual market's account holds what was paid in less what was paid out, to the unit; \
         a donation is on top",
    ),
    (
        "perpetual-offers-ordered",
        "a perpetual market has at most one offer an account, in their order, none empty or out of range",
    ),
];

impl Perpetual {
    /// Checks every property in [`INVARIANTS`].
    ///
    /// # Errors
    /// The index of the first that is broken, and the figures.
    pub fn check(&self) -> Result<(), (usize, String)> {
        let lots: i128 = self.accounts.iter().map(|a| i128::from(a.lots)).sum();
        let held: i128 = self.accounts.iter().map(|a| a.collateral - a.cost).sum();
        if lots != 0 {
            return Err((0, format!("{lots} lots have no other side")));
        }
        if held + self.insurance != self.deposits {
            let (fund, paid) = (self.insurance, self.deposits);
            return Err((1, format!("accounts hold {held}, the fund {fund}: {paid} were paid in")));
        }
        if self.insurance < 0 {
            return Err((2, format!("the insurance fund is {}", self.insurance)));
        }
        match self.accounts.iter().position(|a| a.lots == 0 && a.cost != 0) {
            Some(account) => Err((3, format!("account {account} has a cost and no position"))),
            None => Ok(()),
        }
    }
}

impl PerpetualMarket {
    /// Checks every property in [`MARKET_INVARIANTS`]: what the market's account has of the quote asset.
    ///
    /// # Errors
    /// The index of the first that is broken, and the figures.
    pub fn check(&self, held: Amount) -> Result<(), (usize, String)> {
        let paid_in = self.contract.deposits;
        if paid_in < 0 || held < self.amount(paid_in) {
            return Err((
                0,
                format!("holds {held}, {paid_in} of {} were paid in", self.quote_unit),
            ));
        }
        let ordered = self.offers.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = |most: u64| (1..=MOST).contains(&most);
        let possible =
            self.offers.iter().all(|(_, o)| within(o.lots.unsigned_abs()) && within(o.tick));
        if !ordered || !possible {
            return Err((1, format!("{:?}", self.offers)));
        }
        Ok(())
    }
}
