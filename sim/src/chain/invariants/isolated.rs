//! Isolated markets in Morpho's shape.

use super::{Checked, Family, Invariant, Step, by_mechanism, listed, nothing};
use crate::chain::Chain;
use crate::chain::call::Log;
use markets::units::U256;
use protocols::isolated::{INVARIANTS, Isolated};

const OWN: [Invariant; 5] = listed(INVARIANTS);
const COVERED: Invariant = Invariant::new(
    "isolated-debt-has-collateral",
    "nobody owes an isolated market without collateral in it: what is left is written off",
);
const PAST: Invariant =
    Invariant::new("isolated-accrued-in-past", "no isolated market was last accrued in the future");
const PRICE: Invariant = Invariant::new(
    "isolated-share-price-rises",
    "what an isolated market's supply share stands for falls only by bad debt",
);

pub(super) const FAMILY: Family = Family {
    name: "isolated markets",
    catalogue: &[&OWN, &[COVERED, PAST, PRICE]],
    state: nothing,
    whole,
    step,
};

fn markets(chain: &Chain) -> impl Iterator<Item = (usize, &Isolated)> {
    let markets = chain.markets.iter().enumerate();
    markets.filter_map(|(i, market)| Some((i, market.isolated()?)))
}

fn whole(chain: &Chain) -> Checked {
    markets(chain).try_for_each(|(i, market)| {
        by_mechanism(&OWN, || format!("market {i}"), market.check(chain))?;
        let (last, now) = (market.state.last_update, chain.clock.timestamp);
        PAST.require(last <= now, || format!("market {i}: at {last}, now {now}"))?;
        for (account, debt) in chain.ledger.column(market.debt_share) {
            let collateral = chain.balance(account, market.collateral_share);
            COVERED.require(debt.is_zero() || !collateral.is_zero(), || {
                format!("market {i}: account {} owes {debt} shares", account.0)
            })?;
        }
        Ok(())
    })
}

fn step(Step { before, after, logs }: &Step<'_>) -> Checked {
    for ((i, was), (_, now)) in markets(before).zip(markets(after)) {
        let Some(logs) = logs else { continue };
        let wrote_off = logs.iter().any(|log| match log {
            Log::BadDebt { market, .. } => market.index() == i,
            Log::Liquidation { market, bad_debt, .. } => market.index() == i && !bad_debt.is_zero(),
            _ => false,
        });
        if wrote_off {
            continue;
        }
        // Assets per share with the virtual ones: (A' + 1) · (S + 10⁶) ≥ (A + 1) · (S' + 10⁶).
        let of = |chain: &Chain, market: &Isolated| {
            let shares = chain.ledger.total_supply(market.supply_share).0;
            let assets = market.state.total_supply_assets.0;
            (assets.saturating_add(U256::from(1)), shares.saturating_add(U256::from(1_000_000)))
        };
        let ((a, s), (b, t)) = (of(before, was), of(after, now));
        let rises = b.widening_mul::<256, 4, 512, 8>(s) >= a.widening_mul::<256, 4, 512, 8>(t);
        PRICE.require(rises, || format!("market {i}: {a} for {s}, then {b} for {t}"))?;
    }
    Ok(())
}
