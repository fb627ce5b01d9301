//! What restricts whole positions: efficiency modes, isolated collateral, siloed debt.
//!
//! Sources: Aave v3 `EModeLogic`, `IsolationModeLogic`, `UserConfiguration` and the `validate…`
//! functions that ask them. In 3.0.2 a reserve belongs to one category, as collateral and as debt; in
//! 3.6 a category has a map for either. Here both are maps: 3.0.2 sets them alike.

use super::{Change, LendingError, Pooled, Version};
use crate::LendingView;
use crate::health::health;
use crate::position::Position;
use crate::reserve::Reserve;
use markets::units::{AccountId, Bps, FeedId, Wad};
use serde::{Deserialize, Serialize};

/// Most e-modes that a market has.
pub const MAX_E_MODES: usize = 8;

/// An efficiency mode: assets that move together, and what they bear within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EModeCategory {
    /// LTV of its collateral.
    pub ltv: Bps,
    /// Liquidation threshold of its collateral. Zero: there is no such category.
    pub liquidation_threshold: Bps,
    /// What a liquidator of its collateral receives beyond par.
    pub liquidation_bonus: Bps,
    /// Prices all its assets alike, where it is set (3.0.2 only).
    pub price_feed: Option<FeedId>,
    /// Bit `i`: reserve `i` is collateral on these terms.
    pub collateral: u32,
    /// Bit `i`: reserve `i` can be borrowed within it.
    pub borrowable: u32,
    /// Bit `i`: reserve `i` is collateral on these terms but with LTV zero (3.6).
    pub ltv_zero: u32,
}

impl EModeCategory {
    /// Whether a reserve is collateral on the category's terms.
    #[inline]
    #[must_use]
    pub const fn takes(&self, reserve: u16) -> bool {
        self.collateral >> reserve & 1 == 1
    }
    /// Whether a reserve can be borrowed within the category.
    #[inline]
    #[must_use]
    pub const fn lends(&self, reserve: u16) -> bool {
        self.borrowable >> reserve & 1 == 1
    }
}

impl Pooled {
    /// A category by id; none for zero.
    #[inline]
    #[must_use]
    pub fn e_mode(&self, id: u8) -> Option<&EModeCategory> {
        self.e_modes.get(usize::from(id).wrapping_sub(1))
    }
    /// LTV and liquidation threshold of a reserve for an account with this category.
    #[inline]
    pub(crate) fn terms_of(
        &self,
        index: u16,
        reserve: &Reserve,
        category: Option<&EModeCategory>,
    ) -> (Bps, Bps) {
        let own = (reserve.effective_ltv(self.version), reserve.config.liquidation_threshold);
        match category {
            Some(c) if c.takes(index) => {
                let ltv = match self.version {
                    // The reserve's own zero stands.
                    Version::V3_0_2 if own.0.0 == 0 => Bps(0),
                    Version::V3_6 if c.ltv_zero >> index & 1 == 1 => Bps(0),
                    _ => c.ltv,
                };
                let bears = self.version.e_mode_stands_alone() || own.1.0 != 0;
                (ltv, if bears { c.liquidation_threshold } else { Bps(0) })
            }
            _ => own,
        }
    }
    /// Where a reserve's price comes from for an account: in 3.0.2 its e-mode's source, where it has
    /// one and takes the reserve.
    #[inline]
    pub(crate) fn feed_within(&self, position: Position, index: u16, reserve: &Reserve) -> FeedId {
        if position.e_mode != 0
            && self.version.e_mode_has_price()
            && let Some(mode) = self.e_mode(position.e_mode)
            && let Some(feed) = mode.price_feed
            && mode.takes(index)
        {
            return feed;
        }
        reserve.feed
    }
    /// LTV of a reserve for an account: its own, or that of the account's e-mode in v3.6.
    fn ltv_for(&self, position: Position, index: u16, reserve: &Reserve) -> Bps {
        let category = match self.version {
            Version::V3_0_2 => None,
            Version::V3_6 => self.e_mode(position.e_mode),
        };
        self.terms_of(index, reserve, category).0
    }
    /// The isolated collateral that an account stands on, with its ceiling, if it does
    /// (`getIsolationModeState`).
    pub(crate) fn isolation(&self, position: Position) -> Option<(u16, u64)> {
        let only = position.only_collateral()?;
        let ceiling = self.reserves.get(usize::from(only))?.config.debt_ceiling;
        (ceiling != 0).then_some((only, ceiling))
    }
    /// Whether a supply may be switched on as collateral (`validateUseAsCollateral`).
    pub(crate) fn may_be_collateral(&self, position: Position, index: u16, book: &Reserve) -> bool {
        self.ltv_for(position, index, book).0 != 0
            && (position.collateral == 0
                || (book.config.debt_ceiling == 0 && self.isolation(position).is_none()))
    }
    /// Whether a first supply becomes collateral by itself (`validateAutomaticUseAsCollateral`): an
    /// isolated one never does.
    pub(crate) fn becomes_collateral(
        &self,
        position: Position,
        index: u16,
        book: &Reserve,
    ) -> bool {
        book.config.debt_ceiling == 0 && self.may_be_collateral(position, index, book)
    }
    /// Whether an account may add this debt to those it has (`validateBorrow`, the silo).
    pub(crate) fn require_silo(&self, position: Position, index: u16) -> Result<(), LendingError> {
        if !position.is_borrowing_any() {
            return Ok(());
        }
        let siloed =
            |i: u16| self.reserves.get(usize::from(i)).is_some_and(|r| r.config.siloed_borrowing);
        let allowed = match position.only_debt().filter(|only| siloed(*only)) {
            Some(only) => only == index,
            None => !siloed(index),
        };
        if allowed { Ok(()) } else { Err(LendingError::SiloedBorrowingViolation) }
    }
    /// Counts a borrow (in hundredths of a USD) against the isolated collateral, and refuses it beyond
    /// the ceiling.
    pub(crate) fn add_isolated_debt(
        &self,
        collateral: u16,
        ceiling: u64,
        units: u128,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let at = out.untouched(self, collateral)?;
        let book = &mut out.reserves[at].1;
        book.isolated_debt = book.isolated_debt.checked_add(units).ok_or(LendingError::Overflow)?;
        if book.isolated_debt > u128::from(ceiling) {
            return Err(LendingError::DebtCeilingExceeded);
        }
        Ok(())
    }
    /// Frees isolated debt (in hundredths of a USD) that was repaid; interest makes repayments exceed
    /// it, down to zero (`updateIsolatedDebtIfIsolated`).
    pub(crate) fn free_isolated_debt(
        &self,
        collateral: u16,
        units: u128,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let at = out.untouched(self, collateral)?;
        let book = &mut out.reserves[at].1;
        book.isolated_debt = book.isolated_debt.saturating_sub(units);
        Ok(())
    }

    /// Enters an e-mode, or leaves with zero (`executeSetUserEMode`).
    ///
    /// # Errors
    /// No such category; a debt (in v3.6 also a collateral) that it, or in v3.6 life outside of any, does
    /// not allow; the account's health factor would be below one.
    pub fn set_e_mode(
        &self,
        view: &impl LendingView,
        by: AccountId,
        category: u8,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let before = self.position(by);
        if before.e_mode == category && self.version.ignores_own_e_mode() {
            return Ok(());
        }
        if category != 0 && self.e_mode(category).is_none_or(|c| c.liquidation_threshold.0 == 0) {
            return Err(LendingError::InconsistentEModeCategory);
        }
        let after = Position { e_mode: category, ..before };
        let mode = self.e_mode(category);
        let checked = mode.is_some() || self.version.checks_leaving_e_mode();
        if checked && !before.is_empty() {
            let lends = |i: u16| match mode {
                Some(mode) => mode.lends(i),
                None => self.reserve(i).is_ok_and(|r| r.config.borrowing_enabled),
            };
            if !before.borrowed_reserves().all(lends) {
                return Err(match self.version {
                    Version::V3_0_2 => LendingError::InconsistentEModeCategory,
                    Version::V3_6 => LendingError::InvalidDebtInEmode,
                });
            }
            let bears = |i: u16| self.reserve(i).is_ok_and(|r| self.ltv_for(after, i, r).0 != 0);
            if self.version == Version::V3_6 && !before.collateral_reserves().all(bears) {
                return Err(LendingError::InvalidCollateralInEmode);
            }
        }
        if before.e_mode != 0 || self.version.checks_health_on_entering_e_mode() {
            let health = health(self, view, by, after, None)?;
            if health.health_factor < Wad::ONE {
                return Err(LendingError::HealthFactorLowerThanLiquidationThreshold);
            }
        }
        out.set_position(by, before, after);
        Ok(())
    }

    /// Refuses what would leave a debt uncovered (3.0.2 `validateHFAndLtv`, 3.6
    /// `validateHFAndLtvzero`).
    pub(crate) fn require_healthy(
        &self,
        view: &impl LendingView,
        account: AccountId,
        position: Position,
        reserve: u16,
        moved: Option<crate::health::Moved<'_>>,
    ) -> Result<(), LendingError> {
        let health = health(self, view, account, position, moved)?;
        if health.health_factor < Wad::ONE {
            return Err(LendingError::HealthFactorLowerThanLiquidationThreshold);
        }
        if health.has_zero_ltv_collateral
            && self.ltv_for(position, reserve, self.reserve(reserve)?).0 != 0
        {
            return Err(LendingError::LtvValidationFailed);
        }
        Ok(())
    }
}
