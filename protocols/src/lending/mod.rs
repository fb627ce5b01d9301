//! A pooled lending market in Aave v3's shape, in two generations of it ([`Version`]).
//!
//! One file per group of verbs. Every verb reads `&self` and a view, and writes what it wants done
//! into a [`Change`]: nothing happens until the chain performs the flows and stores the new state.
//! After an error the change is garbage: drop it.
//!
//! Not here: credit delegation, bridged supply, borrowing at a stable rate.

mod borrow;
pub mod design;
mod error;
mod liquidate;
mod modes;
mod repay;
mod risk;
mod supply;
mod transfer;
mod treasury;
mod version;
mod views;

pub use design::LiquidationDesign;
pub use error::LendingError;
pub use liquidate::LiquidationCall;
pub use modes::{EModeCategory, MAX_E_MODES};
pub use repay::RepayCall;
pub use version::Version;

use crate::LendingView;
use crate::health::Known;
use crate::position::{MAX_RESERVES, Position};
use crate::reserve::Reserve;
use crate::risk_params::{PendingChange, RiskChange, RiskRegime};
use arrayvec::ArrayVec;
use markets::units::{AccountId, Amount, Bps, Flow};
use serde::{Deserialize, Serialize};

/// Most risk changes that can wait at once.
pub const MAX_PENDING: usize = 16;

/// Default share of a debt that one liquidation may repay (`DEFAULT_LIQUIDATION_CLOSE_FACTOR`).
pub const DEFAULT_CLOSE_FACTOR: Bps = Bps(5000);

/// What changes in a market besides its reserves and positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketState {
    /// Share of a debt that one liquidation may repay while the position is neither small nor far
    /// below the line.
    pub close_factor: Bps,
    /// Unix time at which a risk change last moved the close factor; zero: never.
    pub close_factor_changed_at: u64,
    /// Risk changes that wait for their delay to pass, oldest first.
    pub pending: ArrayVec<PendingChange, MAX_PENDING>,
    /// What liquidations are like where they are not Aave v3's.
    pub design: Option<LiquidationDesign>,
}

/// A lending market: its reserves, everybody's flags, and its own state.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooled {
    /// Which generation's rules it follows.
    pub version: Version,
    /// The books, by reserve index.
    pub reserves: Vec<Reserve>,
    /// Flags by account id; an account beyond the end has none.
    pub positions: Vec<Position>,
    /// Close factor and queued risk changes.
    pub state: MarketState,
    /// Holds the underlying.
    pub account: AccountId,
    /// Receives the protocol's share.
    pub treasury: AccountId,
    /// The only account that may propose risk changes.
    pub risk_manager: AccountId,
    /// Charged on flash loans.
    pub flash_premium: Bps,
    /// The treasury's share of that; the rest is the suppliers'. All of it in v3.6, whatever stands here.
    pub flash_premium_to_protocol: Bps,
    /// The e-modes, category 1 first.
    pub e_modes: ArrayVec<EModeCategory, MAX_E_MODES>,
    /// What the risk manager may do.
    pub regime: RiskRegime,
}

/// What an operation wants done: state to store and money to move. Reused: `clear` keeps its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Reserves after, by index.
    pub reserves: Vec<(u16, Reserve)>,
    /// Positions after.
    pub positions: Vec<(AccountId, Position)>,
    /// The market's own state after, where it changed.
    pub state: Option<MarketState>,
    /// Money to move, in order.
    pub flows: Vec<Flow>,
    /// What really moved, in the underlying of the operation's (debt) reserve.
    pub amount: Amount,
    /// Collateral taken by a liquidation, the protocol's fee included, in its underlying.
    pub seized: Amount,
    /// The part of `seized` that the treasury received, in the collateral's underlying.
    pub protocol_fee: Amount,
    /// Written off, by reserve, in its underlying.
    pub bad_debt: Vec<(u16, Amount)>,
    /// Risk changes that took effect.
    pub risk_applied: Vec<RiskChange>,
}

impl Change {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        let Self {
            reserves,
            positions,
            state,
            flows,
            amount,
            seized,
            protocol_fee,
            bad_debt,
            risk_applied,
        } = self;
        reserves.clear();
        positions.clear();
        *state = None;
        flows.clear();
        *amount = Amount::ZERO;
        *seized = Amount::ZERO;
        *protocol_fee = Amount::ZERO;
        bad_debt.clear();
        risk_applied.clear();
    }
}

impl Default for MarketState {
    fn default() -> Self {
        Self {
            close_factor: DEFAULT_CLOSE_FACTOR,
            close_factor_changed_at: 0,
            pending: ArrayVec::new(),
            design: None,
        }
    }
}

impl Change {
    /// Where reserve `index` lies in `reserves`, accrued to now on first touch.
    pub(crate) fn touch(
        &mut self,
        pooled: &Pooled,
        view: &impl LendingView,
        index: u16,
    ) -> Result<usize, LendingError> {
        self.touch_knowing(pooled, view, index, &Known::default())
    }
    /// The same where some indexes are known.
    pub(crate) fn touch_knowing(
        &mut self,
        pooled: &Pooled,
        view: &impl LendingView,
        index: u16,
        known: &Known,
    ) -> Result<usize, LendingError> {
        let debt_shares = view.total_supply(pooled.reserve(index)?.debt_token);
        let at = self.untouched(pooled, index)?;
        let (liquidity, borrow) = (known.liquidity_index(index), known.borrow_index(index));
        self.reserves[at]
            .1
            .accrue_knowing(pooled.version, debt_shares, view.now(), liquidity, borrow)
            .ok_or(LendingError::Overflow)?;
        Ok(at)
    }
    /// Where reserve `index` lies in `reserves`, not accrued on first touch.
    pub(crate) fn untouched(&mut self, pooled: &Pooled, index: u16) -> Result<usize, LendingError> {
        if let Some(at) = self.reserves.iter().position(|(i, _)| *i == index) {
            return Ok(at);
        }
        self.reserves.push((index, *pooled.reserve(index)?));
        Ok(self.reserves.len() - 1)
    }
    /// Stores an account's flags where they changed.
    pub(crate) fn set_position(&mut self, account: AccountId, before: Position, after: Position) {
        if before != after {
            self.positions.push((account, after));
        }
    }
    /// Asks for a movement; nothing for a zero amount.
    pub(crate) fn flow(&mut self, flow: Flow) {
        let (Flow::Move { amount, .. } | Flow::Mint { amount, .. } | Flow::Burn { amount, .. }) =
            &flow;
        if !amount.is_zero() {
            self.flows.push(flow);
        }
    }
}

impl Pooled {
    /// A market of v3.6 without reserves, at Aave's close factor and a flash premium of 5 bps.
    #[must_use]
    pub fn new(
        account: AccountId,
        treasury: AccountId,
        risk_manager: AccountId,
        regime: RiskRegime,
    ) -> Self {
        Self::of_version(Version::V3_6, account, treasury, risk_manager, regime)
    }
    /// The same of any version.
    #[must_use]
    pub fn of_version(
        version: Version,
        account: AccountId,
        treasury: AccountId,
        risk_manager: AccountId,
        regime: RiskRegime,
    ) -> Self {
        Self {
            version,
            reserves: Vec::new(),
            positions: Vec::new(),
            state: MarketState::default(),
            account,
            treasury,
            risk_manager,
            flash_premium: Bps(5),
            flash_premium_to_protocol: Bps::ONE,
            e_modes: ArrayVec::new(),
            regime,
        }
    }
    /// Lists a reserve and returns its index.
    ///
    /// # Panics
    /// Where the market already lists [`MAX_RESERVES`].
    pub fn add_reserve(&mut self, reserve: Reserve) -> u16 {
        assert!(
            self.reserves.len() < MAX_RESERVES,
            "a market lists at most {MAX_RESERVES} reserves"
        );
        self.reserves.push(reserve);
        (self.reserves.len() - 1) as u16
    }
    /// A reserve by index.
    ///
    /// # Errors
    /// There is none.
    pub fn reserve(&self, index: u16) -> Result<&Reserve, LendingError> {
        self.reserves.get(usize::from(index)).ok_or(LendingError::AssetNotListed)
    }
    /// Books liquidity in and out of a touched reserve and sets the rates that follow. `debt_shares` is
    /// all that will exist of its debt token.
    pub(crate) fn settle(
        &self,
        view: &impl LendingView,
        book: &mut Reserve,
        debt_shares: Amount,
        added: Amount,
        taken: Amount,
    ) -> Result<(), LendingError> {
        let cash = if self.version.has_virtual_balance() {
            Amount::ZERO // not asked
        } else {
            view.balance(self.account, book.underlying)
        };
        book.settle(self.version, cash, debt_shares, added, taken)
    }
    /// The underlying that a reserve has at hand: by its own books, or what the market's account
    /// holds, as the version counts it.
    #[must_use]
    pub fn available(&self, view: &impl LendingView, reserve: &Reserve) -> Amount {
        if self.version.has_virtual_balance() {
            reserve.virtual_balance
        } else {
            view.balance(self.account, reserve.underlying)
        }
    }
    /// An account's flags.
    #[must_use]
    pub fn position(&self, account: AccountId) -> Position {
        self.positions.get(account.index()).copied().unwrap_or_default()
    }
}

/// Refuses a reserve that is not listed, or paused.
pub(crate) fn require_running(reserve: &Reserve) -> Result<(), LendingError> {
    if !reserve.config.active {
        return Err(LendingError::ReserveInactive);
    }
    if reserve.config.paused {
        return Err(LendingError::ReservePaused);
    }
    Ok(())
}

/// The same, and refuses a frozen one.
pub(crate) fn require_open(reserve: &Reserve) -> Result<(), LendingError> {
    require_running(reserve)?;
    if reserve.config.frozen {
        return Err(LendingError::ReserveFrozen);
    }
    Ok(())
}

impl Clone for Pooled {
    fn clone(&self) -> Self {
        let Self {
            version,
            reserves,
            positions,
            state,
            account,
            treasury,
            risk_manager,
            flash_premium,
            flash_premium_to_protocol,
            e_modes,
            regime,
        } = self;
        Self {
            version: *version,
            reserves: reserves.clone(),
            positions: positions.clone(),
            state: state.clone(),
            account: *account,
            treasury: *treasury,
            risk_manager: *risk_manager,
            flash_premium: *flash_premium,
            flash_premium_to_protocol: *flash_premium_to_protocol,
            e_modes: e_modes.clone(),
            regime: *regime,
        }
    }
    /// Reuses the vectors' memory: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        let Self {
            version,
            reserves,
            positions,
            state,
            account,
            treasury,
            risk_manager,
            flash_premium,
            flash_premium_to_protocol,
            e_modes,
            regime,
        } = source;
        self.version = *version;
        self.reserves.clone_from(reserves);
        self.positions.clone_from(positions);
        self.state.clone_from(state);
        self.account = *account;
        self.treasury = *treasury;
        self.risk_manager = *risk_manager;
        self.flash_premium = *flash_premium;
        self.flash_premium_to_protocol = *flash_premium_to_protocol;
        self.e_modes.clone_from(e_modes);
        self.regime = *regime;
    }
}
