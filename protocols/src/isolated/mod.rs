//! Isolated markets in Morpho Blue's shape: one loan asset, one collateral, one oracle, one threshold.
//!
//! Sources: the Morpho Blue whitepaper and public documentation; rounding is against the caller
//! everywhere, as documented. A position is three ledger columns, none of them transferable: supply
//! shares, debt shares and deposited collateral; the market itself keeps two totals, a time and a rate.
//!
//! Every verb reads `&self` and a view and returns a [`Change`]: nothing happens until the chain performs
//! its flows and stores its state. Several markets may share one `account`, as they do in the deployed
//! contract; then a flash loan may take what any of them has at hand.
//!
//! Not here: authorisations (only the sender's own position is drawn on), signatures, callbacks other
//! than the flash loan's (a free flash loan does what they do).

mod borrow;
mod check;
mod error;
pub mod irm;
mod liquidate;
pub mod shares;
mod supply;

pub use borrow::PositionView;
pub use check::INVARIANTS;
pub use error::IsolatedError;
pub use irm::Irm;
pub use liquidate::{LIQUIDATION_CURSOR, MAX_LIQUIDATION_INCENTIVE_FACTOR, Seize};

use crate::LendingView;
use arrayvec::ArrayVec;
use markets::math::{Rounding, mul_div};
use markets::units::{AccountId, Amount, AssetId, FeedId, Flow, U256, Wad};
use serde::{Deserialize, Serialize};
use shares::{product, shares_from_assets, wad_mul_down};

/// The oracle's scale: `10^(36 + loan decimals − collateral decimals)` is a price of one
/// (`ORACLE_PRICE_SCALE`).
pub const ORACLE_PRICE_SCALE: U256 =
    U256::from_limbs([0xb34b_9f10_0000_0000, 0x00c0_97ce_7bc9_0715, 0, 0]);
/// Largest share of the interest that the fee may take: a quarter (`MAX_FEE`).
pub const MAX_FEE: Wad = Wad(U256::from_limbs([250_000_000_000_000_000, 0, 0, 0]));
/// Most flows that one operation asks for.
pub const MAX_FLOWS: usize = 6;

/// What changes in a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// What suppliers own, in the loan asset.
    pub total_supply_assets: Amount,
    /// What borrowers owe, in the loan asset.
    pub total_borrow_assets: Amount,
    /// When interest last accrued, in seconds.
    pub last_update: u64,
    /// Share of the interest that goes to the fee recipient.
    pub fee: Wad,
    /// Receives the fee as supply shares.
    pub fee_recipient: AccountId,
    /// The adaptive curve's rate at target, per second in WAD; zero before its first accrual.
    pub rate_at_target: u64,
}

/// An isolated market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolated {
    /// Holds the loan asset at hand and the collateral.
    pub account: AccountId,
    /// May set the fee and who receives it.
    pub owner: AccountId,
    /// Supplied and borrowed.
    pub loan: AssetId,
    /// Deposited against debt; never lent.
    pub collateral: AssetId,
    /// Ledger column of supply shares (six decimals more than the loan asset).
    pub supply_share: AssetId,
    /// Ledger column of debt shares.
    pub debt_share: AssetId,
    /// Ledger column of deposited collateral, one to one.
    pub collateral_share: AssetId,
    /// Decimals of the loan asset.
    pub loan_decimals: u8,
    /// Decimals of the collateral.
    pub collateral_decimals: u8,
    /// Prices the collateral.
    pub collateral_feed: FeedId,
    /// Prices the loan asset; `None` where it is taken for USD.
    pub loan_feed: Option<FeedId>,
    /// Liquidation loan-to-value: largest healthy ratio of debt to collateral value.
    pub lltv: Wad,
    /// The interest-rate model.
    pub irm: Irm,
    /// What changes.
    pub state: State,
}

/// What an operation wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The market's state after.
    pub state: State,
    /// Money to move, in order.
    pub flows: ArrayVec<Flow, MAX_FLOWS>,
    /// What moved of the loan asset (of the collateral, where the call is about collateral).
    pub assets: Amount,
    /// Supply or debt shares minted or burned for it.
    pub shares: Amount,
    /// Collateral that a liquidation took.
    pub seized: Amount,
    /// Debt written off, which suppliers lost.
    pub bad_debt: Amount,
    /// Debt shares that vanished with it.
    pub bad_debt_shares: Amount,
}

/// How much, in assets or in shares: the contract takes exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantity {
    /// So many units of the loan asset.
    Assets(Amount),
    /// So many shares.
    Shares(Amount),
}

impl Quantity {
    /// Refuses nothing at all, as `exactlyOneZero` does.
    fn nonzero(self) -> Result<Self, IsolatedError> {
        let (Self::Assets(amount) | Self::Shares(amount)) = self;
        if amount.is_zero() { Err(IsolatedError::InconsistentInput) } else { Ok(self) }
    }
}

impl Change {
    fn new(state: State) -> Self {
        Self {
            state,
            flows: ArrayVec::new(),
            assets: Amount::ZERO,
            shares: Amount::ZERO,
            seized: Amount::ZERO,
            bad_debt: Amount::ZERO,
            bad_debt_shares: Amount::ZERO,
        }
    }
    fn flow(&mut self, flow: Flow) {
        let (Flow::Move { amount, .. } | Flow::Mint { amount, .. } | Flow::Burn { amount, .. }) =
            &flow;
        if !amount.is_zero() {
            self.flows.push(flow);
        }
    }
}

impl Isolated {
    /// A market's state at its creation, which starts the adaptive curve.
    #[must_use]
    pub const fn created(now: u64, fee_recipient: AccountId, irm: &Irm) -> State {
        let rate_at_target = match irm {
            Irm::AdaptiveCurve => irm::INITIAL_RATE_AT_TARGET as u64,
            Irm::Fixed { .. } | Irm::Linear { .. } => 0,
        };
        State {
            total_supply_assets: Amount::ZERO,
            total_borrow_assets: Amount::ZERO,
            last_update: now,
            fee: Wad::ZERO,
            fee_recipient,
            rate_at_target,
        }
    }

    /// Whether a ledger column is one of this market's positions.
    #[must_use]
    pub fn is_share(&self, asset: AssetId) -> bool {
        [self.supply_share, self.debt_share, self.collateral_share].contains(&asset)
    }

    /// The state with interest up to now, and the shares that the fee mints (`_accrueInterest`). The fee
    /// is worth its share of the interest at the price after it.
    ///
    /// # Errors
    /// Arithmetic overflowed.
    pub fn accrued(&self, view: &impl LendingView) -> Result<(State, Amount), IsolatedError> {
        let (now, mut state) = (view.now(), self.state);
        let elapsed = now.saturating_sub(state.last_update);
        if elapsed == 0 {
            return Ok((state, Amount::ZERO));
        }
        let (rate, rate_at_target) = self.irm.borrow_rate(&state, now)?;
        let grown = irm::taylor_compounded(rate, elapsed)?;
        let interest = wad_mul_down(state.total_borrow_assets.0, grown)?;
        state.total_borrow_assets = add(state.total_borrow_assets, Amount(interest))?;
        state.total_supply_assets = add(state.total_supply_assets, Amount(interest))?;
        state.rate_at_target = rate_at_target;
        state.last_update = now;
        let mut fee_shares = U256::ZERO;
        if !state.fee.is_zero() {
            let fee = wad_mul_down(interest, state.fee.0)?;
            // Floor: in the suppliers' favour.
            fee_shares = shares_from_assets(
                fee,
                state.total_supply_assets.0 - fee,
                view.total_supply(self.supply_share).0,
                Rounding::Floor,
            )?;
        }
        Ok((state, narrow(fee_shares)?))
    }

    /// A change that starts with accrual, and the totals after it.
    fn begin(&self, view: &impl LendingView) -> Result<(Change, Totals), IsolatedError> {
        let (state, fee_shares) = self.accrued(view)?;
        let mut change = Change::new(state);
        let to = state.fee_recipient;
        change.flow(Flow::Mint { to, asset: self.supply_share, amount: fee_shares });
        let totals = Totals {
            supply_shares: add(view.total_supply(self.supply_share), fee_shares)?,
            borrow_shares: view.total_supply(self.debt_share),
        };
        Ok((change, totals))
    }

    /// Interest up to now, and nothing else.
    ///
    /// # Errors
    /// Arithmetic overflowed.
    pub fn accrue(&self, view: &impl LendingView) -> Result<Change, IsolatedError> {
        self.begin(view).map(|(change, _)| change)
    }

    /// Sets the fee, after accruing at the old one (owner only).
    ///
    /// # Errors
    /// Not the owner, already set, above [`MAX_FEE`].
    pub fn set_fee(
        &self,
        view: &impl LendingView,
        by: AccountId,
        fee: Wad,
    ) -> Result<Change, IsolatedError> {
        if by != self.owner {
            return Err(IsolatedError::NotOwner);
        }
        if fee == self.state.fee {
            return Err(IsolatedError::AlreadySet);
        }
        if fee > MAX_FEE {
            return Err(IsolatedError::MaxFeeExceeded);
        }
        let (mut change, _) = self.begin(view)?;
        change.state.fee = fee;
        Ok(change)
    }

    /// Sets who receives the fee (owner only); the fee not yet accrued is the new one's.
    ///
    /// # Errors
    /// Not the owner, already set.
    pub fn set_fee_recipient(
        &self,
        by: AccountId,
        fee_recipient: AccountId,
    ) -> Result<Change, IsolatedError> {
        if by != self.owner {
            return Err(IsolatedError::NotOwner);
        }
        if fee_recipient == self.state.fee_recipient {
            return Err(IsolatedError::AlreadySet);
        }
        Ok(Change::new(State { fee_recipient, ..self.state }))
    }

    /// The collateral's price in the loan asset, scaled by [`ORACLE_PRICE_SCALE`] and the difference of
    /// the decimals; floored (the shape of `MorphoChainlinkOracleV2`).
    ///
    /// # Errors
    /// A feed has no usable price, or the price exceeds 256 bits.
    pub fn collateral_price(&self, view: &impl LendingView) -> Result<U256, IsolatedError> {
        let collateral = view.price(self.collateral_feed)?;
        let loan = match self.loan_feed {
            Some(feed) => view.price(feed)?,
            None => markets::units::Price::ONE,
        };
        let exponent = 36 + u32::from(self.loan_decimals);
        let scale = exponent
            .checked_sub(u32::from(self.collateral_decimals))
            .and_then(|exponent| U256::from(10).checked_pow(U256::from(exponent)))
            .ok_or(IsolatedError::Arithmetic)?;
        mul_div(U256::from(collateral.0), scale, U256::from(loan.0), Rounding::Floor)
            .ok_or(IsolatedError::Arithmetic)
    }

    /// Refuses more lent than supplied.
    fn require_liquidity(state: &State) -> Result<(), IsolatedError> {
        if state.total_borrow_assets > state.total_supply_assets {
            return Err(IsolatedError::InsufficientLiquidity);
        }
        Ok(())
    }
}

/// Shares in existence, accrued fees included.
#[derive(Clone, Copy, Debug)]
struct Totals {
    supply_shares: Amount,
    borrow_shares: Amount,
}

/// Refuses what does not fit 128 bits, as the contract's storage does not.
fn narrow(amount: U256) -> Result<Amount, IsolatedError> {
    if amount >> 128_usize == U256::ZERO {
        Ok(Amount(amount))
    } else {
        Err(IsolatedError::MaxUint128Exceeded)
    }
}

/// A sum that fits 128 bits.
fn add(a: Amount, b: Amount) -> Result<Amount, IsolatedError> {
    a.checked_add(b).filter(|sum| sum.0 >> 128_usize == U256::ZERO).ok_or(IsolatedError::Arithmetic)
}

/// A difference that is not negative.
fn sub(a: Amount, b: Amount) -> Result<Amount, IsolatedError> {
    a.checked_sub(b).ok_or(IsolatedError::Arithmetic)
}

/// Value of collateral in the loan asset, floored.
fn quoted(collateral: Amount, price: U256) -> Result<U256, IsolatedError> {
    product(collateral.0, price, ORACLE_PRICE_SCALE, Rounding::Floor)
}
