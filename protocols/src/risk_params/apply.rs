//! Where a parameter stands, and writing a change into the state it concerns, with the checks that no
//! regime can waive.

use super::{RiskChange, RiskError, RiskParam};
use crate::lending::MarketState;
use crate::reserve::{Reserve, threshold_covers_bonus};
use markets::units::Bps;

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its value, in its unit.
    pub value: u64,
    /// Unix time of its last change, in seconds; zero: never.
    pub last: u64,
}

/// Where a parameter stands in a market.
///
/// # Errors
/// No such reserve, or a reserve named for a parameter of the whole market (or the reverse).
pub fn standing(
    reserves: &[Reserve],
    state: &MarketState,
    reserve: Option<u16>,
    param: RiskParam,
) -> Result<Standing, RiskError> {
    let Some(index) = reserve else {
        return of_market(state, param);
    };
    let reserve = reserves.get(usize::from(index)).ok_or(RiskError::NoSuchReserve)?;
    let config = &reserve.config;
    let value = match param {
        RiskParam::Ltv => u64::from(config.ltv.0),
        RiskParam::LiquidationThreshold => u64::from(config.liquidation_threshold.0),
        RiskParam::LiquidationBonus => u64::from(config.liquidation_bonus.0),
        RiskParam::SupplyCap => config.supply_cap,
        RiskParam::BorrowCap => config.borrow_cap,
        RiskParam::Frozen => u64::from(config.frozen),
        RiskParam::Oracle => {
            u64::from(reserve.other_oracle.ok_or(RiskError::NoOtherOracle)?.is_read)
        }
        RiskParam::CloseFactor
        | RiskParam::ToxicStop
        | RiskParam::BonusAtLine
        | RiskParam::FullBonusAt => return Err(RiskError::NoSuchReserve),
    };
    Ok(Standing { value, last: reserve.last_changed_at[param.index()] })
}

fn of_market(state: &MarketState, param: RiskParam) -> Result<Standing, RiskError> {
    let design = || state.design.as_ref().ok_or(RiskError::NoDesign);
    let (value, last) = match param {
        RiskParam::CloseFactor => (u64::from(state.close_factor.0), state.close_factor_changed_at),
        RiskParam::ToxicStop => (u64::from(design()?.stops_when_toxic), design()?.changed_at[0]),
        RiskParam::BonusAtLine => (u64::from(design()?.bonus_at_line.0), design()?.changed_at[1]),
        RiskParam::FullBonusAt => (u64::from(design()?.full_bonus_at.0), design()?.changed_at[2]),
        _ => return Err(RiskError::NoSuchReserve),
    };
    Ok(Standing { value, last })
}

/// Into a reserve (Aave `PoolConfigurator.configureReserveAsCollateral`: LTV at most the
/// threshold, threshold times (1 + bonus) at most 100 %).
pub(crate) fn to_reserve(
    reserve: &mut Reserve,
    change: &RiskChange,
    now: u64,
) -> Result<(), RiskError> {
    let bps = Bps(u32::try_from(change.value).unwrap_or(u32::MAX));
    let config = &mut reserve.config;
    match change.param {
        RiskParam::Ltv => config.ltv = bps,
        RiskParam::LiquidationThreshold => config.liquidation_threshold = bps,
        RiskParam::LiquidationBonus => config.liquidation_bonus = bps,
        RiskParam::SupplyCap => config.supply_cap = change.value,
        RiskParam::BorrowCap => config.borrow_cap = change.value,
        RiskParam::Frozen => config.frozen = change.value != 0,
        RiskParam::Oracle => {
            reserve.other_oracle.ok_or(RiskError::NoOtherOracle)?;
            reserve.read_other_oracle(change.value != 0);
        }
        RiskParam::CloseFactor
        | RiskParam::ToxicStop
        | RiskParam::BonusAtLine
        | RiskParam::FullBonusAt => return Err(RiskError::NoSuchReserve),
    }
    let config = &reserve.config;
    if config.ltv > config.liquidation_threshold {
        return Err(RiskError::LtvAboveThreshold);
    }
    if !threshold_covers_bonus(config.liquidation_threshold, config.liquidation_bonus) {
        return Err(RiskError::BonusTooLarge);
    }
    reserve.last_changed_at[change.param.index()] = now;
    Ok(())
}

/// Into the market.
pub(crate) fn to_market(
    state: &mut MarketState,
    change: &RiskChange,
    now: u64,
) -> Result<(), RiskError> {
    let bps = Bps(u32::try_from(change.value).unwrap_or(u32::MAX).min(Bps::ONE.0));
    match change.param {
        RiskParam::CloseFactor => {
            state.close_factor = bps;
            state.close_factor_changed_at = now;
        }
        RiskParam::ToxicStop => {
            let design = state.design.as_mut().ok_or(RiskError::NoDesign)?;
            design.stops_when_toxic = change.value != 0;
            design.changed_at[0] = now;
        }
        RiskParam::BonusAtLine => {
            let design = state.design.as_mut().ok_or(RiskError::NoDesign)?;
            design.bonus_at_line = bps;
            design.changed_at[1] = now;
        }
        RiskParam::FullBonusAt => {
            let design = state.design.as_mut().ok_or(RiskError::NoDesign)?;
            design.full_bonus_at = bps;
            design.changed_at[2] = now;
        }
        _ => return Err(RiskError::NoSuchReserve),
    }
    Ok(())
}
