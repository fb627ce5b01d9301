//! A pooled lending market in Aave v3's shape, with the rules of v3.6.
//!
//! One file per group of verbs. Every verb reads `&self` and a view, and writes what it wants done
//! into a [`Change`]: nothing happens until the chain performs the flows and stores the new state.
//! After an error the change is garbage: drop it.
//!
//! Not here (their own issues): efficiency modes, isolation, siloed borrowing, credit delegation.

mod borrow;
mod error;
mod liquidate;
mod risk;
mod supply;
mod treasury;
mod views;

pub use error::LendingError;
pub use liquidate::LiquidationCall;

use crate::LendingView;
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
}

/// A lending market: its reserves, everybody's flags, and its own state.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooled {
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
    /// Charged on flash loans, all of it for the treasury.
    pub flash_premium: Bps,
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
        if let Some(at) = self.reserves.iter().position(|(i, _)| *i == index) {
            return Ok(at);
        }
        let reserve = pooled.reserve(index)?;
        let debt_shares = view.total_supply(reserve.debt_token);
        let accrued = reserve.accrued(debt_shares, view.now()).ok_or(LendingError::Overflow)?;
        self.reserves.push((index, accrued));
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
    /// A market without reserves, at Aave's close factor and a flash premium of 5 bps.
    #[must_use]
    pub fn new(
        account: AccountId,
        treasury: AccountId,
        risk_manager: AccountId,
        regime: RiskRegime,
    ) -> Self {
        Self {
            reserves: Vec::new(),
            positions: Vec::new(),
            state: MarketState::default(),
            account,
            treasury,
            risk_manager,
            flash_premium: Bps(5),
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
            reserves,
            positions,
            state,
            account,
            treasury,
            risk_manager,
            flash_premium,
            regime,
        } = self;
        Self {
            reserves: reserves.clone(),
            positions: positions.clone(),
            state: state.clone(),
            account: *account,
            treasury: *treasury,
            risk_manager: *risk_manager,
            flash_premium: *flash_premium,
            regime: *regime,
        }
    }
    /// Reuses the vectors' memory: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        let Self {
            reserves,
            positions,
            state,
            account,
            treasury,
            risk_manager,
            flash_premium,
            regime,
        } = source;
        self.reserves.clone_from(reserves);
        self.positions.clone_from(positions);
        self.state.clone_from(state);
        self.account = *account;
        self.treasury = *treasury;
        self.risk_manager = *risk_manager;
        self.flash_premium = *flash_premium;
        self.regime = *regime;
    }
}
