//! Flash loans and whatever else has a body: nothing of it is left open, and the lender has its own back.

use super::{Checked, Family, Invariant, Step, nothing};
use crate::chain::Chain;
use crate::chain::call::Log;
use markets::units::{AccountId, Amount, AssetId, BPS, U256};

const REPAID: Invariant = Invariant::new(
    "flash-loan-repaid",
    "the close of a flash loan returns principal and premium to whom it was lent by",
);
const PREMIUM: Invariant = Invariant::new(
    "flash-loan-premium",
    "a pooled market's flash loan pays at least its premium's share of the amount, rounded down",
);
const UNLOCKED: Invariant = Invariant::new(
    "flash-nothing-left-open",
    "between transactions no pool is locked by a callback that runs",
);

pub(super) const FAMILY: Family = Family {
    name: "flash loans",
    catalogue: &[&[REPAID, PREMIUM, UNLOCKED]],
    state: nothing,
    whole,
    step,
};

/// A loan about to be closed: by whom it is lent, and what the lender has and is owed.
#[derive(Clone, Copy, Debug)]
pub(in crate::chain) struct Closing {
    pub(in crate::chain) lender: AccountId,
    pub(in crate::chain) asset: AssetId,
    pub(in crate::chain) had: Amount,
    pub(in crate::chain) owed: Amount,
}

impl Chain {
    /// A loan was closed.
    pub(in crate::chain) fn witness_closed(&mut self, loan: &Closing) {
        let has = self.balance(loan.lender, loan.asset);
        if has.saturating_sub(loan.had) < loan.owed {
            let detail = format!("{loan:?} has {has} after");
            self.watch.witness(&REPAID, detail);
        }
    }
}

fn whole(chain: &Chain) -> Checked {
    for (i, pool) in chain.pools.iter().enumerate() {
        let Some(pool) = pool.concentrated() else { continue };
        let open = pool.state.unlocked || pool.state.sqrt_price.is_zero();
        UNLOCKED.require(open, || format!("pool {i}"))?;
    }
    Ok(())
}

fn step(Step { before, after, logs }: &Step<'_>) -> Checked {
    let Some(logs) = logs else { return Ok(()) };
    for log in *logs {
        let Log::FlashLoan { market, amount, premium, .. } = *log else { continue };
        let rate = |chain: &Chain| {
            chain.markets[market.index()].pooled().map_or(0, |pooled| pooled.flash_premium.0)
        };
        let rate = rate(before).min(rate(after));
        let least = amount.0.saturating_mul(U256::from(rate)) / BPS;
        // 3.0.2 rounds half up, which is no less than the floor.
        PREMIUM.require(premium.0 >= least, || format!("{log:?}, at least {least}"))?;
    }
    Ok(())
}
