//! Liquidation: what happens to an account that does not cover its maintenance margin.
//!
//! Somebody takes the position over at a price, wholly or in part. A fee goes to the insurance fund, as far
//! as the account has it; the fund pays what a bankrupt account owes. What the fund cannot pay is not owed
//! by anybody else: the position is then closed at its bankruptcy price against those on the other side with
//! the largest profit times leverage (auto-deleveraging).

use super::{Perpetual, PerpetualAccount, PerpetualError, ceil};
use serde::{Deserialize, Serialize};

/// What a liquidation came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Closed, in lots.
    pub lots: u64,
    /// Paid to the insurance fund, in quote units.
    pub fee: i128,
    /// Paid by the insurance fund, in quote units.
    pub covered: i128,
}

impl Perpetual {
    /// `taker` takes over `lots` of an account that does not cover its maintenance margin, at a price.
    ///
    /// # Errors
    /// [`PerpetualError`]; nothing has then happened. [`PerpetualError::Margin`] also where the insurance
    /// fund could not cover the account: deleverage instead.
    pub fn liquidate(
        &mut self,
        account: usize,
        taker: usize,
        lots: u64,
        tick: u64,
    ) -> Result<Closed, PerpetualError> {
        let before = *self.account(account)?;
        if !self.is_liquidatable(&before) {
            return Err(PerpetualError::Healthy);
        }
        if lots > before.lots.unsigned_abs() {
            return Err(PerpetualError::TooMuch);
        }
        let undo = (before, *self.account(taker)?);
        let (buyer, seller) = if before.lots > 0 { (taker, account) } else { (account, taker) };
        self.exchange(buyer, seller, lots, tick, Some(account))?;
        let notional = i128::from(lots) * i128::from(tick);
        let mark = self.mark;
        let left = &mut self.accounts[account];
        let wanted = ceil(notional, i128::from(self.terms.liquidation_fee_bps), 10_000);
        let fee = wanted.min(left.equity(mark).max(0));
        left.collateral -= fee;
        let mut closed = Closed { lots, fee, covered: 0 };
        if left.lots == 0 && left.collateral < 0 {
            // Then there was no fee: it is taken of what is left.
            closed.covered = -left.collateral;
            if closed.covered > self.insurance {
                let required = closed.covered;
                (self.accounts[account], self.accounts[taker]) = undo;
                return Err(PerpetualError::Margin { equity: self.insurance, required });
            }
            left.collateral = 0;
        }
        self.insurance += fee - closed.covered;
        Ok(closed)
    }

    /// Closes a bankrupt account's position, at the price at which it has nothing left, against those on the
    /// other side: by profit over cost times leverage at the mark, largest first, ties by number. As many
    /// lots are on the other side, so nothing is left of it.
    ///
    /// # Errors
    /// [`PerpetualError::UnknownAccount`], [`PerpetualError::Solvent`].
    pub fn deleverage(&mut self, account: usize) -> Result<Closed, PerpetualError> {
        let bankrupt = *self.account(account)?;
        if bankrupt.lots == 0 || bankrupt.equity(self.mark) >= 0 {
            return Err(PerpetualError::Solvent);
        }
        let mut others: Vec<usize> = (0..self.accounts.len())
            .filter(|i| self.accounts[*i].lots.signum() == -bankrupt.lots.signum())
            .collect();
        let mark = self.mark;
        others.sort_by(|a, b| {
            let score = |i: usize| rank(&self.accounts[i], mark);
            score(*b).cmp(&score(*a)).then(a.cmp(b))
        });
        let mut closed = Closed::default();
        for other in others {
            let left = self.accounts[account];
            let size = left.lots.unsigned_abs();
            if size == 0 {
                break;
            }
            let lots = size.min(self.accounts[other].lots.unsigned_abs());
            // What is paid for all of the lots is what leaves nothing; of a part its part, the fraction
            // the bankrupt account's, which has until the last of them to even it out.
            let all = left.cost - left.collateral;
            let part = if lots == size {
                all
            } else {
                (all * i128::from(lots)).div_euclid(i128::from(size))
            };
            let signed = lots as i64 * left.lots.signum();
            self.accounts[account].add(-signed, -part);
            self.accounts[other].add(signed, part);
            closed.lots += lots;
        }
        Ok(closed)
    }
}

/// Profit over cost times leverage, in 10⁻⁸ each; who loses comes after who wins.
fn rank(account: &PerpetualAccount, mark: u64) -> i128 {
    let (profit, cost) = (account.profit(mark), account.cost.abs().max(1));
    let leverage = account.notional(mark) * 1_000 / account.equity(mark).max(1);
    let gain = (profit * 1_000_000 / cost).min(1 << 80);
    if gain > 0 { gain * leverage.min(1 << 40) } else { gain }
}
