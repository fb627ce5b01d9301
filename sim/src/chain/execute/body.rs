//! Calls with a body: open, body, close on actual balances.

use super::super::call::{Call, Log, Marks, Revert};
use super::super::invariants::Closing;
use super::super::{Chain, Market};
use super::concentrated::ConcentratedOpened;
use super::pooled::FlashLoans;
use super::{Context, Stop};
use markets::units::{AccountId, Amount, AssetId, MarketId, PoolId, RAY};
use protocols::auction::dutch::Taken;

/// A call whose body runs now: what its close must know.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opened {
    /// A flash loan from a pooled market, with what is owed at its end.
    FlashLoan { market: MarketId, asset: AssetId, amount: Amount, premium: Amount, owed: Amount },
    /// A flash swap of a Uniswap v2 pair, with what it has paid out and, where that is of one asset,
    /// what of the same asset pays for it.
    PairSwap { pool: PoolId, out0: Amount, out1: Amount, owed: Option<Amount> },
    /// A flash loan, swap or mint of a concentrated pool.
    Concentrated(ConcentratedOpened),
    /// A free flash loan from an isolated market.
    IsolatedLoan { market: MarketId, asset: AssetId, amount: Amount },
    /// A purchase from a Dutch auction, whose house is locked meanwhile.
    VaultTake { market: MarketId, ilk: u16, auction: u64, taken: Taken },
    /// A flash loan of several assets from one.
    FlashLoans(FlashLoans),
    /// Calls of the sender's contract, with who called it and that one's marks.
    By { caller: AccountId, marks: Marks },
}

impl Opened {
    /// What [`super::AmountExpr::FlashDebt`] stands for inside the body.
    pub(super) fn debt(&self) -> Option<Amount> {
        match self {
            Self::FlashLoan { owed, .. } => Some(*owed),
            Self::PairSwap { owed, .. } => *owed,
            Self::Concentrated(opened) => opened.debt(),
            Self::IsolatedLoan { amount, .. } => Some(*amount),
            Self::VaultTake { taken, .. } => Some(Amount(taken.owe.0.div_ceil(RAY))),
            // Which of them?
            Self::FlashLoans(_) => None,
            Self::By { .. } => None,
        }
    }
}

impl Chain {
    /// Opens `calls[at]`, runs its body up to `end`, closes it.
    pub(super) fn with_body(
        &mut self,
        calls: &[Call],
        at: usize,
        end: usize,
        context: &mut Context,
    ) -> Result<(), (usize, Stop)> {
        let opened = self.open(&calls[at], context).map_err(|stop| (at, stop))?;
        context.opened.push(opened);
        self.run(calls, at + 1, end, context)?;
        let loan = if self.watch.is_on() { self.closing(&opened) } else { None };
        let closed = self.close(opened, context);
        context.opened.pop();
        if let (Some(loan), Ok(())) = (loan, &closed) {
            self.witness_closed(&loan);
        }
        closed.map_err(|stop| (at, stop))
    }

    /// What a lender has before its loan is closed, and is owed.
    fn closing(&self, opened: &Opened) -> Option<Closing> {
        let (lender, asset, owed) = match *opened {
            Opened::FlashLoan { market, asset, owed, .. } => {
                (self.markets.get(market.index())?.pooled()?.account, asset, owed)
            }
            Opened::IsolatedLoan { market, asset, amount } => {
                (self.markets.get(market.index())?.isolated()?.account, asset, amount)
            }
            _ => return None,
        };
        Some(Closing { lender, asset, had: self.balance(lender, asset), owed })
    }

    pub(super) fn open(&mut self, call: &Call, context: &mut Context) -> Result<Opened, Stop> {
        match call {
            Call::FlashLoan { market, asset, amount, .. } => {
                let (market, asset, amount) = (*market, *asset, *amount);
                let by = context.sender;
                if matches!(self.markets.get(market.index()), Some(Market::Isolated(_))) {
                    return Ok(self.isolated_flash_open(market, by, asset, amount)?);
                }
                let premium = self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.flash_open(chain, by, reserve, amount, change)
                })?;
                let owed = amount.checked_add(premium).ok_or(Revert::Overflow)?;
                Ok(Opened::FlashLoan { market, asset, amount, premium, owed })
            }
            Call::Pair(call) => self.pair_open(call, context),
            Call::Concentrated(call) => self.concentrated_open(call, context),
            Call::Pooled(call) => self.pooled_open(call, context),
            Call::Vault(call) => self.vault_open(call, context),
            Call::By { account, .. } => {
                if !self.is_contract_of(*account, context.sender) {
                    return Err(Revert::NotAuthorised.into());
                }
                let caller = std::mem::replace(&mut context.sender, *account);
                Ok(Opened::By { caller, marks: std::mem::take(&mut context.marks) })
            }
            _ => Err(Revert::MalformedBody.into()),
        }
    }

    pub(super) fn close(&mut self, opened: Opened, context: &mut Context) -> Result<(), Stop> {
        let by = context.sender;
        match opened {
            Opened::FlashLoan { market, asset, amount, premium, owed } => {
                if self.ledger.balance(by, asset) < owed {
                    return Err(Revert::FlashLoanNotRepaid.into());
                }
                self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.flash_close(chain, by, reserve, amount, change)
                })?;
                self.logs.push(Log::FlashLoan { market, by, asset, amount, premium });
                Ok(())
            }
            Opened::PairSwap { pool, out0, out1, .. } => {
                Ok(self.pair_collect(by, pool, out0, out1)?)
            }
            Opened::Concentrated(opened) => Ok(self.concentrated_close(&opened, by)?),
            Opened::IsolatedLoan { market, asset, amount } => {
                Ok(self.isolated_flash_close(market, by, asset, amount)?)
            }
            Opened::VaultTake { market, auction, taken, .. } => {
                Ok(self.vault_close(market, by, auction, &taken)?)
            }
            Opened::FlashLoans(loan) => self.pooled_close(loan, context),
            Opened::By { caller, marks } => {
                (context.sender, context.marks) = (caller, marks);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::invariants::bites::world::World;
    use super::*;

    #[test]
    fn what_a_lender_has_and_is_owed_is_known_before_its_loan_ends() {
        let w = World::new();
        let (asset, amount) = (w.tokens[0], Amount::new(7));
        let (premium, owed) = (Amount::new(1), Amount::new(8));
        let pooled = Opened::FlashLoan { market: w.pooled[0], asset, amount, premium, owed };
        let isolated = Opened::IsolatedLoan { market: w.isolated[0], asset, amount };
        for (opened, lender, due) in [
            (pooled, w.chain.pooled(w.pooled[0]).account, owed),
            (
                isolated,
                w.chain.markets()[w.isolated[0].index()].isolated().expect("it is").account,
                amount,
            ),
        ] {
            let closing = w.chain.closing(&opened).expect("there is a lender");
            let had = w.chain.balance(lender, asset);
            assert_eq!((closing.lender, closing.asset, closing.had), (lender, asset, had));
            assert_eq!(closing.owed, due);
        }
    }
}
