//! Pooled lending at its bounds, in both versions: who may borrow, withdraw, repay and be liquidated, and how
//! queued risk changes leave the queue.

use crate::common::{Refused, TAIL, USDC, USER, WETH, World, a_token, debt_token, refused, usd};
use markets::units::{AccountId, Amount, Bps, FeedId, RAY, Ray, U256};
use protocols::LendingView;
use protocols::lending::{EModeCategory, LendingError, RepayCall, Version};
use protocols::risk_params::{PendingChange, RiskChange, RiskError, RiskParam, RiskRegime};

const E18: u128 = 1_000_000_000_000_000_000;
const E6: u128 = 1_000_000;
const ALICE: AccountId = AccountId(USER);
const LENDER: AccountId = AccountId(USER + 1);
const VERSIONS: [Version; 2] = [Version::V3_0_2, Version::V3_6];

/// Alice has 10 WETH, 100,000 USDC and 10,000 TAIL; a lender has supplied a million of each.
fn world(version: Version) -> World {
    let mut w = World::three(RiskRegime::guardian());
    w.market.version = version;
    for (r, unit) in [(WETH, E18), (USDC, E6), (TAIL, E18)] {
        w.fund(LENDER, r, 1_000_000 * unit);
        w.supply(LENDER, r, Amount::new(1_000_000 * unit)).unwrap();
    }
    w.fund(ALICE, WETH, 10 * E18);
    w.fund(ALICE, USDC, 100_000 * E6);
    w.fund(ALICE, TAIL, 10_000 * E18);
    w
}
fn usdc(whole: u128) -> Amount {
    Amount::new(whole * E6)
}
fn mode() -> EModeCategory {
    EModeCategory {
        ltv: Bps(9_000),
        liquidation_threshold: Bps(9_500),
        liquidation_bonus: Bps(100),
        price_feed: None,
        collateral: 0b111,
        borrowable: 0b111,
        ltv_zero: 0,
    }
}
fn enter(w: &mut World, id: u8) -> Result<Amount, Refused> {
    w.act(|m, v, c| m.set_e_mode(v, ALICE, id, c))
}

#[test]
fn reserves_are_listed_in_order() {
    let mut w = World::three(RiskRegime::guardian());
    assert_eq!(w.list(18, usd(1), crate::common::config()), 3);
    assert_eq!(w.list(18, usd(1), crate::common::config()), 4);
}

#[test]
fn a_reserve_that_is_inactive_or_paused_does_nothing() {
    for version in VERSIONS {
        let mut w = world(version);
        w.supply(ALICE, USDC, usdc(10)).unwrap();
        w.market.reserves[usize::from(USDC)].config.paused = true;
        assert_eq!(w.withdraw(ALICE, USDC, usdc(1)), refused(LendingError::ReservePaused));
        assert_eq!(w.supply(ALICE, USDC, usdc(1)), refused(LendingError::ReservePaused));
        w.market.reserves[usize::from(USDC)].config.active = false;
        assert_eq!(w.withdraw(ALICE, USDC, usdc(1)), refused(LendingError::ReserveInactive));
        w.market.reserves[usize::from(USDC)].config.paused = false;
        assert_eq!(w.withdraw(ALICE, USDC, usdc(1)), refused(LendingError::ReserveInactive));
    }
}

#[test]
fn a_mode_lends_by_its_own_list_in_3_6_only() {
    for version in VERSIONS {
        let mut w = world(version);
        w.market.e_modes.push(mode());
        w.market.reserves[usize::from(USDC)].config.borrowing_enabled = false;
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        let most = |w: &World| w.market.max_borrow(&w.ledger, ALICE, USDC);
        let closed = refused(LendingError::BorrowingNotEnabled);
        assert_eq!(
            (w.borrow(ALICE, USDC, usdc(1)), most(&w)),
            (closed, Amount::ZERO),
            "{version:?}"
        );
        enter(&mut w, 1).unwrap();
        if version == Version::V3_6 {
            assert!(most(&w) > usdc(1_000));
            w.borrow(ALICE, USDC, usdc(1)).unwrap();
        } else {
            assert_eq!((w.borrow(ALICE, USDC, usdc(1)), most(&w)), (closed, Amount::ZERO));
        }
        // What the mode does not list it does not lend.
        w.market.e_modes[0].borrowable = 1 << WETH;
        assert_eq!(most(&w), Amount::ZERO);
        w.market.reserves[usize::from(USDC)].config.borrowing_enabled = true;
        assert_eq!(most(&w), Amount::ZERO);
    }
}

#[test]
fn the_most_is_none_without_room() {
    let mut w = world(Version::V3_6);
    let most = |w: &World| w.market.max_borrow(&w.ledger, ALICE, USDC);
    assert_eq!(most(&w), Amount::ZERO, "nothing is supplied");
    w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
    // 80.5 % of 2,000 USD.
    assert_eq!(most(&w), usdc(1_610));
    // Alone, and isolated: only what may be borrowed so, up to the ceiling, in hundredths of a USD.
    w.market.reserves[usize::from(WETH)].config.debt_ceiling = 50_000;
    assert_eq!(most(&w), Amount::ZERO);
    w.market.reserves[usize::from(USDC)].config.borrowable_in_isolation = true;
    assert_eq!(most(&w), usdc(500));
}

#[test]
fn a_borrower_liquidates_itself_in_3_0_2_only() {
    for version in VERSIONS {
        let mut w = world(version);
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        w.borrow(ALICE, USDC, usdc(1_600)).unwrap();
        w.ledger.prices[usize::from(WETH)] = usd(1_900);
        let got = w.liquidate(ALICE, ALICE, WETH, USDC, usdc(100));
        match version {
            Version::V3_0_2 => assert_eq!(got, Ok(usdc(100))),
            Version::V3_6 => assert_eq!(got, refused(LendingError::SelfLiquidation)),
        }
    }
}

#[test]
fn an_ltv_of_zero_stands_in_a_mode_as_the_version_has_it() {
    for (version, own, zeros, expected) in [
        (Version::V3_0_2, 8_050, 0, 9_000),
        (Version::V3_0_2, 0, 0, 0),
        (Version::V3_0_2, 8_050, 0b111, 9_000),
        (Version::V3_6, 8_050, 0, 9_000),
        (Version::V3_6, 0, 0, 9_000),
        (Version::V3_6, 8_050, 1 << TAIL, 0),
        (Version::V3_6, 8_050, 1 << USDC, 9_000),
    ] {
        let mut w = world(version);
        w.market.e_modes.push(mode());
        w.supply(ALICE, TAIL, Amount::new(10 * E18)).unwrap();
        enter(&mut w, 1).unwrap();
        w.market.e_modes[0].ltv_zero = zeros;
        w.market.reserves[usize::from(TAIL)].config.ltv = Bps(own);
        let health = w.market.health(&w.ledger, ALICE).unwrap();
        assert_eq!(health.avg_ltv, Bps(expected), "{version:?}, {own}, {zeros:b}");
        assert_eq!(health.has_zero_ltv_collateral, expected == 0);
    }
}

#[test]
fn a_collateral_without_ltv_is_seen_beside_others() {
    let mut w = world(Version::V3_6);
    for r in [WETH, USDC, TAIL] {
        w.supply(ALICE, r, Amount::new(10 * E6)).unwrap();
    }
    let seen = |w: &World| w.market.health(&w.ledger, ALICE).unwrap().has_zero_ltv_collateral;
    assert!(!seen(&w));
    w.market.reserves[usize::from(USDC)].config.ltv = Bps(0);
    assert!(seen(&w));
}

#[test]
fn a_mode_has_its_own_price_in_3_0_2_only() {
    for version in VERSIONS {
        let mut w = world(version);
        // A fourth feed: half the price.
        w.ledger.prices.push(usd(1_000));
        w.market.e_modes.push(EModeCategory { price_feed: Some(FeedId(3)), ..mode() });
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        let owns = |w: &World| w.market.health(&w.ledger, ALICE).unwrap().collateral_base;
        assert_eq!(owns(&w), U256::from(usd(2_000)), "outside of any mode");
        enter(&mut w, 1).unwrap();
        let dollars = if version == Version::V3_0_2 { 1_000 } else { 2_000 };
        assert_eq!(owns(&w), U256::from(usd(dollars)), "{version:?}");
        w.market.e_modes[0].collateral = 1 << USDC;
        assert_eq!(owns(&w), U256::from(usd(2_000)), "the mode does not take it");
    }
}

#[test]
fn leaving_a_mode_looks_at_the_debts_in_3_6_only() {
    for version in VERSIONS {
        let mut w = world(version);
        w.market.e_modes.push(mode());
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        enter(&mut w, 1).unwrap();
        w.borrow(ALICE, USDC, usdc(1)).unwrap();
        w.market.reserves[usize::from(USDC)].config.borrowing_enabled = false;
        let expected = match version {
            Version::V3_0_2 => Ok(Amount::ZERO),
            Version::V3_6 => refused(LendingError::InvalidDebtInEmode),
        };
        assert_eq!(enter(&mut w, 0), expected);
    }
}

#[test]
fn a_withdrawal_may_leave_a_health_factor_of_one() {
    for version in VERSIONS {
        let mut w = world(version);
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        w.supply(ALICE, USDC, usdc(10)).unwrap();
        w.ledger.prices[usize::from(WETH)] = usd(3_000);
        w.borrow(ALICE, TAIL, Amount::new(332 * E18)).unwrap();
        w.ledger.prices[usize::from(WETH)] = usd(2_000);
        // 332 TAIL at 5 USD are the 1,660 that one WETH bears.
        let below = refused(LendingError::HealthFactorLowerThanLiquidationThreshold);
        assert_eq!(w.withdraw(ALICE, WETH, Amount::new(E18 / 100)), below, "{version:?}");
        assert_eq!(w.withdraw(ALICE, USDC, usdc(10)), Ok(usdc(10)), "{version:?}");
        let one = w.market.health(&w.ledger, ALICE).unwrap().health_factor;
        assert_eq!(one, markets::units::Wad::ONE);
    }
}

#[test]
fn who_has_collateral_without_ltv_takes_that_out_first() {
    for version in VERSIONS {
        let mut w = world(version);
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        w.supply(ALICE, USDC, usdc(1_000)).unwrap();
        w.borrow(ALICE, TAIL, Amount::new(E18)).unwrap();
        w.market.reserves[usize::from(USDC)].config.ltv = Bps(0);
        let first = refused(LendingError::LtvValidationFailed);
        assert_eq!(w.withdraw(ALICE, WETH, Amount::new(E18 / 10)), first, "{version:?}");
        assert_eq!(w.withdraw(ALICE, USDC, usdc(1)), Ok(usdc(1)), "{version:?}");
    }
}

#[test]
fn paying_with_all_of_a_supply_clears_its_flag_in_3_6_only() {
    for version in VERSIONS {
        let mut w = world(version);
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        w.supply(ALICE, USDC, usdc(10)).unwrap();
        w.borrow(ALICE, USDC, usdc(100)).unwrap();
        let call =
            RepayCall { borrower: ALICE, reserve: USDC, amount: usdc(10), with_shares: true };
        w.act(|m, v, c| m.repay_with(v, ALICE, call, c)).unwrap();
        assert!(w.ledger.balance(ALICE, a_token(USDC)).is_zero());
        let flag = w.market.position(ALICE).uses_as_collateral(USDC);
        assert_eq!(flag, version == Version::V3_0_2, "{version:?}");
    }
}

#[test]
fn paying_with_shares_leaves_a_health_factor_of_at_least_one_in_3_6() {
    // One WETH bears 1,660 USD, a USDC 80 cents. 1,760 are owed, 100 of them are paid with supply: 1,660.
    for (price, expected) in [
        (usd(2_000), Ok(usdc(100))),
        (usd(2_000) - 1, refused(LendingError::HealthFactorLowerThanLiquidationThreshold)),
    ] {
        let mut w = world(Version::V3_6);
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        w.supply(ALICE, USDC, usdc(100)).unwrap();
        w.ledger.prices[usize::from(WETH)] = usd(3_000);
        w.borrow(ALICE, USDC, usdc(1_760)).unwrap();
        w.ledger.prices[usize::from(WETH)] = price;
        let call =
            RepayCall { borrower: ALICE, reserve: USDC, amount: usdc(100), with_shares: true };
        assert_eq!(w.act(|m, v, c| m.repay_with(v, ALICE, call, c)), expected);
    }
}

#[test]
fn what_is_due_leaves_the_queue_and_is_applied_together() {
    let mut w = World::three(RiskRegime::guardian());
    let now = w.ledger.now;
    let change = |reserve, param, value| RiskChange { reserve: Some(reserve), param, value };
    let due = [
        change(WETH, RiskParam::Ltv, 7_000),
        change(WETH, RiskParam::SupplyCap, 77),
        change(USDC, RiskParam::Ltv, 6_000),
    ];
    let later = change(TAIL, RiskParam::Ltv, 1_000);
    for change in due {
        w.market.state.pending.push(PendingChange { change, ready_at: now });
    }
    let waiting = PendingChange { change: later, ready_at: now + 1 };
    w.market.state.pending.push(waiting);
    w.act(|m, v, c| m.execute_risk(v, c)).unwrap();
    assert_eq!(w.market.state.pending.as_slice(), [waiting]);
    let of = |r: u16| w.market.reserves[usize::from(r)].config;
    assert_eq!((of(WETH).ltv, of(WETH).supply_cap), (Bps(7_000), 77));
    assert_eq!((of(USDC).ltv, of(TAIL).ltv), (Bps(6_000), Bps(4_000)));
    let nothing = w.act(|m, v, c| m.execute_risk(v, c));
    assert_eq!(nothing, Err(Refused::Risk(RiskError::NothingDue)));
}

#[test]
fn a_full_queue_stops_only_what_would_wait() {
    let mut w = World::three(RiskRegime::guardian());
    let now = w.ledger.now;
    let change = |value| RiskChange { reserve: Some(TAIL), param: RiskParam::BorrowCap, value };
    while !w.market.state.pending.is_full() {
        w.market.state.pending.push(PendingChange { change: change(1), ready_at: now + 1 });
    }
    let cut = RiskChange { reserve: Some(WETH), param: RiskParam::Ltv, value: 7_800 };
    assert_eq!(w.market.risk_legal(&cut, now), Ok(()));
    w.market.regime.ltv.delay_secs = 1;
    assert_eq!(w.market.risk_legal(&cut, now), Err(RiskError::QueueFull));
}

#[test]
fn the_close_factor_and_the_design_are_the_markets() {
    let wide: Vec<RiskParam> =
        RiskParam::ALL.into_iter().filter(|param| param.is_market_wide()).collect();
    let design = [RiskParam::ToxicStop, RiskParam::BonusAtLine, RiskParam::FullBonusAt];
    assert_eq!(wide, [&[RiskParam::CloseFactor], design.as_slice()].concat());
}

#[test]
fn books_are_projected_to_now() {
    let mut w = world(Version::V3_6);
    w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
    w.borrow(ALICE, USDC, usdc(1_000)).unwrap();
    let books = |w: &World| w.market.solvency(&w.ledger, USDC).unwrap();
    assert_eq!(books(&w), (usdc(1_000_000), usdc(1_000_000)));
    w.ledger.now += 365 * 86_400;
    let (has, owes) = books(&w);
    let index =
        w.market.reserves[usize::from(USDC)].borrow_index_at(Version::V3_6, w.ledger.now).unwrap();
    let debt = w.ledger.balance(ALICE, debt_token(USDC)).0 * index.0;
    assert!(index > Ray::ONE);
    // At hand, and the debt at the index of now, rounded up.
    assert_eq!(has.0, U256::from(999_000 * E6) + debt.div_ceil(RAY));
    assert!(owes > usdc(1_000_000) && owes <= has);
}
