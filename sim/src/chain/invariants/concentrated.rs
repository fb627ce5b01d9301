//! Concentrated-liquidity pools: ticks and positions tell the same story, and what is owed is there.

use super::{Checked, Family, Invariant, Step, nothing};
use crate::chain::Chain;
use markets::amm::concentrated::tick_math::{MAX_TICK, MIN_TICK, sqrt_ratio_at_tick};
use markets::amm::concentrated::{Concentrated, periphery};
use markets::units::U256;

const LIQUIDITY: Invariant = Invariant::new(
    "concentrated-liquidity-in-range",
    "a concentrated pool's liquidity is that of the positions whose range holds the price",
);
const TICKS: Invariant = Invariant::new(
    "concentrated-ticks-sum",
    "a tick's gross and net liquidity add up from the positions that begin or end there",
);
const ORDER: Invariant = Invariant::new(
    "concentrated-ticks-ordered",
    "initialised ticks are in order, on the spacing, within bounds, and none is empty",
);
const PRICE: Invariant = Invariant::new(
    "concentrated-tick-at-price",
    "a concentrated pool's tick is the one that its price lies in",
);
const GROSS: Invariant = Invariant::new(
    "concentrated-tick-capacity",
    "no tick carries more liquidity than the spacing allows",
);
const OWED: Invariant = Invariant::new(
    "concentrated-holds-owed",
    "a concentrated pool holds what its positions and its protocol may collect",
);
const OBSERVED: Invariant = Invariant::new(
    "concentrated-observations",
    "a concentrated pool's newest observation is in its ring and not in the future",
);
const GROWTH: Invariant =
    Invariant::new("concentrated-fees-rise", "fees per unit of liquidity never fall");
const CONSTANTS: Invariant = Invariant::new(
    "concentrated-constants",
    "a concentrated pool's assets, account, fee and spacing are those it was made with",
);

pub(super) const FAMILY: Family = Family {
    name: "concentrated liquidity",
    catalogue: &[&[LIQUIDITY, TICKS, ORDER, PRICE, GROSS, OWED, OBSERVED, GROWTH, CONSTANTS]],
    state: nothing,
    whole,
    step,
};

fn pools(chain: &Chain) -> impl Iterator<Item = (usize, &Concentrated)> {
    let pools = chain.pools.iter().enumerate();
    pools.filter_map(|(i, pool)| Some((i, pool.concentrated()?)))
}

fn whole(chain: &Chain) -> Checked {
    pools(chain).try_for_each(|(i, pool)| {
        check_ticks(i, pool)?;
        let state = &pool.state;
        if state.sqrt_price.is_zero() {
            return Ok(()); // not initialised
        }
        let active =
            pool.positions.iter().filter(|p| p.lower <= state.tick && state.tick < p.upper);
        let sum = active.fold(0_u128, |sum, p| sum.wrapping_add(p.liquidity));
        LIQUIDITY
            .require(sum == state.liquidity, || format!("pool {i}: {sum}, {}", state.liquidity))?;
        let at = |tick: i32| sqrt_ratio_at_tick(tick.clamp(MIN_TICK, MAX_TICK)).ok();
        let (from, to) = (at(state.tick), at(state.tick.saturating_add(1)));
        let price = state.sqrt_price;
        // A price exactly at a tick that was crossed downwards belongs to the tick below.
        let within = from.is_some_and(|from| from <= price) && to.is_some_and(|to| price <= to);
        PRICE.require(within, || format!("pool {i}: tick {}, √price {price}", state.tick))?;
        let slots = usize::from(state.observation_cardinality);
        let newest = pool.observations.get(usize::from(state.observation_index));
        let now = chain.clock.timestamp as u32;
        let past =
            newest.is_some_and(|o| o.initialized && now.wrapping_sub(o.timestamp) <= u32::MAX / 2);
        let in_ring =
            usize::from(state.observation_index) < slots && slots <= pool.observations.len();
        OBSERVED
            .require(past && in_ring, || format!("pool {i}: {newest:?} of {slots}, now {now}"))?;
        check_owed(chain, i, pool)
    })
}

fn check_ticks(i: usize, pool: &Concentrated) -> Checked {
    for (at, tick) in pool.ticks.iter().enumerate() {
        let after = at == 0 || pool.ticks[at - 1].tick < tick.tick;
        let bounded = (MIN_TICK..=MAX_TICK).contains(&tick.tick);
        let spaced = tick.tick.rem_euclid(pool.tick_spacing) == 0;
        ORDER.require(after && bounded && spaced && tick.gross > 0, || {
            format!("pool {i}: tick {tick:?}")
        })?;
        GROSS.require(tick.gross <= pool.max_liquidity_per_tick, || {
            format!("pool {i}: {} of {}", tick.gross, pool.max_liquidity_per_tick)
        })?;
        let (mut gross, mut net) = (0_u128, 0_i128);
        for position in &pool.positions {
            let liquidity = position.liquidity;
            if position.lower == tick.tick {
                (gross, net) = (gross.wrapping_add(liquidity), net.wrapping_add(liquidity as i128));
            }
            if position.upper == tick.tick {
                (gross, net) = (gross.wrapping_add(liquidity), net.wrapping_sub(liquidity as i128));
            }
        }
        TICKS.require(gross == tick.gross && net == tick.net, || {
            format!(
                "pool {i}: tick {}: {gross} and {net}, {} and {}",
                tick.tick, tick.gross, tick.net
            )
        })?;
    }
    let known = |tick: i32| pool.tick(tick).is_some();
    let lost =
        pool.positions.iter().find(|p| p.liquidity > 0 && !(known(p.lower) && known(p.upper)));
    TICKS.require(lost.is_none(), || format!("pool {i}: no ticks of {lost:?}"))
}

/// What everybody could burn and collect at this price, floored as it is paid.
fn check_owed(chain: &Chain, i: usize, pool: &Concentrated) -> Checked {
    let state = &pool.state;
    let mut owed = (U256::from(state.protocol_fees0), U256::from(state.protocol_fees1));
    for position in &pool.positions {
        let (Ok(lower), Ok(upper)) =
            (sqrt_ratio_at_tick(position.lower), sqrt_ratio_at_tick(position.upper))
        else {
            continue;
        };
        let amounts =
            periphery::amounts_for_liquidity(state.sqrt_price, lower, upper, position.liquidity);
        let Ok((amount0, amount1)) = amounts else { continue };
        owed.0 = owed.0.saturating_add(amount0).saturating_add(U256::from(position.owed0));
        owed.1 = owed.1.saturating_add(amount1).saturating_add(U256::from(position.owed1));
    }
    for (token, owed) in [(pool.token0, owed.0), (pool.token1, owed.1)] {
        let held = chain.balance(pool.account, token);
        OWED.require(held.0 >= owed, || format!("pool {i}: holds {held}, owes {owed}"))?;
    }
    Ok(())
}

fn step(Step { before, after, .. }: &Step<'_>) -> Checked {
    for ((i, was), (_, now)) in pools(before).zip(pools(after)) {
        // Modulo 2²⁵⁶, as deployed.
        let rises = |then: U256, now: U256| now.wrapping_sub(then) <= U256::MAX >> 1_usize;
        let (old, new) = (&was.state, &now.state);
        let both =
            rises(old.fee_growth0, new.fee_growth0) && rises(old.fee_growth1, new.fee_growth1);
        GROWTH.require(both, || format!("pool {i}: {old:?}, then {new:?}"))?;
        let made = |p: &Concentrated| (p.token0, p.token1, p.account, p.fee, p.tick_spacing);
        CONSTANTS.require(made(was) == made(now), || format!("pool {i}: {:?}", made(now)))?;
    }
    Ok(())
}
