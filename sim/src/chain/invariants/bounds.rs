//! Each rule of pooled lending holds up to its bound, and no further: a chain is brought to the bound, and
//! beyond it by the last unit.

use super::bites::world::World;
use super::bites::{base, mint, pooled};
use super::pooled::{FAMILY, compare_health, recomputed};
use super::{Checked, Step};
use crate::chain::Chain;
use crate::chain::call::Log;
use markets::units::{Amount, AssetId, Bps, FeedId, MarketId, RAY, Ray, U256};
use protocols::health::Health;
use protocols::reserve::{OtherOracle, Reserve};
use protocols::risk_params::{RiskChange, RiskParam};

type Case = (&'static str, fn(&mut Chain, &World), Option<&'static str>);

fn usd<'a>(chain: &'a mut Chain, w: &World) -> &'a mut Reserve {
    &mut pooled(chain, w).reserves[0]
}
/// What the reserve of USD has beyond what it owes.
fn surplus(chain: &mut Chain, w: &World) -> Amount {
    let reserve = *usd(chain, w);
    let supply = |token| chain.ledger.total_supply(token);
    let books = reserve.solvency(supply(reserve.a_token), supply(reserve.debt_token));
    let (has, owes) = books.expect("256 bits hold it");
    has.checked_sub(owes).expect("the world is sound")
}
fn less(amount: &mut Amount, by: u128) {
    *amount = amount.checked_sub(Amount::new(by)).expect("there is so much");
}
fn highest(reserve: &Reserve) -> U256 {
    reserve.config.rates.max_borrow_rate().0
}

/// What every block of every run looks at.
const STATES: &[Case] = &[
    ("LTV at the threshold", |c, w| usd(c, w).config.ltv = Bps(8_000), None),
    ("a bonus that is just covered", |c, w| usd(c, w).config.liquidation_bonus = Bps(2_500), None),
    (
        "a borrow index below one",
        |c, w| usd(c, w).borrow_index = Ray(RAY - U256::from(1)),
        Some("pooled-indexes-at-least-one"),
    ),
    (
        "assets that just cover claims",
        |c, w| {
            let most = surplus(c, w);
            let reserve = usd(c, w);
            reserve.virtual_balance = reserve.virtual_balance.saturating_sub(most);
        },
        None,
    ),
    (
        "claims of one unit more",
        |c, w| {
            let most = surplus(c, w);
            let reserve = usd(c, w);
            reserve.virtual_balance = reserve.virtual_balance.saturating_sub(most);
            less(&mut reserve.virtual_balance, 1);
        },
        Some("pooled-solvent"),
    ),
];

/// What is looked at where everything is audited.
const WHOLES: &[Case] = &[
    (
        "a token that does not exist",
        |c, w| usd(c, w).a_token = AssetId(c.assets.len() as u16),
        Some("pooled-reserves-distinct"),
    ),
    (
        "a feed that does not exist",
        |c, w| usd(c, w).feed = FeedId(c.feeds.len() as u16),
        Some("pooled-reserves-distinct"),
    ),
    (
        "a second feed that does not exist",
        |c, w| {
            let feed = FeedId(c.feeds.len() as u16);
            usd(c, w).other_oracle = Some(OtherOracle { feed, is_read: false });
        },
        Some("pooled-reserves-distinct"),
    ),
    (
        "flags of the last reserve",
        |c, w| pooled(c, w).positions[w.provider.index()].collateral |= 0b100,
        None,
    ),
    (
        "flags of the next one",
        |c, w| pooled(c, w).positions[w.provider.index()].collateral |= 0b1000,
        Some("pooled-flags-listed"),
    ),
    (
        "both flags of a reserve that is not listed",
        |c, w| {
            let position = &mut pooled(c, w).positions[w.provider.index()];
            (position.collateral, position.borrowing) = (1 << 30, 1 << 30);
        },
        Some("pooled-flags-listed"),
    ),
    (
        "a rate of zero before the first touch",
        |c, w| {
            let reserve = usd(c, w);
            (reserve.borrow_index, reserve.rates) = (Ray::ONE, Default::default());
        },
        None,
    ),
    (
        "a rate of zero after it",
        |c, w| usd(c, w).rates = Default::default(),
        Some("pooled-rates-on-curve"),
    ),
    (
        "a rate below the base before the first touch",
        |c, w| {
            let reserve = usd(c, w);
            (reserve.borrow_index, reserve.rates.liquidity) = (Ray::ONE, Ray::ZERO);
            reserve.rates.borrow = Ray::new(1);
        },
        Some("pooled-rates-on-curve"),
    ),
    (
        "the highest rate and its rounding",
        |c, w| usd(c, w).rates.borrow = Ray(highest(usd(c, w)) + U256::from(2)),
        None,
    ),
    (
        "one more",
        |c, w| usd(c, w).rates.borrow = Ray(highest(usd(c, w)) + U256::from(3)),
        Some("pooled-rates-on-curve"),
    ),
    ("suppliers earn all", |c, w| usd(c, w).rates.liquidity = usd(c, w).rates.borrow, None),
    (
        "suppliers earn more",
        |c, w| usd(c, w).rates.liquidity = Ray(usd(c, w).rates.borrow.0 + U256::from(1)),
        Some("pooled-rates-on-curve"),
    ),
    (
        "collateral of threshold zero does not count",
        |c, w| {
            for reserve in &mut pooled(c, w).reserves[1..] {
                (reserve.config.ltv, reserve.config.liquidation_threshold) = (Bps(0), Bps(0));
            }
        },
        None,
    ),
    (
        "nor does a supply that is no collateral",
        |c, w| pooled(c, w).positions[w.users[0].index()].collateral = 0,
        None,
    ),
];

/// What is looked at from one state to the next, and what the calls between them reported.
type StepCase = (&'static str, fn(&mut Chain, &World) -> Vec<Log>, Option<&'static str>);

fn bad_debt(market: MarketId, w: &World, asset: AssetId, amount: u128) -> Log {
    Log::BadDebt { market, borrower: w.users[0], asset, amount: Amount::new(amount) }
}
fn borrowed(market: MarketId, w: &World, asset: AssetId) -> Log {
    Log::Borrow { market, by: w.users[0], asset, amount: Amount::new(1) }
}
fn risk_changed(market: MarketId) -> Log {
    let change = RiskChange { reserve: Some(0), param: RiskParam::Ltv, value: 0 };
    Log::RiskChanged { market, change }
}
/// The debt in USD is one whole token more than the cap.
fn beyond_cap(chain: &mut Chain, w: &World) {
    let debt = chain.pooled(w.pooled[0]).total_debt(chain, 0);
    let whole = debt.0 / U256::from(1_000_000);
    usd(chain, w).config.borrow_cap = whole.to::<u64>().saturating_sub(1).max(1);
    let token = usd(chain, w).debt_token;
    mint(chain, w.users[0], token, 3_000_000);
}

const STEPS: &[StepCase] = &[
    (
        "a liquidity index that rises at once",
        |c, w| {
            usd(c, w).liquidity_index.0 += U256::from(1);
            vec![]
        },
        Some("pooled-indexes-still"),
    ),
    (
        "the premium of a flash loan in 3.0.2",
        |c, w| {
            let old = c.markets[w.pooled[1].index()].pooled_mut().expect("a pooled market");
            old.reserves[0].liquidity_index.0 += U256::from(1);
            vec![]
        },
        None,
    ),
    (
        "a deficit of what was written off",
        |c, w| {
            usd(c, w).deficit = Amount::new(7);
            let [asset, ..] = w.tokens;
            let part = |amount| bad_debt(w.pooled[0], w, asset, amount);
            vec![part(3), part(4), bad_debt(w.pooled[1], w, asset, 9)]
        },
        None,
    ),
    (
        "a deficit of one more",
        |c, w| {
            usd(c, w).deficit = Amount::new(8);
            let [asset, other, ..] = w.tokens;
            let here = bad_debt(w.pooled[0], w, asset, 7);
            vec![here, bad_debt(w.pooled[1], w, asset, 9), bad_debt(w.pooled[0], w, other, 9)]
        },
        Some("pooled-deficit-by-liquidation"),
    ),
    (
        "debt that was borrowed elsewhere",
        |c, w| {
            let token = usd(c, w).debt_token;
            mint(c, w.users[0], token, 1);
            let [asset, other, ..] = w.tokens;
            vec![borrowed(w.pooled[1], w, asset), borrowed(w.pooled[0], w, other)]
        },
        Some("pooled-debt-from-borrowing"),
    ),
    (
        "debt beyond the cap",
        |c, w| {
            beyond_cap(c, w);
            vec![borrowed(w.pooled[0], w, w.tokens[0]), risk_changed(w.pooled[1])]
        },
        Some("pooled-borrow-cap"),
    ),
    (
        "debt beyond a cap that was lowered",
        |c, w| {
            beyond_cap(c, w);
            vec![borrowed(w.pooled[0], w, w.tokens[0]), risk_changed(w.pooled[0])]
        },
        None,
    ),
    (
        "debt without a cap",
        |c, w| {
            beyond_cap(c, w);
            usd(c, w).config.borrow_cap = 0;
            vec![borrowed(w.pooled[0], w, w.tokens[0])]
        },
        None,
    ),
    (
        "debt beyond a cap that was there before",
        |c, w| {
            usd(c, w).config.borrow_cap = 1;
            vec![]
        },
        None,
    ),
];

/// The property that does not hold, by its id.
pub(super) fn id(checked: &Checked) -> Option<&str> {
    checked.as_ref().err().map(|violation| violation.id.as_str())
}

#[test]
fn a_rule_of_pooled_lending_holds_to_its_bound() {
    let w = World::new();
    let sound = base(&w);
    let mut wrong = Vec::new();
    for (cases, check) in [(STATES, FAMILY.state), (WHOLES, FAMILY.whole)] {
        for (name, change, expected) in cases {
            let mut chain = sound.clone();
            change(&mut chain, &w);
            let found = check(&chain);
            if id(&found) != *expected {
                wrong.push(format!("{name}: {found:?}"));
            }
        }
    }
    for (name, change, expected) in STEPS {
        let mut after = sound.clone();
        let logs = change(&mut after, &w);
        let found = (FAMILY.step)(&Step { before: &sound, after: &after, logs: Some(&logs) });
        if id(&found) != *expected {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_violation_says_where() {
    let w = World::new();
    let mut chain = base(&w);
    usd(&mut chain, &w).config.ltv = Bps(8_001);
    let violation = (FAMILY.state)(&chain).expect_err("it is above the threshold");
    let expected =
        format!("market {} reserve 0 (USD): LTV 8001, threshold 8000 bps", w.pooled[0].0);
    assert_eq!(violation.detail, expected);
}

/// At indexes of one, to the unit: USD at 1, WETH at 2,000, BTC at 40,000.
#[test]
fn a_position_is_recomputed_to_the_unit() {
    let w = World::new();
    let mut chain = base(&w);
    let now = chain.clock.timestamp;
    for reserve in &mut pooled(&mut chain, &w).reserves {
        (reserve.liquidity_index, reserve.borrow_index) = (Ray::ONE, Ray::ONE);
        reserve.last_update = now;
    }
    let user = w.users[0];
    let market = chain.pooled(w.pooled[0]).clone();
    let of = |i: usize| &market.reserves[i];
    let dollars = |i: usize, shares: Amount, price: u64| {
        shares.0 * U256::from(price) * U256::from(100_000_000) / of(i).unit()
    };
    let (prices, position) = ([1, 2_000, 40_000], market.position(user));
    let (mut owns, mut owes, mut terms) = (U256::ZERO, U256::ZERO, 0);
    for (i, price) in prices.into_iter().enumerate() {
        if position.uses_as_collateral(i as u16) {
            owns += dollars(i, chain.balance(user, of(i).a_token), price);
            terms += 1;
        }
        if position.borrows(i as u16) {
            owes += dollars(i, chain.balance(user, of(i).debt_token), price);
            terms += 1;
        }
    }
    assert!(owns > U256::ZERO && owes > U256::ZERO);
    // Smallest units: 10⁻⁶ · 1, 10⁻¹⁸ · 2,000 and 10⁻⁸ · 40,000 dollars, each rounded up by one.
    let slack = U256::from(3 * terms + 101 + 1 + 40_001);
    assert_eq!(recomputed(&chain, &market, user), Some((owns, owes, slack)));
}

#[test]
fn two_sums_may_differ_by_the_slack_and_a_billionth() {
    let place = || "somewhere".to_owned();
    let u = U256::from::<u64>;
    let health = |owns: u64, owes: u64| Health {
        collateral_base: u(owns),
        debt_base: u(owes),
        ..Health::EMPTY
    };
    let near = |owns: u64, owes: u64, health: &Health| {
        compare_health(place, health, u(owns), u(owes), u(10)).is_ok()
    };
    let five = 5_000_000_000;
    assert!(near(five, 0, &health(five + 15, 0)) && near(0, five, &health(0, five + 15)));
    assert!(!near(five, 0, &health(five + 16, 0)) && !near(0, five, &health(0, five + 16)));
    assert!(!near(five + 16, 0, &health(five, 0)) && !near(0, five + 16, &health(0, five)));
}
