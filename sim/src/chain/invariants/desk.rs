//! Margin desks.

use super::{Checked, Family, Invariant, Step, by_mechanism, listed, nothing};
use crate::chain::Chain;
use protocols::margin_desk::{INVARIANTS, MarginDesk};

const OWN: [Invariant; 4] = listed(INVARIANTS);
const GROWTH: Invariant =
    Invariant::new("desk-index-rises", "a margin desk's borrow index never falls, nor its time");

pub(super) const FAMILY: Family =
    Family { name: "margin desks", catalogue: &[&OWN, &[GROWTH]], state: nothing, whole, step };

fn desks(chain: &Chain) -> impl Iterator<Item = (usize, &MarginDesk)> {
    let markets = chain.markets.iter().enumerate();
    markets.filter_map(|(i, market)| Some((i, market.margin_desk()?)))
}

fn whole(chain: &Chain) -> Checked {
    desks(chain).try_for_each(|(i, desk)| {
        let held = |asset| chain.balance(desk.account, asset);
        let checked = desk.check(held(desk.loan), held(desk.position));
        by_mechanism(&OWN, || format!("market {i}"), checked)
    })
}

fn step(Step { before, after, .. }: &Step<'_>) -> Checked {
    desks(before).zip(desks(after)).try_for_each(|((i, was), (_, now))| {
        let (old, new) = (&was.books, &now.books);
        let rises = new.borrow_index >= old.borrow_index && new.updated_at >= old.updated_at;
        GROWTH.require(rises, || format!("market {i}: {old:?}, then {new:?}"))
    })
}
