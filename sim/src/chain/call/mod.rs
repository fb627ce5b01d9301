//! Transactions: what can be asked of the chain, as plain values.
//!
//! A transaction is a header and a flat list of calls. A call with a body (a flash loan, what a contract does) is followed
//! by its body: the next `body` calls, nested bodies included. Flat lists live in one arena
//! ([`TxBuffer`]), so a block of transactions allocates nothing in steady state and a tape is a copy.

pub mod compound;
pub mod concentrated;
pub mod desk;
pub mod isolated;
pub mod oracle;
pub mod pair;
pub mod perpetual;
pub mod pooled;
pub mod stable_swap;
pub mod vault;

use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PoolId, Price};
use protocols::risk_params::RiskChange;
use serde::{Deserialize, Serialize};

pub use compound::CompoundCall;
pub use concentrated::{ConcentratedCall, ConcentratedLog};
pub use desk::DeskCall;
pub use isolated::IsolatedCall;
pub use oracle::OracleCall;
pub use pair::PairCall;
pub use perpetual::{PerpetualCall, PerpetualLog};
pub use pooled::PooledCall;
pub use stable_swap::StableSwapCall;
pub use vault::{VaultCall, VaultLog};

/// Deepest nesting of calls with bodies.
pub const MAX_DEPTH: usize = 4;
/// Marks that a transaction can set (see [`Call::Mark`]).
pub const MAX_MARKS: usize = 4;

/// How much, evaluated at execution: literals go stale when the order changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AmountExpr {
    /// This many of the smallest unit.
    Exact(Amount),
    /// The sender's whole balance of the call's asset (for `Repay`: the whole debt; for `Withdraw`:
    /// the whole supply).
    All,
    /// What the sender's balance of the call's asset has grown by since the mark was set.
    DeltaSince(u8),
    /// The most that the market lets the sender borrow now, in the call's asset (`Borrow` only).
    MaxBorrow,
    /// What the enclosing flash loan must be repaid with, principal and premium.
    FlashDebt,
    /// What the market reports that the sender can borrow now, in the call's asset and at most what is at
    /// hand (`Borrow` from a pooled market only): what a contract reads that asks the market, and in
    /// Aave 3.0.2 a unit more now and then than the market then lends.
    AvailableBorrows,
}

/// One thing asked of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum Call {
    /// Moves an asset from the sender.
    Transfer { to: AccountId, asset: AssetId, amount: AmountExpr },
    /// Sells `amount` of `asset_in` to a pool, for at least `min_out` of the other asset.
    Swap { pool: PoolId, asset_in: AssetId, amount: AmountExpr, min_out: Amount },
    /// Buys `amount` of `asset_out` from a pool, for at most `max_in` of the other asset.
    SwapExactOut { pool: PoolId, asset_out: AssetId, amount: AmountExpr, max_in: Amount },
    /// Adds liquidity: the pool pulls the proportional amounts, at most these, and mints shares.
    AddLiquidity { pool: PoolId, max0: Amount, max1: Amount },
    /// Burns pool shares for both assets.
    RemoveLiquidity { pool: PoolId, shares: AmountExpr },
    /// Supplies an asset to a market for scaled shares.
    Supply { market: MarketId, asset: AssetId, amount: AmountExpr },
    /// Withdraws a supplied asset.
    Withdraw { market: MarketId, asset: AssetId, amount: AmountExpr },
    /// Borrows an asset.
    Borrow { market: MarketId, asset: AssetId, amount: AmountExpr },
    /// Repays the sender's debt in an asset.
    Repay { market: MarketId, asset: AssetId, amount: AmountExpr },
    /// Switches a supplied asset on or off as collateral.
    SetCollateral { market: MarketId, asset: AssetId, enabled: bool },
    /// Repays up to `amount` of a borrower's debt and seizes collateral with the bonus.
    Liquidate {
        market: MarketId,
        borrower: AccountId,
        collateral: AssetId,
        debt: AssetId,
        amount: AmountExpr,
    },
    /// Lends `amount` for the next `body` calls; principal and premium are pulled after them.
    FlashLoan { market: MarketId, asset: AssetId, amount: Amount, body: u16 },
    /// Remembers the sender's balance of an asset under a number below [`MAX_MARKS`].
    Mark { mark: u8, asset: AssetId },
    /// Reverts unless the sender's balance of an asset has grown by `min_gain` since the mark.
    RequireGain { mark: u8, asset: AssetId, min_gain: Amount },
    /// Reports a price to a push feed (authorised reporters only).
    PushPrice { feed: FeedId, price: Price },
    /// Writes a TWAP checkpoint.
    Checkpoint { feed: FeedId },
    /// Proposes a change of a risk parameter (the market's risk manager only); takes effect at once
    /// where the regime's delay is zero, else waits for `ExecuteRisk`.
    ProposeRisk { market: MarketId, change: RiskChange },
    /// Applies every queued risk change whose delay has passed (anyone).
    ExecuteRisk { market: MarketId },
    /// Settles an exchange order: the exchange's operator moves `pays` to the exchange from the
    /// trader and `receives` to the trader (operator only; the book is off-chain). The trader is nobody
    /// who holds a mechanism's tokens, and neither asset a market's share.
    Settle {
        trader: AccountId,
        pays_asset: AssetId,
        pays: Amount,
        receives_asset: AssetId,
        receives: Amount,
    },
    /// Moves a reserve's accrued fees to the treasury (anyone).
    MintToTreasury { market: MarketId },
    /// Covers a reserve's deficit by burning the sender's supply shares (Aave v3.3
    /// `eliminateReserveDeficit`); `All` is the whole deficit.
    CoverDeficit { market: MarketId, asset: AssetId, amount: AmountExpr },
    /// What only a Uniswap v2 pair understands.
    Pair(PairCall),
    /// What only a Uniswap v3 pool understands.
    Concentrated(ConcentratedCall),
    /// What only a StableSwap pool understands.
    StableSwap(StableSwapCall),
    /// What only a pooled market in Aave v3's shape understands.
    Pooled(PooledCall),
    /// What only a Compound v2 market understands.
    Compound(CompoundCall),
    /// What only an isolated market in Morpho's shape understands.
    Isolated(IsolatedCall),
    /// What only vaults and their liquidation auctions in Maker's shape understand.
    Vault(VaultCall),
    /// What only composed oracles understand.
    Oracle(OracleCall),
    /// What only a margin-trading desk in bZx's shape understands.
    Desk(DeskCall),
    /// What only a perpetual market understands.
    Perpetual(PerpetualCall),
    /// Has the sender's contract ([`super::Chain::contract_of`]) make the next `body` calls: positions,
    /// balances and marks in them are the contract's, and `FlashDebt` what the sender's loan must be repaid
    /// with. The sender pays the gas. A code that refuses one of them undoes the whole transaction, as in
    /// every body.
    By { account: AccountId, body: u16 },
}

impl Call {
    /// How many of the following calls are this call's body; `None` where it has none.
    #[must_use]
    pub const fn body(&self) -> Option<usize> {
        match self {
            Self::FlashLoan { body, .. } | Self::By { body, .. } => Some(*body as usize),
            Self::Pair(call) => call.body(),
            Self::Concentrated(call) => call.body(),
            Self::Pooled(call) => call.body(),
            Self::Vault(call) => call.body(),
            _ => None,
        }
    }

    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transfer { .. } => "transfer",
            Self::Swap { .. } => "swap",
            Self::SwapExactOut { .. } => "swap_exact_out",
            Self::AddLiquidity { .. } => "add_liquidity",
            Self::RemoveLiquidity { .. } => "remove_liquidity",
            Self::Supply { .. } => "supply",
            Self::Withdraw { .. } => "withdraw",
            Self::Borrow { .. } => "borrow",
            Self::Repay { .. } => "repay",
            Self::SetCollateral { .. } => "set_collateral",
            Self::Liquidate { .. } => "liquidate",
            Self::FlashLoan { .. } => "flash_loan",
            Self::Mark { .. } => "mark",
            Self::RequireGain { .. } => "require_gain",
            Self::PushPrice { .. } => "push_price",
            Self::Checkpoint { .. } => "checkpoint",
            Self::ProposeRisk { .. } => "propose_risk",
            Self::ExecuteRisk { .. } => "execute_risk",
            Self::Settle { .. } => "settle",
            Self::MintToTreasury { .. } => "mint_to_treasury",
            Self::CoverDeficit { .. } => "cover_deficit",
            Self::Pair(call) => call.kind(),
            Self::Concentrated(call) => call.kind(),
            Self::StableSwap(call) => call.kind(),
            Self::Pooled(call) => call.kind(),
            Self::Compound(call) => call.kind(),
            Self::Isolated(call) => call.kind(),
            Self::Vault(call) => call.kind(),
            Self::Oracle(call) => call.kind(),
            Self::Desk(call) => call.kind(),
            Self::Perpetual(call) => call.kind(),
            Self::By { .. } => "by",
        }
    }

    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match self {
            Self::Liquidate { borrower, .. } => Some(*borrower),
            Self::Transfer { to, .. } => Some(*to),
            Self::Settle { trader, .. } => Some(*trader),
            Self::By { account, .. } => Some(*account),
            Self::Pair(call) => call.touches(),
            Self::Concentrated(call) => call.touches(),
            Self::Pooled(call) => call.touches(),
            Self::Compound(call) => call.touches(),
            Self::Isolated(call) => call.touches(),
            Self::Vault(call) => call.touches(),
            Self::Perpetual(call) => call.touches(),
            _ => None,
        }
    }
}

/// Who sends, and what they pay for gas. Fees are in wei of the gas asset per unit of gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxHeader {
    /// The account that sends and pays.
    pub sender: AccountId,
    /// The participant behind it; orders ties and names the log lines.
    pub actor: u32,
    /// Position among this actor's transactions of the block.
    pub sequence: u32,
    /// Most gas it may use.
    pub gas_limit: u64,
    /// Most it pays per gas, base fee included (EIP-1559 `maxFeePerGas`), in wei.
    pub max_fee_per_gas: u64,
    /// What it offers the builder per gas (EIP-1559 `maxPriorityFeePerGas`), in wei.
    pub max_priority_fee_per_gas: u64,
    /// Whether the chain itself sends it (settlement, keepers of the world): pays no gas and comes
    /// first in the block.
    pub system: bool,
}

impl TxHeader {
    /// Nobody's in particular, and free: what is done before the first block, or only tried.
    #[must_use]
    pub const fn free(sender: AccountId) -> Self {
        Self {
            sender,
            actor: u32::MAX,
            sequence: 0,
            gas_limit: u64::MAX,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            system: true,
        }
    }
}

/// A transaction: a header and its calls.
#[derive(Clone, Copy, Debug)]
pub struct Transaction<'a> {
    /// Who, and for what price.
    pub header: &'a TxHeader,
    /// What, in order; bodies follow their call.
    pub calls: &'a [Call],
}

/// Transactions in one arena, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxBuffer {
    entries: Vec<(TxHeader, u32, u32)>,
    calls: Vec<Call>,
}

impl TxBuffer {
    /// Appends a transaction.
    pub fn push(&mut self, header: TxHeader, calls: &[Call]) {
        let start = self.calls.len() as u32;
        self.calls.extend_from_slice(calls);
        self.entries.push((header, start, calls.len() as u32));
    }
    /// Number of transactions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// The `i`-th transaction.
    ///
    /// # Panics
    /// Where `i` is out of range.
    #[must_use]
    pub fn get(&self, i: usize) -> Transaction<'_> {
        let (header, start, len) = &self.entries[i];
        Transaction { header, calls: &self.calls[*start as usize..(*start + *len) as usize] }
    }
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Transaction<'_>> {
        (0..self.len()).map(|i| self.get(i))
    }
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.calls.clear();
    }
}

/// Why a transaction reverted, or a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Revert {
    /// The sender has less than it would move.
    #[error("balance too small")]
    InsufficientBalance,
    /// A pool or market refused; the reason is the mechanism's.
    #[error("pool: {0}")]
    Pool(#[from] markets::amm::PoolError),
    /// A concentrated-liquidity pool refused.
    #[error("pool: {0}")]
    Concentrated(#[from] markets::amm::concentrated::ConcentratedError),
    /// A StableSwap pool refused.
    #[error("StableSwap: {0}")]
    StableSwap(#[from] markets::amm::stable_swap::StableSwapError),
    /// A reserve or depot refused.
    #[error("reserve: {0}")]
    Reserve(#[from] markets::amm::reserve::ReserveError),
    /// A margin desk refused.
    #[error("margin desk: {0}")]
    Desk(#[from] protocols::margin_desk::DeskError),
    /// The lending market refused.
    #[error("lending: {0}")]
    Lending(#[from] protocols::lending::LendingError),
    /// A Compound market reverted.
    #[error("compound: {0}")]
    Compound(#[from] protocols::compound::CompoundError),
    /// A Compound market refused by a code, which undoes nothing.
    #[error("compound: {0}")]
    CompoundCode(#[from] protocols::compound::Refusal),
    /// A risk change was refused.
    #[error("risk change: {0}")]
    Risk(#[from] protocols::risk_params::RiskError),
    /// The oracle has no usable price.
    #[error("oracle: {0}")]
    Oracle(#[from] markets::oracle::OracleError),
    /// The sender may not make this call.
    #[error("not authorised")]
    NotAuthorised,
    /// A market's shares move only with the market's consent.
    #[error("a market's shares cannot be transferred")]
    NotTransferable,
    /// `RequireGain` was not met.
    #[error("gain below the required minimum")]
    GainTooSmall,
    /// The flash loan was not repaid.
    #[error("flash loan not repaid")]
    FlashLoanNotRepaid,
    /// Calls with bodies nest deeper than [`MAX_DEPTH`], or a body runs past the end.
    #[error("malformed body")]
    MalformedBody,
    /// An amount expression has no value here.
    #[error("amount expression has no value here")]
    BadAmount,
    /// No such pool, market, feed, asset or account.
    #[error("unknown id")]
    UnknownId,
    /// This kind of pool or market has no such call.
    #[error("this kind of pool or market has no such call")]
    Unsupported,
    /// Gas limit exceeded.
    #[error("out of gas")]
    OutOfGas,
    /// 256-bit arithmetic overflowed.
    #[error("arithmetic overflow")]
    Overflow,
    /// The isolated market refused.
    #[error("isolated market: {0}")]
    Isolated(#[from] protocols::isolated::IsolatedError),
    /// The vaults refused, or one of their auctions.
    #[error("vaults: {0}")]
    Vault(#[from] protocols::vault::VaultError),
    /// The perpetual market refused.
    #[error("perpetual: {0}")]
    Perpetual(#[from] protocols::perpetual::PerpetualError),
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variant's sentence names its fields")]
pub enum Outcome {
    /// Executed in full.
    Success,
    /// Stopped by a code without undoing (Compound's way): effects so far stay.
    Refused(Revert),
    /// Undone, gas charged. `call` is the index of the call that failed.
    Reverted { call: u16, reason: Revert },
    /// Never included: fee below the base fee, or the sender cannot pay the gas.
    Invalid,
}

/// What execution left behind besides state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What became of it.
    pub outcome: Outcome,
    /// Gas used.
    pub gas_used: u64,
    /// Paid for gas, in wei of the gas asset.
    pub gas_paid: Amount,
}

/// A fact that a call reports; the world's metrics and observers read these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a log's sentence names its fields")]
pub enum Log {
    /// A swap, with the amounts that moved.
    Swap { pool: PoolId, by: AccountId, asset_in: AssetId, amount_in: Amount, amount_out: Amount },
    /// A swap of a pair that was not one asset for the other, with what came in and went out of each.
    PairSwap { pool: PoolId, by: AccountId, ins: [Amount; 2], outs: [Amount; 2] },
    /// Supplied.
    Supply { market: MarketId, by: AccountId, asset: AssetId, amount: Amount },
    /// Withdrawn.
    Withdraw { market: MarketId, by: AccountId, asset: AssetId, amount: Amount },
    /// Borrowed.
    Borrow { market: MarketId, by: AccountId, asset: AssetId, amount: Amount },
    /// Repaid.
    Repay { market: MarketId, by: AccountId, asset: AssetId, amount: Amount },
    /// Liquidated. `bad_debt` is what the protocol wrote off, in the debt asset.
    Liquidation {
        market: MarketId,
        by: AccountId,
        borrower: AccountId,
        collateral: AssetId,
        debt: AssetId,
        seized: Amount,
        repaid: Amount,
        bad_debt: Amount,
    },
    /// Written off in one reserve, in its asset.
    BadDebt { market: MarketId, borrower: AccountId, asset: AssetId, amount: Amount },
    /// A flash loan that was repaid.
    FlashLoan { market: MarketId, by: AccountId, asset: AssetId, amount: Amount, premium: Amount },
    /// A push feed moved.
    PricePushed { feed: FeedId, price: Price },
    /// A risk parameter moved (value after, as stored).
    RiskChanged { market: MarketId, change: RiskChange },
    /// An exchange order was settled.
    Settled {
        trader: AccountId,
        pays_asset: AssetId,
        pays: Amount,
        receives_asset: AssetId,
        receives: Amount,
    },
    /// What a Uniswap v3 pool reports besides swaps.
    Concentrated(ConcentratedLog),
    /// What liquidation auctions in Maker's shape report.
    Vault(VaultLog),
    /// What a perpetual market reports.
    Perpetual(PerpetualLog),
}

/// Balances remembered by `Mark`.
pub(crate) type Marks = [Option<(AssetId, Amount)>; MAX_MARKS];
