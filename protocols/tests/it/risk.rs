//! What a risk policy may and may not move.

use crate::common::{MANAGER, Refused, USER, World, usd};
use markets::units::{AccountId, Amount, Bps};
use protocols::lending::Pooled;
use protocols::risk_params::{
    AtOnce, Direction, Move, Part, RiskChange, RiskError, RiskParam, RiskRegime, Rule, Step,
};

const DAY: u64 = 86_400;

fn propose(
    w: &mut World,
    reserve: Option<u16>,
    param: RiskParam,
    value: u64,
) -> Result<(), RiskError> {
    let change = RiskChange { reserve, param, value };
    match w.act(|m, v, c| m.propose_risk(v, MANAGER, change, c)) {
        Ok(_) => Ok(()),
        Err(Refused::Risk(why)) => Err(why),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn only_the_risk_manager_proposes() {
    let mut w = World::three(RiskRegime::guardian());
    let change = RiskChange { reserve: Some(0), param: RiskParam::Ltv, value: 8000 };
    let got = w.act(|m, v, c| m.propose_risk(v, AccountId(USER), change, c));
    assert_eq!(got, Err(Refused::Risk(RiskError::NotRiskManager)));
}

#[test]
fn a_steward_moves_half_a_percent_every_three_days() {
    let mut w = World::three(RiskRegime::steward());
    let (r, p) = (Some(0), RiskParam::Ltv);
    let too_fast = |value| Err(RiskError::TooFast { value, current: 8050 });
    assert_eq!(propose(&mut w, r, p, 7999), too_fast(7999));
    assert_eq!(propose(&mut w, r, p, 8101), too_fast(8101));
    assert_eq!(propose(&mut w, r, p, 8050), Err(RiskError::NoChange));
    assert_eq!(propose(&mut w, r, p, 8000), Ok(()));
    assert_eq!(w.change.risk_applied, [RiskChange { reserve: r, param: p, value: 8000 }]);
    let from = w.ledger.now + 3 * DAY;
    assert_eq!(propose(&mut w, r, p, 8050), Err(RiskError::TooEarly { from }));
    // Another parameter has its own clock.
    assert_eq!(propose(&mut w, r, RiskParam::LiquidationThreshold, 8250), Ok(()));
    w.ledger.now = from - 1;
    assert_eq!(propose(&mut w, r, p, 8050), Err(RiskError::TooEarly { from }));
    w.ledger.now = from;
    assert_eq!(propose(&mut w, r, p, 8050), Ok(()));
}

#[test]
fn a_steward_cannot_freeze_zero_or_move_the_close_factor() {
    let mut w = World::three(RiskRegime::steward());
    assert_eq!(propose(&mut w, Some(0), RiskParam::Frozen, 1), Err(RiskError::NotAllowed));
    assert_eq!(propose(&mut w, None, RiskParam::CloseFactor, 5050), Err(RiskError::NotAllowed));
    w.market.reserves[0].config.ltv = Bps(30);
    let out = RiskError::OutOfBounds { value: 0, floor: 1, ceil: 9500 };
    assert_eq!(propose(&mut w, Some(0), RiskParam::Ltv, 0), Err(out));
    assert_eq!(propose(&mut w, Some(0), RiskParam::Ltv, 1), Ok(()));
}

#[test]
fn a_steward_doubles_a_cap_or_cuts_it_to_one_but_never_to_zero() {
    let mut w = World::three(RiskRegime::steward());
    w.market.reserves[0].config.supply_cap = 1_000;
    w.market.reserves[0].config.borrow_cap = 1_000;
    let p = RiskParam::SupplyCap;
    let fast = RiskError::TooFast { value: 2_001, current: 1_000 };
    assert_eq!(propose(&mut w, Some(0), p, 2_001), Err(fast));
    assert_eq!(propose(&mut w, Some(0), p, 2_000), Ok(()));
    let out = RiskError::OutOfBounds { value: 0, floor: 1, ceil: u64::MAX };
    assert_eq!(propose(&mut w, Some(0), RiskParam::BorrowCap, 0), Err(out));
    assert_eq!(propose(&mut w, Some(0), RiskParam::BorrowCap, 1), Ok(()));
}

#[test]
fn a_guardian_brakes_at_once_and_releases_slowly() {
    let mut w = World::three(RiskRegime::guardian());
    assert_eq!(propose(&mut w, Some(2), RiskParam::Ltv, 4400), Ok(()));
    // Within the hour nothing moves but the brake.
    assert!(matches!(
        propose(&mut w, Some(2), RiskParam::Ltv, 4300),
        Err(RiskError::TooEarly { .. })
    ));
    assert_eq!(propose(&mut w, Some(2), RiskParam::Ltv, 0), Ok(()));
    assert!(matches!(
        propose(&mut w, Some(2), RiskParam::Ltv, 4400),
        Err(RiskError::TooFast { .. })
    ));
    assert_eq!(propose(&mut w, Some(2), RiskParam::Frozen, 1), Ok(()));
    assert!(w.market.reserves[2].config.frozen);
    assert_eq!(w.market.reserves[2].effective_ltv(w.market.version), Bps(0));
}

#[test]
fn a_threshold_falls_one_percent_an_hour_at_most() {
    let mut w = World::three(RiskRegime::guardian());
    w.market.reserves[0].config.ltv = Bps(7000);
    let p = RiskParam::LiquidationThreshold;
    let fast = RiskError::TooFast { value: 8199, current: 8300 };
    assert_eq!(propose(&mut w, Some(0), p, 8199), Err(fast));
    assert_eq!(propose(&mut w, Some(0), p, 8200), Ok(()));
    assert!(matches!(propose(&mut w, Some(0), p, 8100), Err(RiskError::TooEarly { .. })));
    w.ledger.now += 3_600;
    assert_eq!(propose(&mut w, Some(0), p, 8100), Ok(()));
}

#[test]
fn no_regime_waives_what_keeps_a_reserve_coherent() {
    let mut w = World::three(RiskRegime::guardian());
    w.market.reserves[0].config.ltv = Bps(8250);
    let p = RiskParam::LiquidationThreshold;
    assert_eq!(propose(&mut w, Some(0), p, 8200), Err(RiskError::LtvAboveThreshold));
    w.market.reserves[0].config.liquidation_threshold = Bps(9500);
    let bonus = RiskParam::LiquidationBonus;
    assert_eq!(propose(&mut w, Some(0), bonus, 600), Err(RiskError::BonusTooLarge));
    assert_eq!(propose(&mut w, Some(9), p, 1), Err(RiskError::NoSuchReserve));
    assert_eq!(propose(&mut w, Some(0), RiskParam::CloseFactor, 1), Err(RiskError::NoSuchReserve));
    assert_eq!(propose(&mut w, None, p, 1), Err(RiskError::NoSuchReserve));
}

#[test]
fn a_delayed_change_waits_and_anyone_applies_it() {
    let mut regime = RiskRegime::guardian();
    regime.ltv.delay_secs = DAY;
    regime.close_factor.delay_secs = DAY;
    let mut w = World::three(regime);
    assert_eq!(propose(&mut w, Some(0), RiskParam::Ltv, 7600), Ok(()));
    assert_eq!(propose(&mut w, None, RiskParam::CloseFactor, 7500), Ok(()));
    assert_eq!(w.market.reserves[0].config.ltv, Bps(8050));
    assert_eq!(propose(&mut w, Some(0), RiskParam::Ltv, 7700), Err(RiskError::AlreadyQueued));
    let early = w.act(|m, v, c| m.execute_risk(v, c));
    assert_eq!(early, Err(Refused::Risk(RiskError::NothingDue)));
    w.ledger.now += DAY;
    w.act(|m, v, c| m.execute_risk(v, c)).unwrap();
    assert_eq!(w.market.reserves[0].config.ltv, Bps(7600));
    assert_eq!(w.market.state.close_factor, Bps(7500));
    assert_eq!(w.change.risk_applied.len(), 2);
    assert!(w.market.state.pending.is_empty());
    assert_eq!(w.market.reserves[0].last_changed_at[RiskParam::Ltv.index()], w.ledger.now);
}

#[test]
fn a_queued_change_that_no_longer_fits_is_dropped() {
    let mut regime = RiskRegime::guardian();
    regime.ltv.delay_secs = DAY;
    let mut w = World::three(regime);
    assert_eq!(propose(&mut w, Some(0), RiskParam::Ltv, 8300), Ok(()));
    assert_eq!(propose(&mut w, Some(0), RiskParam::LiquidationThreshold, 8200), Ok(()));
    w.ledger.now += DAY;
    w.act(|m, v, c| m.execute_risk(v, c)).unwrap();
    assert!(w.change.risk_applied.is_empty() && w.market.state.pending.is_empty());
    assert_eq!(w.market.reserves[0].config.ltv, Bps(8050));
}

#[test]
fn the_close_factor_governs_liquidations() {
    let mut w = World::three(RiskRegime::guardian());
    let (lender, who, bot) = (AccountId(USER), AccountId(USER + 1), AccountId(USER + 2));
    for a in [lender, who, bot] {
        w.fund(a, 0, 10_u128.pow(20));
        w.fund(a, 1, 10_u128.pow(12));
    }
    w.supply(lender, 1, Amount::new(10_u128.pow(11))).unwrap();
    w.supply(who, 0, Amount::new(10_u128.pow(19))).unwrap();
    w.borrow(who, 1, Amount::new(16_000_000_000)).unwrap();
    w.ledger.prices[0] = usd(1_900); // health factor 0.9856
    assert_eq!(w.market.max_repayable(&w.ledger, who, 0, 1), Amount::new(8_000_000_000));
    propose(&mut w, None, RiskParam::CloseFactor, 7_500).unwrap();
    assert_eq!(w.market.max_repayable(&w.ledger, who, 0, 1), Amount::new(12_000_000_000));
    let quote = w.market.quote_liquidation(&w.ledger, who, 0, 1, Amount::MAX).unwrap();
    assert_eq!(w.liquidate(bot, who, 0, 1, Amount::MAX), Ok(quote.repaid));
    assert_eq!(quote.repaid, Amount::new(12_000_000_000));
}

#[test]
fn a_full_step_is_always_legal_when_its_rule_is() {
    for regime in [RiskRegime::steward(), RiskRegime::guardian()] {
        let mut w = World::three(regime);
        for r in &mut w.market.reserves {
            r.config.supply_cap = 1_000_000;
            r.config.borrow_cap = 3;
        }
        for _ in 0..60 {
            for r in [None, Some(0), Some(1), Some(2)] {
                for param in RiskParam::ALL {
                    for direction in [Direction::Up, Direction::Down] {
                        let now = w.ledger.now;
                        let Ok(step) = w.market.risk_step(r, param, direction, now) else {
                            continue;
                        };
                        assert_eq!(w.market.risk_legal(&step, now), Ok(()));
                        let mut other = w.clone();
                        assert_eq!(propose(&mut other, r, param, step.value), Ok(()));
                        let config = other.market.reserves[usize::from(r.unwrap_or(0))].config;
                        assert_eq!(config.check(), Ok(()), "{step:?}");
                        if now % 3 == u64::from(param.index() as u32) % 3 {
                            w = other;
                        }
                    }
                }
            }
            w.ledger.now += 3_601;
        }
    }
}

#[test]
fn step_values_clamp_to_the_bounds() {
    let rule = RiskRegime::guardian().ltv;
    assert_eq!(rule.step_value(8_300, Direction::Up), 8_500);
    assert_eq!(rule.step_value(8_500, Direction::Up), 8_500);
    assert_eq!(rule.step_value(300, Direction::Down), 0);
    // Outside the bounds there is no way but back.
    assert_eq!(rule.step_value(9_000, Direction::Up), 9_000);
    assert_eq!(rule.step_value(9_000, Direction::Down), 8_500);
    assert_eq!(rule.allows(9_000, 8_500, 0, 0), Ok(()));
    let cap = RiskRegime::guardian().supply_cap;
    assert_eq!(cap.step_value(1, Direction::Up), 2);
    assert_eq!(cap.step_value(3, Direction::Down), 2);
    assert_eq!(cap.step_value(0, Direction::Up), 0);
}

#[test]
fn a_policys_step_is_shorter_than_the_limit_where_the_rule_says_so() {
    let cap = RiskRegime::steward().supply_cap;
    assert_eq!(cap.step_value(1_000, Direction::Down), 750);
    assert_eq!(cap.step_value(1_000, Direction::Up), 1_250);
    assert_eq!(cap.allows(1_000, 1, 0, 0), Ok(()));
    assert_eq!(cap.step_value(1, Direction::Down), 1);
    let cap = RiskRegime::guardian().supply_cap;
    assert_eq!(cap.step_value(1_000, Direction::Up), 2_000);
    assert_eq!(cap.step_value(1_000, Direction::Down), 500);
}

#[test]
fn a_part_of_a_step_goes_that_far_to_the_nearest_unit() {
    let share = |share: f32, distance: u64| Part::of_share(share).of(distance);
    assert_eq!([0.0, 0.009, 0.011, 0.5, 0.999, 1.0].map(|s| share(s, 50)), [0, 0, 1, 25, 50, 50]);
    assert_eq!([0.49, 0.5, 1.0].map(|s| share(s, 1)), [0, 1, 1]);
    assert_eq!([f32::NAN, -3.0, 7.0].map(|s| share(s, 1_000)), [0, 0, 1_000]);
    assert_eq!((share(1.0, u64::MAX), share(0.5, u64::MAX)), (u64::MAX, 1 << 63));
    let w = World::three(RiskRegime::guardian());
    let Pooled { regime, reserves, state, .. } = &w.market;
    let ltv = u64::from(reserves[0].config.ltv.0);
    let go = |direction, part: f32| {
        let how = Move { direction, part: Part::of_share(part) };
        regime.step(reserves, state, Some(0), RiskParam::Ltv, how, w.ledger.now).map(|c| c.value)
    };
    assert_eq!(go(Direction::Down, 0.25), Ok(ltv - 125));
    assert_eq!(go(Direction::Down, 1.0), Ok(ltv - 500));
    // The ceiling leaves 450 of the 500.
    assert_eq!(go(Direction::Up, 0.1), Ok(ltv + 45));
    assert_eq!(go(Direction::Up, 0.0005), Err(RiskError::NoChange));
}

#[test]
fn the_brake_goes_to_the_bound_within_the_interval_or_not_at_all() {
    let mut w = World::three(RiskRegime::guardian());
    w.market.reserves[2].config.supply_cap = 1_000;
    let now = w.ledger.now;
    let brake = |w: &World, param| {
        let Pooled { regime, reserves, state, .. } = &w.market;
        regime.brake(reserves, state, Some(2), param, now).map(|change| change.value)
    };
    assert_eq!(propose(&mut w, Some(2), RiskParam::SupplyCap, 500), Ok(()));
    assert_eq!(brake(&w, RiskParam::SupplyCap), Ok(1));
    assert_eq!(brake(&w, RiskParam::Ltv), Ok(0));
    assert_eq!(brake(&w, RiskParam::Frozen), Ok(1));
    assert_eq!(brake(&w, RiskParam::LiquidationThreshold), Err(RiskError::NotAllowed));
    assert_eq!(propose(&mut w, Some(2), RiskParam::Ltv, 0), Ok(()));
    assert_eq!(brake(&w, RiskParam::Ltv), Err(RiskError::NoChange));
    w.market.regime = RiskRegime::steward();
    assert_eq!(brake(&w, RiskParam::SupplyCap), Err(RiskError::NotAllowed));
}

#[test]
fn a_regime_reads_back_from_its_text() {
    let mut regime = RiskRegime::guardian();
    regime.ltv = Rule {
        enabled: true,
        floor: 10,
        ceil: 20,
        max_raise: Step::RelativeBps(7),
        max_cut: Step::Absolute(9),
        policy_step: Step::Absolute(3),
        at_once: AtOnce::Never,
        min_interval_secs: 5,
        delay_secs: 6,
    };
    let text = serde_json::to_string(&regime).unwrap();
    assert_eq!(serde_json::from_str::<RiskRegime>(&text).unwrap(), regime);
    let typo = text.replace("floor", "flor");
    assert!(serde_json::from_str::<RiskRegime>(&typo).is_err());
}

#[test]
fn the_regimes_intervals_are_as_documented() {
    let steward = RiskRegime::steward();
    let guardian = RiskRegime::guardian();
    for param in [
        RiskParam::Ltv,
        RiskParam::LiquidationThreshold,
        RiskParam::LiquidationBonus,
        RiskParam::SupplyCap,
        RiskParam::BorrowCap,
    ] {
        assert_eq!(steward.rule(param).min_interval_secs, 3 * DAY, "{param:?}");
        assert_eq!(guardian.rule(param).min_interval_secs, DAY / 24, "{param:?}");
    }
}

/// Raises by 30 and cuts by 10, with a brake at one bound.
fn uneven(at_once: AtOnce) -> Rule {
    Rule {
        enabled: true,
        floor: 100,
        ceil: 1_000,
        max_raise: Step::Absolute(30),
        max_cut: Step::Absolute(10),
        policy_step: Step::Absolute(30),
        at_once,
        min_interval_secs: DAY,
        delay_secs: 0,
    }
}

#[test]
fn raises_and_cuts_have_limits_of_their_own() {
    let rule = uneven(AtOnce::Never);
    let allows = |value| rule.allows(500, value, 0, DAY);
    let fast = |value| Err(RiskError::TooFast { value, current: 500 });
    assert_eq!([allows(530), allows(490)], [Ok(()), Ok(())]);
    assert_eq!([allows(531), allows(489)], [fast(531), fast(489)]);
}

#[test]
fn a_brake_is_for_its_own_bound_alone() {
    // Just changed, so that nothing but the brake may move.
    let allows = |at_once, value| uneven(at_once).allows(500, value, DAY, DAY);
    let early = Err(RiskError::TooEarly { from: 2 * DAY });
    assert_eq!(allows(AtOnce::Floor, 100), Ok(()));
    assert_eq!(allows(AtOnce::Ceil, 1_000), Ok(()));
    for (at_once, other) in [(AtOnce::Floor, 1_000), (AtOnce::Ceil, 100), (AtOnce::Never, 100)] {
        let fast = RiskError::TooFast { value: other, current: 500 };
        assert_eq!(allows(at_once, other), Err(fast));
    }
    for at_once in [AtOnce::Floor, AtOnce::Ceil] {
        assert_eq!([allows(at_once, 501), allows(at_once, 499)], [early, early]);
    }
    // A bound that the value is beyond already is approached at the pace of any other move.
    let beyond = uneven(AtOnce::Ceil).allows(1_050, 1_000, 0, DAY);
    assert_eq!(beyond, Err(RiskError::TooFast { value: 1_000, current: 1_050 }));
    let beyond = uneven(AtOnce::Floor).allows(50, 100, 0, DAY);
    assert_eq!(beyond, Err(RiskError::TooFast { value: 100, current: 50 }));
}

#[test]
fn a_step_stops_where_the_figures_would_no_longer_fit() {
    let regime = RiskRegime::guardian();
    // LTV, threshold, bonus, the parameter and its direction, and where it goes.
    let cases = [
        (7_000, 8_000, 500, RiskParam::Ltv, Direction::Up, 7_500),
        (7_000, 7_300, 500, RiskParam::Ltv, Direction::Up, 7_300),
        (7_000, 8_000, 500, RiskParam::Ltv, Direction::Down, 6_500),
        (7_000, 8_000, 500, RiskParam::LiquidationThreshold, Direction::Down, 7_900),
        (7_950, 8_000, 500, RiskParam::LiquidationThreshold, Direction::Down, 7_950),
        (7_000, 8_000, 500, RiskParam::LiquidationThreshold, Direction::Up, 8_200),
        // 10⁸ / 12,400, floored.
        (7_000, 8_000, 2_400, RiskParam::LiquidationThreshold, Direction::Up, 8_064),
        (7_000, 8_000, 500, RiskParam::LiquidationBonus, Direction::Up, 600),
        // 10⁸ / 9,000 − 10,000, floored.
        (7_000, 9_000, 1_050, RiskParam::LiquidationBonus, Direction::Up, 1_111),
        (7_000, 8_000, 500, RiskParam::LiquidationBonus, Direction::Down, 400),
    ];
    for (ltv, threshold, bonus, param, direction, value) in cases {
        let mut w = World::three(regime);
        let config = &mut w.market.reserves[0].config;
        (config.ltv, config.liquidation_threshold) = (Bps(ltv), Bps(threshold));
        config.liquidation_bonus = Bps(bonus);
        let (reserves, state) = (&w.market.reserves, &w.market.state);
        let step = regime.step(reserves, state, Some(0), param, direction, w.ledger.now);
        let change = RiskChange { reserve: Some(0), param, value };
        assert_eq!(step, Ok(change), "{ltv} {threshold} {bonus}");
    }
}
