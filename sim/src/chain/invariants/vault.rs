//! Vaults in Maker's shape, and their auctions.

use super::{Checked, Family, Invariant, Step, by_mechanism, listed, nothing};
use crate::chain::Chain;
use markets::units::Ray;
use protocols::vault::{INVARIANTS, Vault};

const OWN: [Invariant; 8] = listed(INVARIANTS);
const RATE: Invariant = Invariant::new(
    "vault-rate-rises",
    "a collateral type's rate never falls while its fee is not negative, nor its time",
);
const KICKS: Invariant = Invariant::new(
    "auction-count-rises",
    "the count of auctions never falls, and only rises where one begins",
);
const PAST: Invariant =
    Invariant::new("vault-accrued-in-past", "no stability fee was collected in the future");

pub(super) const FAMILY: Family = Family {
    name: "vaults and auctions",
    catalogue: &[&OWN, &[RATE, KICKS, PAST]],
    state: nothing,
    whole,
    step,
};

fn vaults(chain: &Chain) -> impl Iterator<Item = (usize, &Vault)> {
    let markets = chain.markets.iter().enumerate();
    markets.filter_map(|(i, market)| Some((i, market.vault()?)))
}

fn whole(chain: &Chain) -> Checked {
    vaults(chain).try_for_each(|(i, vault)| {
        by_mechanism(&OWN, || format!("market {i}"), vault.check(chain))?;
        let now = chain.clock.timestamp;
        let late = vault.ilks.iter().find(|ilk| ilk.rho > now);
        PAST.require(late.is_none(), || format!("market {i}: {late:?}, now {now}"))
    })
}

fn step(Step { before, after, .. }: &Step<'_>) -> Checked {
    for ((i, was), (_, now)) in vaults(before).zip(vaults(after)) {
        for (ilk, (old, new)) in was.ilks.iter().zip(&now.ilks).enumerate() {
            // The fee may have been set in between, and then collected at either.
            let positive = old.duty >= Ray::ONE && new.duty >= Ray::ONE;
            RATE.require(!positive || (new.rate >= old.rate && new.rho >= old.rho), || {
                format!("market {i} type {ilk}: {} then {}", old.rate, new.rate)
            })?;
        }
        let (old, new) = (was.state.kicks, now.state.kicks);
        let youngest = now.auctions.last().map_or(0, |auction| auction.id);
        KICKS.require(new >= old && youngest <= new, || {
            format!("market {i}: {old}, then {new}, youngest {youngest}")
        })?;
    }
    Ok(())
}
