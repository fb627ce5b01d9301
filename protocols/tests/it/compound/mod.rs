//! The Compound market's rules by hand: amounts, codes and reverts. The recorded contracts are replayed
//! elsewhere (`sim/tests/it/vectors`), where somebody has them; these stand alone.

mod world;

use markets::units::{Amount, PriceMantissa, U256, Wad};
use protocols::LendingView;
use protocols::compound::{
    CompoundError, ComptrollerCode, Governance, Liquidation, MAX_COLLATERAL_FACTOR, RateModel,
    Refusal, Stop, TokenCode, YearlyRates,
};
use world::{ADMIN, World, c_token, percent, refused, reverted, underlying, user};

const ETH: u16 = 0;
const USDC: u16 = 1;
const THIN: u16 = 2;
const E6: u128 = 1_000_000;
const E18: u128 = 1_000_000_000_000_000_000;

fn units(amount: u128) -> Amount {
    Amount::new(amount)
}

/// User 0 supplied one ETH and entered; user 1 supplied 10,000 USDC.
fn supplied() -> World {
    let mut w = World::new();
    w.mint(0, ETH, units(E18)).unwrap();
    w.enter(0, ETH).unwrap();
    w.mint(1, USDC, units(10_000 * E6)).unwrap();
    w
}

#[test]
fn a_supply_is_worth_fifty_c_tokens_and_no_more_than_one_has() {
    let mut w = supplied();
    assert_eq!(w.balance(0, c_token(ETH)), units(50 * 100_000_000));
    let all = w.balance(0, underlying(ETH));
    assert_eq!(
        w.mint(0, ETH, all.checked_add(units(1)).unwrap()),
        Err(reverted(CompoundError::TransferExceedsBalance))
    );
    w.mint(0, ETH, all).unwrap();
    assert_eq!(w.balance(0, underlying(ETH)), Amount::ZERO);
}

#[test]
fn one_borrows_up_to_the_collateral_factor_and_up_to_the_cash() {
    let mut w = supplied();
    let too_much = Refusal::Rejected(ComptrollerCode::InsufficientLiquidity);
    assert_eq!(w.borrow(0, USDC, units(1_600 * E6 + 1)), Err(refused(too_much)));
    w.borrow(0, USDC, units(1_600 * E6)).unwrap();
    assert_eq!(w.owed(0, USDC), units(1_600 * E6));
    // Cash is what is left: 8,400 USDC.
    let mut rich = supplied();
    rich.mint(0, ETH, units(9 * E18)).unwrap();
    let empty = Refusal::Token(TokenCode::InsufficientCash);
    assert_eq!(rich.borrow(0, USDC, units(10_000 * E6 + 1)), Err(refused(empty)));
    rich.borrow(0, USDC, units(10_000 * E6)).unwrap();
    assert_eq!(rich.balance(1, underlying(USDC)), units(990_000 * E6));
}

#[test]
fn a_pause_and_a_cap_revert() {
    let mut w = supplied();
    let config = &mut w.market.tokens[usize::from(USDC)].config;
    config.borrow_cap = units(1_000 * E6);
    // The cap itself is out of reach: "market borrow cap reached".
    let capped = Err(reverted(CompoundError::BorrowCapReached));
    assert_eq!(w.borrow(0, USDC, units(1_000 * E6)), capped);
    w.borrow(0, USDC, units(1_000 * E6 - 1)).unwrap();
    w.market.tokens[usize::from(USDC)].config.borrow_paused = true;
    assert_eq!(w.borrow(0, USDC, units(1)), Err(reverted(CompoundError::BorrowPaused)));
    w.market.tokens[usize::from(USDC)].config.mint_paused = true;
    assert_eq!(w.mint(1, USDC, units(1)), Err(reverted(CompoundError::MintPaused)));
}

#[test]
fn a_liquidation_takes_half_and_the_market_keeps_its_share() {
    let mut w = supplied();
    w.borrow(0, USDC, units(1_600 * E6)).unwrap();
    let call = Liquidation { liquidator: user(2), borrower: user(0), debt: USDC, collateral: ETH };
    let take =
        |w: &mut World, amount: u128| w.act(|m, v, c| m.liquidate(v, call, units(amount), c));
    let healthy = Refusal::Rejected(ComptrollerCode::InsufficientShortfall);
    assert_eq!(take(&mut w, 800 * E6), Err(refused(healthy)));
    w.ledger.prices[usize::from(ETH)] = PriceMantissa::new(1_900 * E18);
    assert_eq!(w.market.max_liquidation(&w.ledger, call), units(800 * E6));
    let more = Refusal::Rejected(ComptrollerCode::TooMuchRepay);
    assert_eq!(take(&mut w, 800 * E6 + 1), Err(refused(more)));
    take(&mut w, 800 * E6).unwrap();
    assert_eq!(w.owed(0, USDC), units(800 * E6));
    // 800 · 1.08 / 1,900 ETH are 22.73684210 cETH; 2.8 % of them, 0.63663157, are the market's.
    assert_eq!(w.balance(0, c_token(ETH)), units(5_000_000_000 - 2_273_684_210));
    assert_eq!(w.balance(2, c_token(ETH)), units(2_273_684_210 - 63_663_157));
    let reserves = w.market.tokens[usize::from(ETH)].book.total_reserves;
    assert_eq!(reserves, units(63_663_157 * 200_000_000), "a cETH's smallest unit is 2 · 10⁸ wei");
}

#[test]
fn governance_sets_what_it_names_and_nothing_else() {
    let w = World::new();
    for governance in [
        Governance::CloseFactor(percent(40)),
        Governance::LiquidationIncentive(percent(110)),
        Governance::CollateralFactor { token: THIN, factor: percent(33) },
        Governance::ReserveFactor { token: THIN, factor: percent(22) },
        Governance::BorrowCap { token: THIN, cap: units(77) },
        Governance::PauseMint { token: THIN, paused: true },
        Governance::PauseBorrow { token: THIN, paused: true },
        Governance::PauseTransfer(true),
        Governance::PauseSeize(true),
    ] {
        let mut got = World::new();
        got.act(|m, v, c| m.govern(v, ADMIN, governance, c)).unwrap();
        let mut policy = w.market.policy;
        let mut config = w.market.tokens[usize::from(THIN)].config;
        match governance {
            Governance::CloseFactor(factor) => policy.close_factor = factor,
            Governance::LiquidationIncentive(incentive) => policy.liquidation_incentive = incentive,
            Governance::CollateralFactor { factor, .. } => config.collateral_factor = factor,
            Governance::ReserveFactor { factor, .. } => config.reserve_factor = factor,
            Governance::BorrowCap { cap, .. } => config.borrow_cap = cap,
            Governance::PauseMint { paused, .. } => config.mint_paused = paused,
            Governance::PauseBorrow { paused, .. } => config.borrow_paused = paused,
            Governance::PauseTransfer(paused) => policy.transfer_paused = paused,
            Governance::PauseSeize(paused) => policy.seize_paused = paused,
        }
        assert_eq!(got.market.policy, policy, "{governance:?}");
        let untouched = |token: u16| w.market.tokens[usize::from(token)].config;
        let expected = [untouched(ETH), untouched(USDC), config];
        let all: Vec<_> = got.market.tokens.iter().map(|token| token.config).collect();
        assert_eq!(all, expected, "{governance:?}");
        assert!(got.act(|m, v, c| m.govern(v, user(0), governance, c)).is_err(), "{governance:?}");
    }
}

#[test]
fn governance_keeps_to_its_bounds_and_its_guardians() {
    let mut w = World::new();
    let (pauser, capper) = (user(1), user(2));
    (w.market.pause_guardian, w.market.borrow_cap_guardian) = (pauser, capper);
    let govern =
        |w: &mut World, by, governance| w.act(|m, v, c| m.govern(v, by, governance, c)).map(|_| ());
    let factor = |factor| Governance::CollateralFactor { token: THIN, factor };
    let above = Wad(MAX_COLLATERAL_FACTOR.0 + U256::from(1));
    let invalid = Refusal::Comptroller(ComptrollerCode::InvalidCollateralFactor);
    assert_eq!(govern(&mut w, ADMIN, factor(above)), Err(refused(invalid)));
    govern(&mut w, ADMIN, factor(MAX_COLLATERAL_FACTOR)).unwrap();
    w.ledger.prices[usize::from(THIN)] = PriceMantissa::new(0);
    let no_price = Refusal::Comptroller(ComptrollerCode::PriceError);
    assert_eq!(govern(&mut w, ADMIN, factor(percent(50))), Err(refused(no_price)));
    govern(&mut w, ADMIN, factor(Wad::new(0))).unwrap();

    let reserve = |factor| Governance::ReserveFactor { token: USDC, factor };
    let bad = Refusal::Token(TokenCode::BadInput);
    assert_eq!(govern(&mut w, ADMIN, reserve(Wad::new(E18 + 1))), Err(refused(bad)));
    govern(&mut w, ADMIN, reserve(Wad::ONE)).unwrap();

    govern(&mut w, capper, Governance::BorrowCap { token: ETH, cap: units(5) }).unwrap();
    let not_capper = reverted(CompoundError::OnlyAdminOrGuardianSetsBorrowCaps);
    let cap = Governance::BorrowCap { token: ETH, cap: units(6) };
    assert_eq!(govern(&mut w, pauser, cap), Err(not_capper));
    govern(&mut w, pauser, Governance::PauseSeize(true)).unwrap();
    let only_admin = reverted(CompoundError::OnlyAdminUnpauses);
    assert_eq!(govern(&mut w, pauser, Governance::PauseSeize(false)), Err(only_admin));
    let nobody = reverted(CompoundError::OnlyGuardianAndAdminPause);
    assert_eq!(govern(&mut w, user(3), Governance::PauseSeize(true)), Err(nobody));
    govern(&mut w, ADMIN, Governance::PauseSeize(false)).unwrap();
}

#[test]
fn a_deprecated_market_liquidates_the_healthy_and_up_to_all_they_owe() {
    let mut w = supplied();
    w.borrow(0, USDC, units(800 * E6)).unwrap();
    let call = Liquidation { liquidator: user(2), borrower: user(0), debt: USDC, collateral: ETH };
    let take =
        |w: &mut World, amount: u128| w.act(|m, v, c| m.liquidate(v, call, units(amount), c));
    let set = |w: &mut World, which: usize| {
        let config = &mut w.market.tokens[usize::from(USDC)].config;
        match which {
            0 => config.collateral_factor = percent(0),
            1 => config.borrow_paused = true,
            _ => config.reserve_factor = percent(100),
        }
    };
    let healthy = Refusal::Rejected(ComptrollerCode::InsufficientShortfall);
    for missing in 0..3 {
        let mut most = w.clone();
        (0..3).filter(|which| *which != missing).for_each(|which| set(&mut most, which));
        assert!(!most.market.tokens[usize::from(USDC)].is_deprecated());
        assert_eq!(take(&mut most, 1), Err(refused(healthy)), "without {missing}");
        assert_eq!(most.market.max_liquidation(&most.ledger, call), Amount::ZERO);
    }
    (0..3).for_each(|which| set(&mut w, which));
    assert_eq!(w.market.max_liquidation(&w.ledger, call), units(800 * E6));
    let more = reverted(CompoundError::RepayMoreThanTotalBorrow);
    assert_eq!(take(&mut w, 800 * E6 + 1), Err(more));
    take(&mut w.clone(), 1).unwrap();
    take(&mut w, 800 * E6).unwrap();
    assert_eq!(w.owed(0, USDC), Amount::ZERO);
}

#[test]
fn one_pays_to_the_last_unit_and_not_beyond() {
    let poor = CompoundError::TransferExceedsBalance;
    let mut w = supplied();
    w.borrow(0, USDC, units(1_600 * E6)).unwrap();
    let rest = w.balance(0, underlying(USDC)).checked_sub(units(1_000 * E6)).unwrap();
    w.mint(0, USDC, rest).unwrap();
    assert_eq!(w.repay(0, USDC, units(1_000 * E6 + 1)), Err(reverted(poor)));
    w.repay(0, USDC, units(1_000 * E6)).unwrap();
    assert_eq!((w.owed(0, USDC), w.balance(0, underlying(USDC))), (units(600 * E6), units(0)));

    // Reserves: all that one has in, all that is there out.
    let all = w.balance(3, underlying(THIN));
    let add = |w: &mut World, amount: Amount| {
        w.act(|m, v, c| m.add_reserves(v, user(3), THIN, amount, c))
    };
    let reduce = |w: &mut World, amount: Amount| {
        w.act(|m, v, c| m.reduce_reserves(v, ADMIN, THIN, amount, c))
    };
    let more = all.checked_add(units(1)).unwrap();
    assert_eq!(add(&mut w, more), Err(reverted(poor)));
    add(&mut w, all).unwrap();
    assert_eq!(reduce(&mut w, more), Err(Stop::from(TokenCode::InsufficientCash)));
    reduce(&mut w, all).unwrap();
    assert_eq!(w.ledger.balance(ADMIN, underlying(THIN)), all);
}

#[test]
fn a_liquidation_may_seize_all_of_the_collateral() {
    let mut w = supplied();
    w.borrow(0, USDC, units(1_600 * E6)).unwrap();
    // 800 · 1.08 / 864 is the one ETH.
    w.ledger.prices[usize::from(ETH)] = PriceMantissa::new(864 * E18);
    let call = Liquidation { liquidator: user(2), borrower: user(0), debt: USDC, collateral: ETH };
    assert_eq!(w.market.max_liquidation(&w.ledger, call), units(800 * E6));
    w.act(|m, v, c| m.liquidate(v, call, units(800 * E6), c)).unwrap();
    assert_eq!(w.balance(0, c_token(ETH)), Amount::ZERO);
}

#[test]
fn a_rate_of_exactly_the_most_accrues() {
    // 5 · 10¹² a block, of 2,102,400 a year.
    let at = |per_block: u128| {
        let mut w = World::new();
        let base = Wad::new(per_block * 2_102_400);
        let none = Wad::ZERO;
        let yearly =
            YearlyRates { base, multiplier: none, jump_multiplier: none, kink: percent(80) };
        let model = RateModel::jump_v2(yearly).unwrap();
        w.market.tokens[usize::from(USDC)].config.rate_model = model;
        w.ledger.block += 1;
        w.mint(1, USDC, units(E6)).map(|_| w.market.tokens[usize::from(USDC)].book.borrow_index)
    };
    assert_eq!(at(5_000_000_000_000), Ok(Wad::new(E18 + 5_000_000_000_000)));
    let absurd = reverted(CompoundError::BorrowRateAbsurdlyHigh);
    assert_eq!(at(5_000_000_000_001), Err(absurd));
}

#[test]
fn markets_are_listed_in_order() {
    let mut w = World::new();
    let token = w.market.tokens[0];
    assert_eq!(w.market.add_token(token), 3);
    assert_eq!(w.market.add_token(token), 4);
}

#[test]
fn the_most_that_can_be_borrowed_can_and_no_more() {
    let mut w = supplied();
    let most = |w: &World| w.market.max_borrow(&w.ledger, user(0), USDC);
    // 80 % of 2,000 USD; then a cap, of which the last unit is not lent; then none.
    assert_eq!(most(&w), units(1_600 * E6));
    w.market.tokens[usize::from(USDC)].config.borrow_cap = units(1_000 * E6);
    assert_eq!(most(&w), units(1_000 * E6 - 1));
    assert!(w.clone().borrow(0, USDC, units(1_000 * E6)).is_err());
    w.borrow(0, USDC, units(1_000 * E6 - 1)).unwrap();
    assert_eq!(most(&w), Amount::ZERO);
    w.market.tokens[usize::from(USDC)].config.borrow_cap = Amount::ZERO;
    assert_eq!(most(&w), units(600 * E6 + 1));
    assert!(w.clone().borrow(0, USDC, units(600 * E6 + 2)).is_err());
    w.borrow(0, USDC, units(600 * E6 + 1)).unwrap();
}

#[test]
fn rates_and_debts_are_known_as_of_now() {
    let mut w = supplied();
    w.borrow(0, USDC, units(1_000 * E6)).unwrap();
    let debt = |w: &World| w.market.borrow_balance_current(&w.ledger, user(0), USDC).unwrap();
    let rate = |w: &World| w.market.exchange_rate_current(&w.ledger, USDC).unwrap();
    assert_eq!(debt(&w), units(1_000 * E6));
    assert_eq!(rate(&w), w.market.tokens[usize::from(USDC)].initial_exchange_rate);
    w.ledger.block += 2_102_400;
    let (owed, worth) = (debt(&w), rate(&w));
    assert!(owed > units(1_000 * E6) && owed < units(1_200 * E6), "{owed}");
    w.act(|m, v, c| m.accrue(v, USDC, c)).unwrap();
    assert_eq!((w.owed(0, USDC), rate(&w)), (owed, worth));
}

#[test]
fn nobody_redeems_more_than_is_theirs() {
    let mut w = supplied();
    w.mint(2, ETH, units(E18)).unwrap();
    let own = w.balance(2, c_token(ETH));
    let more = own.checked_add(units(1)).unwrap();
    assert!(w.ledger.total_supply(c_token(ETH)) > more);
    assert_eq!(w.redeem(2, ETH, more), Err(refused(Refusal::Token(TokenCode::MathError))));
    w.redeem(2, ETH, own).unwrap();
}

#[test]
fn nothing_is_seized_without_both_prices() {
    // A market that is wound up is liquidated whatever the account's liquidity.
    let mut wound_up = supplied();
    wound_up.borrow(0, USDC, units(1_000 * E6)).unwrap();
    let config = &mut wound_up.market.tokens[usize::from(USDC)].config;
    (config.collateral_factor, config.borrow_paused) = (Wad::ZERO, true);
    config.reserve_factor = Wad::ONE;
    for priceless in [USDC, ETH] {
        let mut w = wound_up.clone();
        w.ledger.prices[usize::from(priceless)] = PriceMantissa(U256::ZERO);
        let got = w.act(|m, v, c| {
            let (liquidator, borrower) = (user(1), user(0));
            let call = Liquidation { liquidator, borrower, debt: USDC, collateral: ETH };
            m.liquidate(v, call, units(E6), c)
        });
        let failed = CompoundError::LiquidateComptrollerCalculateAmountSeizeFailed;
        assert_eq!(got.err(), Some(reverted(failed)), "{priceless}");
    }
}
