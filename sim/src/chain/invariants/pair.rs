//! Constant-product pairs.

use super::{Checked, Family, Invariant, Step};
use crate::chain::{Chain, Pool};
use markets::amm::constant_product::{ConstantProduct, MAX_RESERVE, MINIMUM_LIQUIDITY};
use markets::units::{Amount, U256};

const HELD: Invariant =
    Invariant::new("pair-holds-reserves", "a pool's account holds at least its reserves");
const RESERVE: Invariant = Invariant::new("pair-reserves-fit", "a pair's reserves fit 112 bits");
const FILLED: Invariant = Invariant::new(
    "pair-shares-are-backed",
    "a pair of which shares exist has a reserve of both assets",
);
const LOCKED: Invariant = Invariant::new(
    "pair-first-shares-locked",
    "the first thousand shares of a pair stay at its own account for ever",
);
const PRODUCT: Invariant = Invariant::new(
    "pair-product-per-share",
    "the product of a pair's reserves per squared share never falls, but for the protocol's sixth",
);
const UPDATED: Invariant =
    Invariant::new("pair-updated-in-past", "a pair was last updated in the past");
const ACCUMULATOR: Invariant = Invariant::new(
    "pair-accumulators",
    "a pair's price accumulators grow with time by the price that stood, and else stand still",
);
const CONSTANTS: Invariant =
    Invariant::new("pair-constants", "a pair's assets, account and fee are those it was made with");

pub(super) const FAMILY: Family = Family {
    name: "constant-product pairs",
    catalogue: &[&[HELD, RESERVE, FILLED, LOCKED, PRODUCT, UPDATED, ACCUMULATOR, CONSTANTS]],
    state,
    whole,
    step,
};

fn pairs(chain: &Chain) -> impl Iterator<Item = (usize, &ConstantProduct)> {
    let pools = chain.pools.iter().enumerate();
    pools.filter_map(|(i, pool)| Some((i, pool.constant_product()?)))
}

fn state(chain: &Chain) -> Checked {
    for (i, pair) in pairs(chain) {
        for (token, reserve) in [(pair.token0, pair.reserve0), (pair.token1, pair.reserve1)] {
            let held = chain.balance(pair.account, token);
            HELD.require(held >= Amount::new(reserve), || {
                format!("pool {i}: holds {held}, reserve {reserve}")
            })?;
        }
    }
    Ok(())
}

fn whole(chain: &Chain) -> Checked {
    for (i, pair) in pairs(chain) {
        let (x, y) = (pair.reserve0, pair.reserve1);
        RESERVE.require(x <= MAX_RESERVE && y <= MAX_RESERVE, || format!("pool {i}: {x}, {y}"))?;
        let shares = chain.ledger.total_supply(pair.share);
        if !shares.is_zero() {
            FILLED.require(x > 0 && y > 0, || format!("pool {i}: {x}, {y} for {shares} shares"))?;
            let locked = chain.balance(pair.account, pair.share);
            LOCKED.require(locked >= Amount::new(MINIMUM_LIQUIDITY), || {
                format!("pool {i}: {locked} locked of {shares}")
            })?;
        }
        let now = chain.clock.timestamp;
        // Modulo 2³²: the contract's own clock.
        let age = (now as u32).wrapping_sub(pair.timestamp_last);
        let is_past = age <= u32::MAX / 2 || pair.timestamp_last == 0;
        UPDATED.require(is_past, || format!("pool {i}: at {}, now {now}", pair.timestamp_last))?;
    }
    Ok(())
}

fn step(Step { before, after, logs }: &Step<'_>) -> Checked {
    // Else the pair may have been updated in between, unseen.
    let is_next = logs.is_some() && after.clock.block <= before.clock.block + 1;
    for ((i, was), now) in pairs(before).zip(after.pools.iter().filter_map(Pool::constant_product))
    {
        let supply = |chain: &Chain| chain.ledger.total_supply(was.share);
        let (shares_before, shares_after) = (supply(before), supply(after));
        let product =
            |pair: &ConstantProduct| U256::from(pair.reserve0) * U256::from(pair.reserve1);
        // The protocol mints itself up to a sixth of the growth of √k, which dilutes by 6/5 at most.
        let (keep, of) =
            if was.fee_to.is_some() || now.fee_to.is_some() { (25, 36) } else { (1, 1) };
        let kept =
            keeps_product((product(was), shares_before), (product(now), shares_after), (keep, of));
        PRODUCT.require(kept, || {
            format!(
                "pool {i}: {} × {} for {shares_before} shares, then {} × {} for {shares_after}",
                was.reserve0, was.reserve1, now.reserve0, now.reserve1
            )
        })?;
        // Within one update the price that stood is the one before it.
        let elapsed = now.timestamp_last.wrapping_sub(was.timestamp_last);
        let read = |pair: &ConstantProduct| (pair.price0_cumulative, pair.price1_cumulative);
        if elapsed == 0 {
            ACCUMULATOR
                .require(read(now) == read(was), || format!("pool {i}: {was:?}, {now:?}"))?;
        } else if is_next {
            let due = was.cumulatives(u64::from(now.timestamp_last));
            ACCUMULATOR.require(read(now) == due, || format!("pool {i}: {was:?}, {now:?}"))?;
        }
        let made =
            |pair: &ConstantProduct| (pair.token0, pair.token1, pair.share, pair.account, pair.fee);
        CONSTANTS.require(made(now) == made(was), || format!("pool {i}: {was:?}, {now:?}"))?;
    }
    Ok(())
}

/// Whether k' · S² · of ≥ k · S'² · keep; true where squares exceed 256 bits, which no pair reaches.
fn keeps_product(
    (k_before, shares_before): (U256, Amount),
    (k_after, shares_after): (U256, Amount),
    (keep, of): (u64, u64),
) -> bool {
    if shares_before.is_zero() || shares_after.is_zero() {
        return true;
    }
    let square =
        |shares: Amount, times: u64| shares.0.checked_mul(shares.0)?.checked_mul(U256::from(times));
    let (Some(then), Some(now)) = (square(shares_before, of), square(shares_after, keep)) else {
        return true;
    };
    k_after.widening_mul::<256, 4, 512, 8>(then) >= k_before.widening_mul::<256, 4, 512, 8>(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_that_falls_by_one_is_seen() {
        let at = |k: u128, shares: u128| (U256::from(k), Amount::new(shares));
        assert!(keeps_product(at(1_000_000, 1_000), at(1_000_000, 1_000), (1, 1)));
        assert!(!keeps_product(at(1_000_000, 1_000), at(999_999, 1_000), (1, 1)));
        // Half the shares burned for half of each reserve.
        assert!(keeps_product(at(1_000_000, 1_000), at(250_000, 500), (1, 1)));
        assert!(!keeps_product(at(1_000_000, 1_000), at(249_999, 500), (1, 1)));
        // The protocol's sixth: 1,200 shares for 1,000.
        assert!(keeps_product(at(1_000_000, 1_000), at(1_000_000, 1_200), (25, 36)));
        assert!(!keeps_product(at(1_000_000, 1_000), at(1_000_000, 1_201), (25, 36)));
        // Before the first deposit and after the last withdrawal there is nothing to keep.
        assert!(keeps_product(at(1_000_000, 0), at(1, 1_000), (1, 1)));
        assert!(keeps_product(at(1_000_000, 1_000), at(1, 0), (1, 1)));
    }
}
