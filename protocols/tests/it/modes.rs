//! What restricts whole positions in a pooled market, at each bound: e-modes, isolated collateral, and which
//! assets are whose.

use crate::common::{
    MANAGER, TAIL, USDC, USER, WETH, World, a_token, debt_token, refused, underlying, usd,
};
use markets::units::{AccountId, Amount, AssetId, Bps};
use protocols::lending::{EModeCategory, LendingError, Version};
use protocols::risk_params::RiskRegime;

const E18: u128 = 1_000_000_000_000_000_000;
const E6: u128 = 1_000_000;
const ALICE: AccountId = AccountId(USER);
const LENDER: AccountId = AccountId(USER + 1);

fn world(version: Version) -> World {
    let mut w = World::three(RiskRegime::guardian());
    w.market.version = version;
    for (who, r, amount) in
        [(ALICE, WETH, 10 * E18), (ALICE, TAIL, 1_000 * E18), (LENDER, USDC, E18)]
    {
        w.fund(who, r, amount);
    }
    w.supply(LENDER, USDC, Amount::new(1_000_000 * E6)).unwrap();
    w
}

fn mode(collateral: u32, borrowable: u32) -> EModeCategory {
    EModeCategory {
        ltv: Bps(9_000),
        liquidation_threshold: Bps(9_500),
        liquidation_bonus: Bps(100),
        price_feed: None,
        collateral,
        borrowable,
        ltv_zero: 0,
    }
}

#[test]
fn a_market_knows_its_reserves_and_its_shares() {
    let market = world(Version::V3_6).market;
    for r in [WETH, USDC, TAIL] {
        assert_eq!(market.reserve_of(underlying(r)), Some(r));
        assert!(market.is_share(a_token(r)) && market.is_share(debt_token(r)));
        assert!(!market.is_share(underlying(r)));
        for share in [a_token(r), debt_token(r)] {
            assert_eq!(market.reserve_of(share), None);
        }
    }
    assert_eq!(market.reserve_of(AssetId(999)), None);
    assert!(!market.is_share(AssetId(999)));
}

#[test]
fn a_category_takes_and_lends_exactly_its_reserves() {
    let category = mode(0b101, 0b010);
    let listed = |of: fn(&EModeCategory, u16) -> bool| [0, 1, 2, 3].map(|r| of(&category, r));
    assert_eq!(listed(EModeCategory::takes), [true, false, true, false]);
    assert_eq!(listed(EModeCategory::lends), [false, true, false, false]);
}

#[test]
fn isolated_collateral_stands_alone() {
    for version in [Version::V3_0_2, Version::V3_6] {
        let mut w = world(version);
        w.market.reserves[usize::from(TAIL)].config.debt_ceiling = 100_000;
        let toggle = |w: &mut World, r, on| w.act(|m, v, c| m.set_collateral(v, ALICE, r, on, c));
        // An isolated supply never becomes collateral by itself; nothing else is, so it may.
        w.supply(ALICE, TAIL, Amount::new(500 * E18)).unwrap();
        assert!(!w.market.position(ALICE).uses_as_collateral(TAIL));
        toggle(&mut w, TAIL, true).unwrap();
        // Beside it nothing else becomes collateral, by itself or asked to.
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        assert!(!w.market.position(ALICE).uses_as_collateral(WETH));
        let beside = refused(LendingError::UserInIsolationModeOrLtvZero);
        assert_eq!(toggle(&mut w, WETH, true), beside);
        // And it not beside anything else.
        toggle(&mut w, TAIL, false).unwrap();
        toggle(&mut w, WETH, true).unwrap();
        assert_eq!(toggle(&mut w, TAIL, true), beside);
        // What has no LTV is no new collateral.
        toggle(&mut w, WETH, false).unwrap();
        w.market.reserves[usize::from(WETH)].config.ltv = Bps(0);
        assert_eq!(toggle(&mut w, WETH, true), beside);
    }
}

#[test]
fn a_debt_ceiling_binds_above_it() {
    for version in [Version::V3_0_2, Version::V3_6] {
        let mut w = world(version);
        let tail = &mut w.market.reserves[usize::from(TAIL)].config;
        // In hundredths of a USD.
        tail.debt_ceiling = 10_000;
        w.supply(ALICE, TAIL, Amount::new(500 * E18)).unwrap();
        w.act(|m, v, c| m.set_collateral(v, ALICE, TAIL, true, c)).unwrap();
        let cents = |n: u128| Amount::new(n * E6 / 100);
        let closed = refused(LendingError::AssetNotBorrowableInIsolation);
        assert_eq!(w.borrow(ALICE, USDC, cents(1)), closed);
        w.market.reserves[usize::from(USDC)].config.borrowable_in_isolation = true;
        let above = refused(LendingError::DebtCeilingExceeded);
        assert_eq!(w.borrow(ALICE, USDC, cents(10_001)), above, "{version:?}");
        assert_eq!(w.borrow(ALICE, USDC, cents(20_000)), above, "{version:?}");
        w.borrow(ALICE, USDC, cents(10_000)).unwrap();
        assert_eq!(w.market.reserves[usize::from(TAIL)].isolated_debt, 10_000);
        assert_eq!(w.borrow(ALICE, USDC, cents(1)), above, "{version:?}");
    }
}

#[test]
fn an_e_mode_is_left_at_a_health_factor_of_one_and_not_below() {
    for version in [Version::V3_0_2, Version::V3_6] {
        let mut w = world(version);
        w.market.e_modes.push(mode(1 << WETH, 1 << USDC));
        let enter = |w: &mut World, id| w.act(|m, v, c| m.set_e_mode(v, ALICE, id, c));
        w.supply(ALICE, WETH, Amount::new(E18)).unwrap();
        enter(&mut w, 1).unwrap();
        // 83 % of 2,000 USD is what one WETH bears outside.
        w.borrow(ALICE, USDC, Amount::new(1_660 * E6)).unwrap();
        w.ledger.prices[usize::from(WETH)] = usd(2_000) - 1;
        let below = refused(LendingError::HealthFactorLowerThanLiquidationThreshold);
        assert_eq!(enter(&mut w, 0), below, "{version:?}");
        w.ledger.prices[usize::from(WETH)] = usd(2_000);
        enter(&mut w, 0).unwrap();
        assert_eq!(w.market.position(ALICE).e_mode, 0);
    }
}

#[test]
fn a_category_without_a_threshold_is_none() {
    let mut w = world(Version::V3_6);
    w.market.e_modes.push(EModeCategory { liquidation_threshold: Bps(0), ..mode(1, 1) });
    for id in [1, 2] {
        let got = w.act(|m, v, c| m.set_e_mode(v, ALICE, id, c));
        assert_eq!(got, refused(LendingError::InconsistentEModeCategory));
    }
    assert_ne!(w.market.position(MANAGER).e_mode, 1);
}
