//! Perpetual markets.

use super::{Checked, Family, Invariant, Step, by_mechanism, listed, nothing};
use crate::chain::Chain;
use markets::units::U256;
use protocols::perpetual::{INVARIANTS, MARKET_INVARIANTS, PerpetualMarket};

const OWN: [Invariant; 4] = listed(INVARIANTS);
const MARKET: [Invariant; 2] = listed(MARKET_INVARIANTS);
const DONATIONS: Invariant = Invariant::new(
    "perpetual-donations-stay",
    "what a perpetual market's account holds beyond what was paid in never falls",
);
const CLOCK: Invariant = Invariant::new(
    "perpetual-funding-comes-later",
    "the time at which a perpetual contract's funding is due never comes earlier",
);

pub(super) const FAMILY: Family = Family {
    name: "perpetual markets",
    catalogue: &[&OWN, &MARKET, &[DONATIONS, CLOCK]],
    state: nothing,
    whole,
    step,
};

fn perpetuals(chain: &Chain) -> impl Iterator<Item = (usize, &PerpetualMarket)> {
    let markets = chain.markets.iter().enumerate();
    markets.filter_map(|(i, market)| Some((i, market.perpetual()?)))
}

fn whole(chain: &Chain) -> Checked {
    perpetuals(chain).try_for_each(|(i, market)| {
        let place = || format!("market {i}");
        by_mechanism(&OWN, place, market.contract.check())?;
        let held = chain.balance(market.account, market.quote);
        by_mechanism(&MARKET, place, market.check(held))
    })
}

/// What a market's account holds beyond what was paid in.
fn donated(chain: &Chain, market: &PerpetualMarket) -> U256 {
    let held = chain.balance(market.account, market.quote);
    held.saturating_sub(market.amount(market.contract.deposits)).0
}

fn step(Step { before, after, .. }: &Step<'_>) -> Checked {
    perpetuals(before).zip(perpetuals(after)).try_for_each(|((i, was), (_, now))| {
        let (old, new) = (donated(before, was), donated(after, now));
        DONATIONS.require(new >= old, || format!("market {i}: {old}, then {new}"))?;
        let (old, new) = (was.contract.clock.due_secs, now.contract.clock.due_secs);
        CLOCK.require(new >= old, || format!("market {i}: {old}, then {new}"))
    })
}
