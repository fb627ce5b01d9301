//! A transaction that is written while it runs: what a searcher does on a fork.
//!
//! A searcher does not know the next call before it has seen what the last one did. A [`Session`] runs one
//! call at a time, bodies included, and keeps the list; what it wrote is a transaction like any other, and
//! does the same when it is executed as a whole on the state that the session began with.

use super::super::Chain;
use super::super::call::{Call, MAX_DEPTH, Marks, Revert};
use super::super::gas;
use super::super::undo::Checkpoint;
use super::{Context, Stop};
use arrayvec::ArrayVec;
use markets::units::{AccountId, Amount};

/// A transaction in the making. It belongs to the chain that it was begun on, inside [`Chain::what_if`].
#[derive(Clone, Debug)]
pub struct Session {
    context: Context,
    calls: Vec<Call>,
    /// Where in `calls` the open bodies begin, innermost last.
    bodies: ArrayVec<usize, MAX_DEPTH>,
}

/// A point of a session to return to.
#[derive(Clone, Debug)]
pub struct SessionMark {
    checkpoint: Checkpoint,
    context: Context,
    bodies: ArrayVec<usize, MAX_DEPTH>,
    calls: usize,
}

impl Session {
    /// An empty transaction of a sender. `calls` is where its calls go: its memory is reused.
    #[must_use]
    pub fn begin(sender: AccountId, mut calls: Vec<Call>) -> Self {
        calls.clear();
        let context = Context {
            sender,
            marks: Marks::default(),
            opened: ArrayVec::new(),
            gas: gas::TRANSACTION,
            gas_limit: u64::MAX,
        };
        Self { context, calls, bodies: ArrayVec::new() }
    }

    /// Runs a call without a body. What a failed call did is undone, and it is not part of the
    /// transaction; a refusal by a code counts as a failure.
    ///
    /// # Errors
    /// Why the call failed.
    pub fn call(&mut self, chain: &mut Chain, call: Call) -> Result<(), Revert> {
        if call.body().is_some() {
            return Err(Revert::MalformedBody);
        }
        let checkpoint = chain.checkpoint();
        match chain.plain(&call, &mut self.context) {
            Ok(()) => {
                self.context.gas += gas::of(&call);
                self.calls.push(call);
                Ok(())
            }
            Err(Stop::Revert(reason) | Stop::Refuse(reason)) => {
                chain.rollback(checkpoint);
                Err(reason)
            }
        }
    }

    /// Begins a call with a body: what follows, up to [`Self::close`], is inside. The length that the call
    /// names does not matter.
    ///
    /// # Errors
    /// Why it could not be opened; nothing has happened then.
    pub fn open(&mut self, chain: &mut Chain, call: Call) -> Result<(), Revert> {
        if call.body().is_none() || self.bodies.is_full() {
            return Err(Revert::MalformedBody);
        }
        let checkpoint = chain.checkpoint();
        match chain.open(&call, &mut self.context) {
            Ok(opened) => {
                self.context.gas += gas::of(&call);
                self.context.opened.push(opened);
                self.bodies.push(self.calls.len());
                self.calls.push(call);
                Ok(())
            }
            Err(Stop::Revert(reason) | Stop::Refuse(reason)) => {
                chain.rollback(checkpoint);
                Err(reason)
            }
        }
    }

    /// Ends the innermost body: the loan is settled.
    ///
    /// # Errors
    /// Why it could not be: it is still open then.
    pub fn close(&mut self, chain: &mut Chain) -> Result<(), Revert> {
        let (Some(opened), Some(at)) = (self.context.opened.last(), self.bodies.last()) else {
            return Err(Revert::MalformedBody);
        };
        let (opened, at) = (*opened, *at);
        let length =
            u16::try_from(self.calls.len() - at - 1).map_err(|_too_long| Revert::MalformedBody)?;
        let checkpoint = chain.checkpoint();
        if let Err(Stop::Revert(reason) | Stop::Refuse(reason)) =
            chain.close(opened, &mut self.context)
        {
            chain.rollback(checkpoint);
            return Err(reason);
        }
        self.context.opened.pop();
        self.bodies.pop();
        set_body(&mut self.calls[at], length);
        Ok(())
    }

    /// What the innermost open loan must be repaid with, in its asset; `None` where nothing is open, or it
    /// is not of one asset.
    #[must_use]
    pub fn owed(&self) -> Option<Amount> {
        self.context.debt()
    }
    /// How many bodies are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.bodies.len()
    }
    /// The calls so far. Bodies that are open have no length yet.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
    /// Gas used so far, the transaction's own included.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        self.context.gas
    }
    /// Takes the calls, and with them the memory for the next session.
    #[must_use]
    pub fn into_calls(self) -> Vec<Call> {
        self.calls
    }

    /// A point to return to.
    #[must_use]
    pub fn mark(&self, chain: &Chain) -> SessionMark {
        SessionMark {
            checkpoint: chain.checkpoint(),
            context: self.context.clone(),
            bodies: self.bodies.clone(),
            calls: self.calls.len(),
        }
    }
    /// Undoes everything since a mark, on the chain and in the transaction. Bodies that were closed since
    /// are open again.
    pub fn back(&mut self, chain: &mut Chain, to: &SessionMark) {
        chain.rollback(to.checkpoint);
        self.context.clone_from(&to.context);
        self.bodies.clone_from(&to.bodies);
        self.calls.truncate(to.calls);
    }
}

/// Writes the length of a call's body.
const fn set_body(call: &mut Call, length: u16) {
    use super::super::call::{ConcentratedCall, PairCall, PooledCall, VaultCall};
    match call {
        Call::FlashLoan { body, .. }
        | Call::By { body, .. }
        | Call::Pair(PairCall::Swap { body, .. })
        | Call::Concentrated(ConcentratedCall::Flash { body, .. })
        | Call::Pooled(PooledCall::FlashLoan { body, .. })
        | Call::Vault(VaultCall::Take { body, .. }) => *body = length,
        Call::Concentrated(
            ConcentratedCall::Mint { body, .. } | ConcentratedCall::Swap { body, .. },
        ) => *body = Some(length),
        _ => {}
    }
}

impl Chain {
    /// Does something with the chain, and undoes it. Blocks do not begin in there: time is not undone.
    pub fn what_if<R>(&mut self, play: impl FnOnce(&mut Self) -> R) -> R {
        if self.open_checkpoints == 0 {
            self.journal.clear();
        }
        let (checkpoint, gas_used) = (self.checkpoint(), self.clock.gas_used);
        let unseen = self.watch.unseen();
        self.open_checkpoints += 1;
        let seen = play(self);
        self.open_checkpoints -= 1;
        self.rollback(checkpoint);
        self.clock.gas_used = gas_used;
        self.watch.restore(unseen);
        seen
    }
}
