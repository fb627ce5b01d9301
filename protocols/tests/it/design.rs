//! Liquidations as a market designs them, and reserves with two oracles.

use crate::common::{MANAGER, Refused, TAIL, USDC, USER, WETH, World, refused, usd};
use markets::units::{AccountId, Amount, Bps, FeedId};
use protocols::lending::{LendingError, LiquidationDesign};
use protocols::reserve::OtherOracle;
use protocols::risk_params::{Direction, RiskChange, RiskError, RiskParam, RiskRegime};

const LENDER: AccountId = AccountId(USER);
const WHO: AccountId = AccountId(USER + 1);
const BOT: AccountId = AccountId(USER + 2);

/// 10 WETH at 2,000 USD against 16,000 USDC, in a market whose whole bonus of 5 % is paid from 0.90 on.
fn world(design: impl FnOnce(&mut LiquidationDesign)) -> World {
    let mut w = World::three(RiskRegime::guardian());
    let mut it = LiquidationDesign::flat(Bps(9_000));
    design(&mut it);
    w.market.state.design = Some(it);
    for account in [LENDER, BOT] {
        w.fund(account, USDC, 10_u128.pow(12));
    }
    w.fund(WHO, WETH, 10 * 10_u128.pow(18));
    w.supply(LENDER, USDC, Amount::new(900_000_000_000)).unwrap();
    w.supply(WHO, WETH, Amount::new(10 * 10_u128.pow(18))).unwrap();
    w.borrow(WHO, USDC, Amount::new(16_000_000_000)).unwrap();
    w
}

fn propose(
    w: &mut World,
    reserve: Option<u16>,
    param: RiskParam,
    value: u64,
) -> Result<Amount, Refused> {
    let change = RiskChange { reserve, param, value };
    w.act(|m, v, c| m.propose_risk(v, MANAGER, change, c))
}

fn risk(error: RiskError) -> Result<Amount, Refused> {
    Err(Refused::Risk(error))
}

/// WETH, in 10⁻¹⁸, that repaying a thousand USDC seizes.
fn seized_for_a_thousand(w: &mut World) -> Amount {
    let mut trial = w.clone();
    trial.liquidate(BOT, WHO, WETH, USDC, Amount::new(1_000_000_000)).unwrap();
    trial.change.seized
}

#[test]
fn the_bonus_of_a_position_grows_as_its_health_falls() {
    let mut w = world(|design| design.bonus_at_line = Bps(2_000));
    // Just below a health factor of 0.95 at 16,000 · 0.95 / 8.3 = 1,831.325301… USD: half of the way to 0.90, so 1 %
    // and half of the other 4 %.
    w.ledger.prices[usize::from(WETH)] = 183_132_530_120;
    let seized = seized_for_a_thousand(&mut w).to_f64() * 1_831.325_301_2 / 1e18;
    assert!((seized - 1_030.0).abs() < 1e-6, "{seized}");
    // At 0.90 and below the whole bonus; a flat design pays it at once.
    w.ledger.prices[usize::from(WETH)] = usd(1_734); // 0.8995
    let seized = seized_for_a_thousand(&mut w).to_f64() * 1_734.0 / 1e18;
    assert!((seized - 1_050.0).abs() < 1e-6, "{seized}");
    let mut flat = world(|_| ());
    flat.ledger.prices[usize::from(WETH)] = 192_000_000_000; // 0.996
    let seized = seized_for_a_thousand(&mut flat).to_f64() * 1_920.0 / 1e18;
    assert!((seized - 1_050.0).abs() < 1e-6, "{seized}");
}

#[test]
fn past_the_toxic_frontier_nothing_is_liquidated_until_the_price_is_back() {
    let mut w = world(|design| design.stops_when_toxic = true);
    // The frontier at 5 %: collateral worth 16,800 USD, 1,680 USD a token.
    w.ledger.prices[usize::from(WETH)] = usd(1_680);
    let all = Amount::MAX;
    let stopped = refused(LendingError::PastToxicFrontier);
    assert_eq!(w.liquidate(BOT, WHO, WETH, USDC, all), stopped);
    assert_eq!(w.market.max_repayable(&w.ledger, WHO, WETH, USDC), Amount::ZERO);
    w.ledger.prices[usize::from(WETH)] = usd(1_681);
    let before = w.market.health(&w.ledger, WHO).unwrap();
    w.liquidate(BOT, WHO, WETH, USDC, Amount::new(1_000_000_000)).unwrap();
    let after = w.market.health(&w.ledger, WHO).unwrap();
    // A liquidation this side of it lowers the loan to value: debt / collateral.
    assert!(after.debt_base * before.collateral_base < before.debt_base * after.collateral_base);
    // Without the stop the same is allowed, and raises it.
    w.ledger.prices[usize::from(WETH)] = usd(1_600);
    assert_eq!(w.liquidate(BOT, WHO, WETH, USDC, all), stopped);
    propose(&mut w, None, RiskParam::ToxicStop, 0).unwrap();
    let before = w.market.health(&w.ledger, WHO).unwrap();
    w.liquidate(BOT, WHO, WETH, USDC, Amount::new(1_000_000_000)).unwrap();
    let after = w.market.health(&w.ledger, WHO).unwrap();
    assert!(after.debt_base * before.collateral_base > before.debt_base * after.collateral_base);
}

#[test]
fn a_design_is_moved_by_rule_and_only_where_there_is_one() {
    let mut w = world(|_| ());
    let (stop, share) = (RiskParam::ToxicStop, RiskParam::BonusAtLine);
    assert_eq!(propose(&mut w, None, share, 7_500), Ok(Amount::ZERO));
    let early = RiskError::TooEarly { from: w.ledger.now + 3_600 };
    assert_eq!(propose(&mut w, None, share, 5_000), risk(early));
    // The stop has a clock of its own.
    assert_eq!(propose(&mut w, None, stop, 1), Ok(Amount::ZERO));
    assert_eq!(propose(&mut w, None, stop, 0), risk(early));
    let design = w.market.state.design.unwrap();
    assert_eq!((design.stops_when_toxic, design.bonus_at_line), (true, Bps(7_500)));
    w.ledger.now += 3_600;
    let fast = RiskError::TooFast { value: 4_999, current: 7_500 };
    assert_eq!(propose(&mut w, None, share, 4_999), risk(fast));
    let down = w.market.risk_step(None, share, Direction::Down, w.ledger.now).unwrap();
    assert_eq!(down.value, 5_000);
    // So has the health factor of the whole bonus, by steps of its own.
    let health = RiskParam::FullBonusAt;
    assert_eq!(propose(&mut w, None, health, 8_500), Ok(Amount::ZERO));
    assert_eq!(w.market.state.design.unwrap().full_bonus_at, Bps(8_500));
    let early = RiskError::TooEarly { from: w.ledger.now + 3_600 };
    assert_eq!(propose(&mut w, None, health, 8_000), risk(early));
    assert_eq!(propose(&mut w, Some(0), stop, 0), risk(RiskError::NoSuchReserve));
    w.market.state.design = None;
    assert_eq!(propose(&mut w, None, stop, 1), risk(RiskError::NoDesign));
    w.market.state.design = Some(LiquidationDesign::flat(Bps(9_000)));
    w.market.regime = RiskRegime::steward();
    assert_eq!(propose(&mut w, None, stop, 1), risk(RiskError::NotAllowed));
}

#[test]
fn a_reserve_reads_its_other_oracle_and_its_first_again() {
    let mut w = World::three(RiskRegime::guardian());
    w.ledger.prices.push(usd(4));
    let (other, first) = (FeedId(3), w.market.reserves[usize::from(TAIL)].feed);
    let oracle = RiskParam::Oracle;
    assert_eq!(propose(&mut w, Some(TAIL), oracle, 1), risk(RiskError::NoOtherOracle));
    w.market.reserves[usize::from(TAIL)].other_oracle =
        Some(OtherOracle { feed: other, is_read: false });
    w.fund(WHO, TAIL, 10_u128.pow(20));
    w.supply(WHO, TAIL, Amount::new(10_u128.pow(20))).unwrap();
    let worth = |w: &World| w.market.health(&w.ledger, WHO).unwrap().collateral_base;
    let at_five = worth(&w);
    propose(&mut w, Some(TAIL), oracle, 1).unwrap();
    assert_eq!(w.market.reserves[usize::from(TAIL)].feed, other);
    assert_eq!(worth(&w) * markets::units::U256::from(5), at_five * markets::units::U256::from(4));
    assert_eq!(propose(&mut w, Some(TAIL), oracle, 1), risk(RiskError::NoChange));
    // Back after an hour; to the other at any time.
    let early = RiskError::TooEarly { from: w.ledger.now + 3_600 };
    assert_eq!(propose(&mut w, Some(TAIL), oracle, 0), risk(early));
    w.ledger.now += 3_600;
    propose(&mut w, Some(TAIL), oracle, 0).unwrap();
    assert_eq!((w.market.reserves[usize::from(TAIL)].feed, worth(&w)), (first, at_five));
    propose(&mut w, Some(TAIL), oracle, 1).unwrap();
}
