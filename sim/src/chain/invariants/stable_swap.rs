//! StableSwap pools.

use super::{Checked, Family, Invariant, Step, by_mechanism, listed, nothing};
use crate::chain::Chain;
use markets::amm::stable_swap::{INVARIANTS, StableSwap};

const OWN: [Invariant; 4] = listed(INVARIANTS);
const VIRTUAL_PRICE: Invariant = Invariant::new(
    "stable-virtual-price-rises",
    "while its A stands still, what a StableSwap share stands for never falls",
);

pub(super) const FAMILY: Family = Family {
    name: "StableSwap pools",
    catalogue: &[&OWN, &[VIRTUAL_PRICE]],
    state: nothing,
    whole,
    step,
};

fn pools(chain: &Chain) -> impl Iterator<Item = (usize, &StableSwap)> {
    let pools = chain.pools.iter().enumerate();
    pools.filter_map(|(i, pool)| Some((i, pool.stable_swap()?)))
}

fn whole(chain: &Chain) -> Checked {
    pools(chain).try_for_each(|(i, pool)| {
        let held = std::array::from_fn(|coin| chain.balance(pool.account, pool.coins[coin]));
        let supply = chain.ledger.total_supply(pool.share);
        let checked = pool.check(&held, supply, chain.clock.timestamp);
        by_mechanism(&OWN, || format!("pool {i}"), checked)
    })
}

fn step(Step { before, after, .. }: &Step<'_>) -> Checked {
    for ((i, was), (_, now)) in pools(before).zip(pools(after)) {
        let (then, at) = (before.clock.timestamp, after.clock.timestamp);
        let supply = |chain: &Chain| chain.ledger.total_supply(was.share);
        // Whoever fills an empty pool begins anew.
        let burned = |chain: &Chain| chain.ledger.burned(was.share);
        let emptied = burned(after).saturating_sub(burned(before)) >= supply(before);
        if was.amplification(then) != now.amplification(at) || emptied {
            continue;
        }
        let prices =
            (was.virtual_price(supply(before), then), now.virtual_price(supply(after), at));
        if let (Ok(old), Ok(new)) = prices {
            // Newton's method may err by a unit of D.
            VIRTUAL_PRICE.require(new + markets::units::U256::from(1) >= old, || {
                format!("pool {i}: {old}, then {new}")
            })?;
        }
    }
    Ok(())
}
