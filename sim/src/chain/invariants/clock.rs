//! Blocks, time and gas.

use super::{Checked, Family, Invariant, Step, nothing};
use crate::chain::gas::MIN_BASE_FEE;
use markets::units::U256;

const TIME: Invariant =
    Invariant::new("clock-never-goes-back", "time never goes back, nor do block numbers");
const BLOCK: Invariant =
    Invariant::new("clock-still-within-block", "within a block neither time nor base fee moves");
const BASE_FEE: Invariant = Invariant::new(
    "clock-base-fee-step",
    "the base fee moves by at most an eighth from a block to the next, or by one wei",
);
const LEAST: Invariant =
    Invariant::new("clock-base-fee-floor", "the base fee never falls below seven wei");
const GAS_USED: Invariant =
    Invariant::new("clock-gas-used-rises", "within a block the gas used never falls");
const GAS_BURNED: Invariant = Invariant::new(
    "clock-gas-burned-bounded",
    "no more of the gas asset is burned than the gas used costs at the base fee",
);

pub(super) const FAMILY: Family = Family {
    name: "blocks, time and gas",
    catalogue: &[&[TIME, BLOCK, BASE_FEE, LEAST, GAS_USED, GAS_BURNED]],
    state: nothing,
    whole: nothing,
    step,
};

fn step(Step { before, after, logs: _ }: &Step<'_>) -> Checked {
    let (was, now) = (before.clock, after.clock);
    let detail = || format!("{was:?}, then {now:?}");
    TIME.require(now.timestamp >= was.timestamp && now.block >= was.block, detail)?;
    if now.block == was.block {
        BLOCK.require(now.timestamp == was.timestamp && now.base_fee == was.base_fee, detail)?;
        GAS_USED.require(now.gas_used >= was.gas_used, detail)?;
    } else {
        LEAST.require(now.base_fee >= MIN_BASE_FEE, detail)?;
    }
    if now.block == was.block + 1 {
        let most = (was.base_fee / 8).max(1).max(MIN_BASE_FEE.saturating_sub(was.base_fee));
        BASE_FEE.require(now.base_fee.abs_diff(was.base_fee) <= most, detail)?;
    }
    // What the rest of the last block used is not known: at most all that a block may use.
    let used = if now.block == was.block { now.gas_used - was.gas_used } else { now.gas_used };
    let rest = match now.block - was.block {
        0 => 0,
        1 => was.gas_limit.max(was.gas_used),
        _ => return Ok(()),
    };
    let most = cost(used, now.base_fee) + cost(rest, was.base_fee);
    let asset = after.gas_asset;
    let burned = after.ledger.burned(asset).saturating_sub(before.ledger.burned(asset));
    GAS_BURNED.require(burned.0 <= most, || format!("{burned} of {most}"))
}

fn cost(gas: u64, fee: u64) -> U256 {
    U256::from(u128::from(gas) * u128::from(fee))
}
