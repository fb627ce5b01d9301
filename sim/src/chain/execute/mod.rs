//! Executing transactions: quote (fallible, pure), move money (journalled), apply (infallible).
//!
//! One file per family of mechanisms: how its calls are executed, and how its writes are undone.

mod body;
mod compound;
mod concentrated;
mod core;
mod desk;
mod isolated;
mod oracle;
mod pair;
mod perpetual;
mod pooled;
mod session;
mod stable_swap;
mod vault;
mod verbs;

use super::call::{AmountExpr, Call, MAX_DEPTH, Marks, Outcome, Receipt, Revert, Transaction};
use super::undo::{Checkpoint, Undo};
use super::{Chain, gas};
use arrayvec::ArrayVec;
use body::Opened;
use markets::units::{AccountId, Amount, AssetId, Flow, U256};

pub use session::{Session, SessionMark};

/// Why a call did not go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Everything since the transaction's start is undone.
    Revert(Revert),
    /// The call returned a code instead (Compound's way): effects so far stay, what follows does not
    /// run.
    Refuse(Revert),
}

impl<E> From<E> for Stop
where
    Revert: From<E>,
{
    fn from(reason: E) -> Self {
        Self::Revert(reason.into())
    }
}

/// What a transaction carries while it runs.
#[derive(Clone, Debug)]
struct Context {
    sender: AccountId,
    marks: Marks,
    /// Calls whose body runs now, innermost last.
    opened: ArrayVec<Opened, MAX_DEPTH>,
    gas: u64,
    gas_limit: u64,
}

impl Context {
    /// What the innermost open loan must be repaid with, whoever's calls are running in it; `None` where
    /// nothing is open, or it is not of one asset.
    fn debt(&self) -> Option<Amount> {
        let is_loan = |opened: &&Opened| !matches!(opened, Opened::By { .. });
        self.opened.iter().rev().find(is_loan).and_then(Opened::debt)
    }
}

impl Chain {
    /// Executes a transaction: in full, or not at all but for the gas it paid. Never fails: what
    /// went wrong is in the receipt.
    pub fn execute(&mut self, tx: Transaction<'_>) -> Receipt {
        if self.open_checkpoints == 0 {
            self.journal.clear();
        }
        self.watch.note_transaction();
        let header = tx.header;
        let fee = if header.system {
            0
        } else {
            let Some(fee) =
                self.effective_fee(header.max_fee_per_gas, header.max_priority_fee_per_gas)
            else {
                return INVALID;
            };
            let worst =
                Amount::new(u128::from(header.gas_limit) * u128::from(header.max_fee_per_gas));
            if self.ledger.balance(header.sender, self.gas_asset) < worst {
                return INVALID;
            }
            fee
        };
        let checkpoint = self.checkpoint();
        let mut context = Context {
            sender: header.sender,
            marks: Marks::default(),
            opened: ArrayVec::new(),
            gas: if header.system { 0 } else { gas::TRANSACTION },
            gas_limit: header.gas_limit,
        };
        let outcome = match self.run(tx.calls, 0, tx.calls.len(), &mut context) {
            Ok(()) => Outcome::Success,
            // A loan that is not settled cannot stay: a refusal inside a body, a contract's too, undoes everything.
            Err((_, Stop::Refuse(reason))) if context.opened.is_empty() => Outcome::Refused(reason),
            Err((call, Stop::Revert(reason) | Stop::Refuse(reason))) => {
                self.rollback(checkpoint);
                Outcome::Reverted { call: call as u16, reason }
            }
        };
        let gas_used = if header.system { 0 } else { context.gas.min(header.gas_limit) };
        let gas_paid = self.charge_gas(header.sender, gas_used, fee);
        self.clock.gas_used += gas_used;
        Receipt { outcome, gas_used, gas_paid }
    }

    /// Executes a transaction, looks at the result, and undoes it.
    pub fn simulate<R>(
        &mut self,
        tx: Transaction<'_>,
        look: impl FnOnce(&Self, &Receipt) -> R,
    ) -> (Receipt, R) {
        self.what_if(|chain| {
            let receipt = chain.execute(tx);
            let seen = look(chain, &receipt);
            (receipt, seen)
        })
    }

    /// What a sender pays per gas (EIP-1559), or `None` where the offer is below the base fee.
    #[must_use]
    pub fn effective_fee(&self, max_fee: u64, max_priority_fee: u64) -> Option<u64> {
        (max_fee >= self.clock.base_fee)
            .then(|| max_fee.min(self.clock.base_fee.saturating_add(max_priority_fee)))
    }

    /// Burns the base fee and pays the rest to the builder.
    fn charge_gas(&mut self, sender: AccountId, gas_used: u64, fee: u64) -> Amount {
        let paid = u128::from(gas_used) * u128::from(fee);
        let burned = u128::from(gas_used) * u128::from(self.clock.base_fee.min(fee));
        let asset = self.gas_asset;
        let amounts = [burned, paid - burned].map(Amount::new);
        if self.ledger.pay_gas(sender, self.builder, asset, amounts, &mut self.journal) {
            return Amount::new(paid);
        }
        self.charge_gas_slowly(sender, burned, paid)
    }

    /// The same where it is not one write each.
    #[cold]
    fn charge_gas_slowly(&mut self, sender: AccountId, burned: u128, paid: u128) -> Amount {
        let asset = self.gas_asset;
        let flows = [
            Flow::Burn { from: sender, asset, amount: Amount::new(burned) },
            Flow::Move {
                from: sender,
                to: self.builder,
                asset,
                amount: Amount::new(paid - burned),
            },
        ];
        let had = self.ledger.balance(sender, asset);
        for flow in &flows {
            if self.ledger.perform(flow, &mut self.journal).is_err() {
                // A body moved the gas money away after the check at inclusion: the sender pays what
                // is left. (Contracts buy gas up front; the difference is at most one transaction's.)
                let left = self.ledger.balance(sender, asset);
                let rest = Flow::Burn { from: sender, asset, amount: left };
                let done = self.ledger.perform(&rest, &mut self.journal);
                debug_assert!(done.is_ok());
                return had;
            }
        }
        Amount::new(paid)
    }

    /// A point to return to.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { entries: self.journal.entries.len(), logs: self.logs.len() }
    }

    /// Undoes everything since a checkpoint, latest first.
    pub fn rollback(&mut self, to: Checkpoint) {
        while self.journal.entries.len() > to.entries {
            let Some(entry) = self.journal.entries.pop() else { break };
            match entry {
                Undo::Balance { index, old } => self.ledger.restore_balance(index, old),
                Undo::Minted { asset, old } => self.ledger.restore_minted(asset, old),
                Undo::Burned { asset, old } => self.ledger.restore_burned(asset, old),
                Undo::ConstantProduct { pool } => self.restore_pair(pool),
                Undo::Reserve { market, reserve } => self.restore_reserve(market, reserve),
                Undo::Position { market, account, old } => {
                    self.restore_position(market, account, old);
                }
                Undo::State { market } => self.restore_state(market),
                Undo::Feed { feed } => self.restore_feed(feed),
                Undo::Concentrated(entry) => self.concentrated_undo(entry),
                Undo::StableSwap(entry) => self.stable_swap_undo(entry),
                Undo::Compound(entry) => self.compound_undo(entry),
                Undo::Isolated(entry) => self.isolated_undo(entry),
                Undo::Vault(entry) => self.vault_undo(entry),
                Undo::Oracle(entry) => self.oracle_undo(entry),
                Undo::Desk(entry) => self.desk_undo(entry),
                Undo::Perpetual(entry) => self.perpetual_undo(entry),
            }
        }
        self.logs.truncate(to.logs);
    }

    /// Runs `calls[from..to]`, bodies nested. The error names the call that failed.
    fn run(
        &mut self,
        calls: &[Call],
        from: usize,
        to: usize,
        context: &mut Context,
    ) -> Result<(), (usize, Stop)> {
        let mut next = from;
        while next < to {
            let call = &calls[next];
            context.gas += gas::of(call);
            if context.gas > context.gas_limit {
                return Err((next, Revert::OutOfGas.into()));
            }
            if let Some(body) = call.body() {
                let end = next + 1 + body;
                if end > to || context.opened.len() == MAX_DEPTH {
                    return Err((next, Revert::MalformedBody.into()));
                }
                self.with_body(calls, next, end, context)?;
                next = end;
            } else {
                if self.watch.is_on() {
                    self.watched(call, context).map_err(|stop| (next, stop))?;
                } else {
                    self.plain(call, context).map_err(|stop| (next, stop))?;
                }
                next += 1;
            }
        }
        Ok(())
    }

    /// The same where somebody audits everything.
    #[cold]
    fn watched(&mut self, call: &Call, context: &mut Context) -> Result<(), Stop> {
        let target = self.target_of(call);
        self.plain(call, context)?;
        if let Some(target) = target {
            self.witness_liquidation(&target);
        }
        Ok(())
    }

    /// A call without a body.
    fn plain(&mut self, call: &Call, context: &mut Context) -> Result<(), Stop> {
        match *call {
            Call::Transfer { to, asset, amount } => self.transfer(to, asset, amount, context)?,
            Call::Swap { pool, asset_in, amount, min_out } => {
                self.swap(pool, asset_in, amount, min_out, context)?;
            }
            Call::SwapExactOut { pool, asset_out, amount, max_in } => {
                self.swap_exact_out(pool, asset_out, amount, max_in, context)?;
            }
            Call::AddLiquidity { pool, max0, max1 } => {
                self.add_liquidity(pool, max0, max1, context)?;
            }
            Call::RemoveLiquidity { pool, shares } => {
                self.remove_liquidity(pool, shares, context)?;
            }
            Call::Supply { market, asset, amount } => {
                return self.supply(market, asset, amount, context);
            }
            Call::Withdraw { market, asset, amount } => {
                return self.withdraw(market, asset, amount, context);
            }
            Call::Borrow { market, asset, amount } => {
                return self.borrow(market, asset, amount, context);
            }
            Call::Repay { market, asset, amount } => {
                return self.repay(market, asset, amount, context);
            }
            Call::SetCollateral { market, asset, enabled } => {
                return self.set_collateral(market, asset, enabled, context);
            }
            Call::Liquidate { market, borrower, collateral, debt, amount } => {
                return self.liquidate(market, borrower, collateral, debt, amount, context);
            }
            Call::FlashLoan { .. } | Call::By { .. } => return Err(Revert::MalformedBody.into()),
            Call::Mark { mark, asset } => self.mark(mark, asset, context)?,
            Call::RequireGain { mark, asset, min_gain } => {
                self.require_gain(mark, asset, min_gain, context)?;
            }
            Call::PushPrice { feed, price } => self.push_price(context.sender, feed, price)?,
            Call::Checkpoint { feed } => self.checkpoint_feed(feed)?,
            Call::ProposeRisk { market, change: proposed } => {
                let by = context.sender;
                self.whole_market(market, |pooled, chain, change| {
                    pooled.propose_risk(chain, by, proposed, change)
                })?;
            }
            Call::ExecuteRisk { market } => self
                .whole_market(market, |pooled, chain, change| pooled.execute_risk(chain, change))?,
            Call::Settle { trader, pays_asset, pays, receives_asset, receives } => {
                let (paid, received) = ((pays_asset, pays), (receives_asset, receives));
                self.settle(context.sender, trader, paid, received)?;
            }
            Call::MintToTreasury { market } => {
                self.whole_market(market, |pooled, chain, change| {
                    pooled.mint_to_treasury(chain, change).map_err(Revert::from)
                })?;
            }
            Call::CoverDeficit { market, asset, amount } => {
                self.cover_deficit(market, asset, amount, context)?;
            }
            Call::Pair(ref call) => return self.pair_call(call, context),
            Call::Concentrated(ref call) => return self.concentrated_call(call, context),
            Call::StableSwap(ref call) => return self.stable_swap_call(call, context),
            Call::Pooled(ref call) => return self.pooled_call(call, context),
            Call::Compound(ref call) => return self.compound_call(call, context),
            Call::Isolated(ref call) => return self.isolated_call(call, context),
            Call::Vault(ref call) => return self.vault_call(call, context),
            Call::Oracle(ref call) => return self.oracle_call(call, context),
            Call::Desk(ref call) => return self.desk_call(call, context),
            Call::Perpetual(ref call) => return self.perpetual_call(call, context),
        }
        Ok(())
    }

    /// Evaluates an amount.
    fn amount(
        &self,
        expr: AmountExpr,
        asset: AssetId,
        context: &Context,
    ) -> Result<Amount, Revert> {
        match expr {
            AmountExpr::Exact(amount) => Ok(amount),
            AmountExpr::All => Ok(self.ledger.balance(context.sender, asset)),
            AmountExpr::DeltaSince(mark) => {
                let before = core::marked(context, mark, asset)?;
                Ok(self.ledger.balance(context.sender, asset).saturating_sub(before))
            }
            AmountExpr::FlashDebt => context.debt().ok_or(Revert::BadAmount),
            AmountExpr::MaxBorrow | AmountExpr::AvailableBorrows => Err(Revert::BadAmount),
        }
    }

    /// The same where `All` means the whole position rather than the wallet.
    fn amount_or_max(
        &self,
        expr: AmountExpr,
        asset: AssetId,
        context: &Context,
    ) -> Result<Amount, Revert> {
        match expr {
            AmountExpr::All => Ok(Amount::MAX),
            other => self.amount(other, asset, context),
        }
    }
}

const INVALID: Receipt =
    Receipt { outcome: Outcome::Invalid, gas_used: 0, gas_paid: Amount(U256::ZERO) };
