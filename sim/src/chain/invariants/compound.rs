//! Compound v2: what its books say, and what never falls.

use super::{Checked, Family, Invariant, Step, nothing};
use crate::chain::Chain;
use markets::units::{AccountId, U256, Wad};
use protocols::compound::{Compound, MAX_COLLATERAL_FACTOR};

const INDEX: Invariant = Invariant::new(
    "compound-index-at-least-one",
    "a cToken's borrow index is at least one, and no debt was written at a later one",
);
const PAST: Invariant =
    Invariant::new("compound-accrued-in-past", "no cToken was last accrued in a block to come");
const MEMBER: Invariant = Invariant::new(
    "compound-debtor-is-member",
    "whoever owes a Compound market has entered it: no debt is left out of the account's liquidity",
);
const BACKED: Invariant = Invariant::new(
    "compound-reserves-backed",
    "a cToken's cash and borrows cover its reserves: no exchange rate is negative",
);
const SUM: Invariant = Invariant::new(
    "compound-borrows-sum",
    "debts add up to a cToken's borrows, but for what each accrual and each write truncates",
);
const FACTORS: Invariant = Invariant::new(
    "compound-factors-bounded",
    "collateral factors are at most 90 %, reserve factors at most all of the interest",
);
const TOKENS: Invariant = Invariant::new(
    "compound-markets-distinct",
    "no two cTokens of a comptroller share a token or an account",
);
const GROWTH: Invariant = Invariant::new(
    "compound-index-rises",
    "a cToken's borrow index never falls, nor the block of its last accrual",
);
const STILL: Invariant = Invariant::new(
    "compound-index-still",
    "a cToken's borrow index stands still while the block of its last accrual does",
);

pub(super) const FAMILY: Family = Family {
    name: "Compound v2",
    catalogue: &[&[INDEX, PAST, MEMBER, BACKED, SUM, FACTORS, TOKENS, GROWTH, STILL]],
    state: nothing,
    whole,
    step,
};

fn markets(chain: &Chain) -> impl Iterator<Item = (usize, &Compound)> {
    let markets = chain.markets.iter().enumerate();
    markets.filter_map(|(i, market)| Some((i, market.compound()?)))
}

fn whole(chain: &Chain) -> Checked {
    markets(chain).try_for_each(|(i, market)| {
        (0..market.tokens.len() as u16).try_for_each(|token| check_token(chain, i, market, token))
    })
}

fn check_token(chain: &Chain, i: usize, market: &Compound, token: u16) -> Checked {
    let listed = &market.tokens[usize::from(token)];
    let book = &listed.book;
    let place = || format!("market {i} token {token}");
    INDEX.require(book.borrow_index >= Wad::ONE, || format!("{}: {book:?}", place()))?;
    let now = chain.clock.block;
    PAST.require(book.accrual_block <= now, || format!("{}: {book:?}, now {now}", place()))?;
    let config = &listed.config;
    let bounded =
        config.collateral_factor <= MAX_COLLATERAL_FACTOR && config.reserve_factor <= Wad::ONE;
    FACTORS.require(bounded, || format!("{}: {config:?}", place()))?;
    let others = &market.tokens[..usize::from(token)];
    let is_new = others.iter().all(|other| {
        other.underlying != listed.underlying
            && other.c_token != listed.c_token
            && other.account != listed.account
    });
    TOKENS.require(is_new, || format!("{}: {listed:?}", place()))?;
    let cash = listed.cash(chain);
    let has = cash.0.saturating_add(book.total_borrows.0);
    BACKED
        .require(has >= book.total_reserves.0, || format!("{}: cash {cash}, {book:?}", place()))?;
    let mut sum = U256::ZERO;
    for account in 0..market.members.len() as u32 {
        let account = AccountId(account);
        let loan = market.loan(account, token);
        if loan.principal.is_zero() {
            continue;
        }
        INDEX.require(loan.interest_index <= book.borrow_index, || {
            format!("{}: account {} at {loan:?}, {book:?}", place(), account.0)
        })?;
        MEMBER.require(market.is_member(account, token), || {
            format!("{}: account {} owes {loan:?}", place(), account.0)
        })?;
        let balance = loan.balance(book.borrow_index).map_or(U256::MAX, |balance| balance.0);
        sum = sum.saturating_add(balance);
    }
    let total = book.total_borrows.0;
    // A unit an accrual and a unit a write; the index's 18 digits besides, of what is owed and of what was:
    // the books keep the difference when the debt is repaid, and all that exists may have been owed.
    let existing = chain.ledger.total_supply(listed.underlying).0;
    let slack = U256::from(10_000)
        + total / U256::from(1_000_000_000_u64)
        + existing / U256::from(1_000_000_000_000_u64);
    SUM.require(sum.abs_diff(total) <= slack, || format!("{}: {sum}, books {total}", place()))
}

fn step(Step { before, after, .. }: &Step<'_>) -> Checked {
    for ((i, was), (_, now)) in markets(before).zip(markets(after)) {
        for (token, (old, new)) in was.tokens.iter().zip(&now.tokens).enumerate() {
            let (old, new) = (&old.book, &new.book);
            let detail = || format!("market {i} token {token}: {old:?}, then {new:?}");
            let rises =
                new.borrow_index >= old.borrow_index && new.accrual_block >= old.accrual_block;
            GROWTH.require(rises, detail)?;
            let moved = new.accrual_block != old.accrual_block;
            STILL.require(moved || new.borrow_index == old.borrow_index, detail)?;
        }
    }
    Ok(())
}
