//! A lane's promises: determinism, isolation of luck, snapshots, rewards, the exchange.

use crate::common::{MARKET, Small, USDC, WETH, account};
use markets::units::{AccountId, Amount, Bps};
use proptest::prelude::*;
use protocols::lending::Pooled;
use protocols::risk_params::{RiskParam, RiskRegime};
use sim::action::{CHOICES, DOWN, Decoder, HOLD, UP, heads, write_mask};
use sim::actor::{ExchangeOrder, Outbox};
use sim::audit::Depth;
use sim::chain::Chain;
use sim::chain::call::{Call, Outcome, Transaction, TxHeader};
use sim::environment::{Environment, StepOut};
use sim::exchange::Exchange;
use sim::lane::{EpisodePlan, Lane};
use sim::lanes::Lanes;
use sim::metrics::Metrics;
use sim::prices::FairPrices;
use sim::views::{MarketViews, PositionViews};
use std::sync::Arc;

fn digest_after(mut lane: Lane, blocks: u64) -> [u8; 32] {
    assert_eq!(lane.run(blocks, None), blocks, "{:?}", lane.violation());
    lane.digest()
}

#[test]
fn equal_plans_give_equal_digests_and_other_plans_others() {
    let small = Small::default();
    let base = digest_after(small.lane(1, 2, 3), 60);
    assert_eq!(base, digest_after(small.lane(1, 2, 3), 60));
    for (seed, instance, episode) in [(9, 2, 3), (1, 9, 3), (1, 2, 9)] {
        assert_ne!(base, digest_after(small.lane(seed, instance, episode), 60));
    }
}

#[test]
fn the_small_world_is_alive() {
    let mut lane = Small::default().lane(1, 2, 3);
    let (mut liquidations, mut losses, mut revenue, mut bad_debt) = (0, 0.0, 0.0, 0.0);
    for episode in 0..8 {
        lane.begin(episode);
        lane.run(120, None);
        assert_eq!(lane.violation(), None);
        let totals = lane.totals();
        assert!(totals.transactions > 150 && totals.usage_usd_years > 0.0, "{totals:?}");
        liquidations += totals.liquidations;
        losses += totals.borrower_losses_usd;
        revenue += totals.revenue_usd;
        bad_debt += totals.bad_debt_usd();
        assert!(totals.largest_protocol_loss_usd >= totals.bad_debt_usd() - totals.revenue_usd);
    }
    assert!(
        liquidations > 10 && losses > 0.0 && revenue > 0.0 && bad_debt >= 0.0,
        "{liquidations}"
    );
}

#[test]
fn an_episode_is_the_same_after_another_and_in_a_fresh_lane() {
    let small = Small::default();
    let mut used = small.lane(1, 2, 0);
    used.run(50, None);
    used.begin(5);
    assert_eq!(digest_after(used, 60), digest_after(small.lane(1, 2, 5), 60));
}

#[test]
fn a_silent_actor_changes_nobodys_luck() {
    let (alone, watched) = (Small::default(), Small { silent: 3, ..Small::default() });
    for random_order in [false, true] {
        let alone = Small { random_order, ..alone.clone() };
        let watched = Small { random_order, ..watched.clone() };
        let (mut a, mut b) = (alone.lane(1, 2, 3), watched.lane(1, 2, 3));
        a.run(60, None);
        b.run(60, None);
        assert_eq!(a.totals(), b.totals());
        assert_eq!(a.block().executed, b.block().executed);
        assert_eq!(
            a.world().resource::<FairPrices>().fair[..3],
            b.world().resource::<FairPrices>().fair[..3]
        );
    }
}

#[test]
fn threads_and_lane_order_do_not_matter() {
    let run = |order: &[u64], threads: Option<usize>| {
        let small = Arc::new(Small::default());
        let lane = |i: &u64| {
            Lane::new(small.clone(), EpisodePlan { run_seed: 1, instance: *i, episode: 0 })
        };
        let mut lanes = Lanes::new(order.iter().map(lane).collect(), threads.is_some());
        let mut go = || {
            lanes.reset(|_| 0);
            let action = vec![HOLD as f32; lanes.len() * lanes.spec().action.dim()];
            for _ in 0..7 {
                lanes.step(&action);
            }
        };
        match threads {
            Some(n) => rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(go),
            None => go(),
        }
        let mut digests: Vec<_> =
            lanes.lanes().iter().map(|l| (l.plan().instance, l.digest())).collect();
        digests.sort_unstable();
        (digests, lanes.buffers().reward.iter().sum::<f32>())
    };
    let serial = run(&[0, 1, 2, 3], None);
    assert_eq!(serial.0, run(&[0, 1, 2, 3], Some(1)).0);
    assert_eq!(serial, run(&[0, 1, 2, 3], Some(2)));
    assert_eq!(serial.0, run(&[3, 2, 1, 0], Some(2)).0);
}

#[test]
fn a_restored_lane_goes_on_as_the_saved_one() {
    let small = Small::default();
    for open in [false, true] {
        let mut original = small.lane(1, 2, 3);
        original.run(40, None);
        if open {
            original.open_block();
        }
        let bytes = original.save();
        let mut copy = small.lane(7, 7, 7);
        copy.load(&bytes).unwrap();
        assert_eq!(copy.save(), bytes);
        original.run(40, None);
        copy.run(40, None);
        assert_eq!(original.digest(), copy.digest());
        assert_eq!(original.totals(), copy.totals());
        assert_eq!(original.save(), copy.save());
    }
    let mut other = small.lane(1, 2, 3);
    assert!(other.load(b"not a snapshot").is_err());
}

/// One step of an environment into fresh buffers.
fn step(lane: &mut Lane, action: &[f32]) -> (f32, bool, bool, u32, Vec<f32>) {
    let spec = lane.spec().clone();
    let mut obs = vec![0.0; spec.obs_dim];
    let mut mask = vec![0.0; spec.action.logits()];
    let mut last = vec![0.0; spec.obs_dim];
    let (mut reward, mut terminated, mut truncated, mut elapsed) = (0.0, false, false, 0);
    lane.step(
        action,
        StepOut {
            obs: &mut obs,
            action_mask: &mut mask,
            final_obs: &mut last,
            reward: &mut reward,
            terminated: &mut terminated,
            truncated: &mut truncated,
            elapsed_blocks: &mut elapsed,
        },
    );
    assert!(obs.iter().chain(&last).all(|x| x.is_finite()));
    (reward, terminated, truncated, elapsed, last)
}

#[test]
fn rewards_of_an_episode_add_up_to_its_objective() {
    let mut lane = Small::default().lane(1, 2, 3);
    let (dim, logits) = (lane.spec().action.dim(), lane.spec().action.logits());
    let mut obs = vec![0.0; lane.spec().obs_dim];
    let mut mask = vec![0.0; logits];
    lane.reset(3, &mut obs, &mut mask);
    let (mut sum, mut blocks, mut steps) = (0.0, 0, 0);
    loop {
        let (reward, terminated, truncated, elapsed, last) =
            step(&mut lane, &vec![HOLD as f32; dim]);
        sum += f64::from(reward);
        blocks += elapsed;
        steps += 1;
        assert!(!terminated);
        if truncated {
            assert!(last.iter().any(|x| *x != 0.0));
            break;
        }
    }
    assert_eq!((blocks, steps), (120, 5));
    assert_eq!(lane.episode(), 4);
    let (name, objective) = lane.episode_summary()[0];
    assert_eq!(name, "objective_usd");
    let scaled = objective / crate::common::OBJECTIVE.reward_scale_usd;
    assert!((sum - scaled).abs() < 1e-4 * scaled.abs().max(1.0), "{sum} {scaled}");
}

/// The brake's head of reserve 0: after its five parameters and the freeze.
const BRAKE: usize = 6;

#[test]
fn the_brake_goes_to_the_floor_at_once_whatever_the_steps_ask() {
    let small = Small::default();
    let mut lane = small.lane(1, 2, 3);
    let mut brake = |_: &[f32], mask: &[f32], action: &mut [f32]| {
        if mask[BRAKE * CHOICES] == 1.0 {
            // LTV: a step up and the brake.
            (action[0], action[BRAKE]) = (2.0, 0.0);
        }
    };
    lane.run(3, Some(&mut brake));
    assert_eq!(lane.chain().pooled(MARKET).reserves[0].config.ltv, Bps(0));
    assert_eq!(lane.totals().changes, 1);

    let mut chain = crate::common::chain(4);
    chain.begin_block(1_600_000_100, 0);
    let mut pooled = chain.pooled(MARKET).clone();
    let mut action = vec![HOLD as f32; heads(pooled.reserves.len())];
    action[BRAKE] = 2.0;
    let asked = |pooled: &Pooled, action: &[f32]| -> Vec<(RiskParam, u64)> {
        let mut decoder = Decoder::default();
        let calls = decoder.decode(action, MARKET, pooled, chain.clock().timestamp);
        let changes = calls.iter().map(|call| match call {
            Call::ProposeRisk { change, .. } => (change.param, change.value),
            other => panic!("{other:?}"),
        });
        changes.collect()
    };
    for (supply_cap, borrow_cap) in [(1_000, 500), (1_000, 0)] {
        let config = &mut pooled.reserves[0].config;
        (config.supply_cap, config.borrow_cap) = (supply_cap, borrow_cap);
        let mut expected = vec![(RiskParam::SupplyCap, 1), (RiskParam::BorrowCap, 1)];
        // What has no cap has no floor either.
        expected.truncate(if borrow_cap == 0 { 1 } else { 2 });
        assert_eq!(asked(&pooled, &action), expected);
    }
    let mut mask = vec![0.0; heads(pooled.reserves.len()) * CHOICES];
    pooled.regime = RiskRegime::steward();
    write_mask(&pooled, chain.clock().timestamp, &mut mask);
    assert_eq!(mask[BRAKE * CHOICES..][..CHOICES], [0.0, 1.0, 0.0]);
    assert!(asked(&pooled, &action).is_empty());
    // A steward's cap falls by a quarter, not to one token.
    (action[BRAKE], action[3]) = (HOLD as f32, 0.0);
    assert_eq!(asked(&pooled, &action), [(RiskParam::SupplyCap, 750)]);
}

#[test]
fn freezing_by_action_takes_effect_and_is_counted() {
    let mut lane = Small::default().lane(1, 2, 3);
    let mut freeze = |_: &[f32], mask: &[f32], action: &mut [f32]| {
        // Heads of reserve 0: … , frozen is the sixth.
        if mask[5 * CHOICES + 2] == 1.0 {
            action[5] = 2.0;
        }
    };
    lane.run(3, Some(&mut freeze));
    assert!(lane.chain().pooled(MARKET).reserves[0].config.frozen);
    assert_eq!(lane.totals().changes, 1);
}

#[test]
fn impact_decays_and_can_be_switched_off() {
    let run = |impact: bool| {
        let small = Small { impact, traffic: false, ..Small::default() };
        let mut lane = small.lane(1, 2, 3);
        lane.run(2, None);
        lane.world_mut().resource_mut::<Outbox>().order(ExchangeOrder {
            trader: account("seller"),
            actor: 1,
            sell: WETH,
            buy: USDC,
            amount: Amount::new(1_000 * crate::common::E18),
        });
        let mut impacts = Vec::new();
        for _ in 0..60 {
            lane.run_block();
            let prices = lane.world().resource::<FairPrices>();
            let exchange = lane.world().resource::<Exchange>();
            impacts.push(exchange.impact(WETH));
            let displaced = prices.replayed[0] * libm::exp(exchange.impact(WETH));
            assert!((prices.usd(WETH) - displaced).abs() < 1e-9 * displaced);
        }
        assert_eq!(lane.violation(), None);
        let spent = Amount::new(99_000 * crate::common::E18);
        assert_eq!(lane.chain().balance(account("seller"), WETH), spent, "settled");
        impacts
    };
    let on = run(true);
    assert!(on[0] < -5e-4, "{}", on[0]);
    // Half of it is gone after 600 s: 50 blocks.
    assert!((on[50] / on[0] - 0.5).abs() < 1e-9, "{} {}", on[50], on[0]);
    assert!(run(false).iter().all(|x| *x == 0.0));
}

#[test]
fn beliefs_about_health_agree_with_the_chain() {
    let mut lane = Small::default().lane(5, 2, 3);
    for _ in 0..60 {
        lane.run_block();
        lane.open_block();
        let (chain, positions) = (lane.chain(), lane.world().resource::<PositionViews>());
        let mut at_risk = Vec::new();
        for i in 0..chain.accounts().len() {
            let id = AccountId(i as u32);
            let exact = chain.health(MARKET, id).unwrap();
            let (hf, belief) = (exact.health_factor.ratio(), positions.belief(id).health_factor);
            if belief.is_finite() {
                assert!((hf / belief - 1.0).abs() < 1e-8, "account {i}: {hf} {belief}");
            } else {
                assert!(exact.debt_base.is_zero());
            }
            if hf < 1.0 {
                at_risk.push(id);
            }
        }
        assert_eq!(at_risk, positions.at_risk);
    }
}

#[test]
fn beliefs_after_many_blocks_are_those_of_a_fresh_reading() {
    let mut lane = Small::default().lane(5, 2, 3);
    for _ in 0..100 {
        lane.run_block();
        lane.open_block();
        let positions = lane.world().resource::<PositionViews>();
        let views = lane.world().resource::<MarketViews>();
        let mut fresh = PositionViews::default();
        fresh.rebuild(lane.chain(), MARKET);
        fresh.sweep(views);
        fresh.find_at_risk(lane.chain());
        assert!(fresh.beliefs().eq(positions.beliefs()));
        assert_eq!(fresh.at_risk, positions.at_risk);
        let (fresh, kept) = (fresh.shortfall_total_usd, positions.shortfall_total_usd);
        assert_eq!(fresh.to_bits(), kept.to_bits());
    }
}

#[test]
fn metrics_have_a_row_per_block_and_a_name_per_column() {
    let mut lane = Small { record_metrics: true, ..Small::default() }.lane(1, 2, 3);
    lane.run(30, None);
    let metrics = lane.world().resource::<Metrics>();
    assert_eq!(metrics.columns.len(), Metrics::names(&["WETH", "USDC", "TAIL"], &[]).len());
    assert!(metrics.columns.iter().all(|c| c.len() == 30));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_vector_decodes_to_a_valid_transaction_or_none(
        action in prop::collection::vec(
            prop_oneof![Just(0.0_f32), Just(1.0), Just(2.0), any::<f32>()], 0..40),
        rounds in 1_usize..4,
        is_delayed in any::<bool>(),
    ) {
        let mut chain = crate::common::chain(4);
        if is_delayed {
            let regime = &mut chain.genesis_market(MARKET).unwrap().regime;
            for rule in [&mut regime.ltv, &mut regime.supply_cap, &mut regime.liquidation_bonus] {
                rule.delay_secs = 9_000;
            }
        }
        let mut decoder = Decoder::default();
        for round in 0..rounds {
            chain.begin_block(1_600_000_000 + 4_000 * (round as u64 + 1), 0);
            let now = chain.clock().timestamp;
            let calls = decoder.decode(&action, MARKET, chain.pooled(MARKET), now).to_vec();
            let header = TxHeader {
                sender: account("manager"),
                actor: 0,
                sequence: 0,
                gas_limit: u64::MAX,
                max_fee_per_gas: 0,
                max_priority_fee_per_gas: 0,
                system: true,
            };
            let receipt = chain.execute(Transaction { header: &header, calls: &calls });
            prop_assert_eq!(receipt.outcome, Outcome::Success, "{:?}", calls);
            let proposed = calls.iter().map(|call| match call {
                Call::ProposeRisk { change, .. } => (change.reserve, change.param),
                other => panic!("{other:?}"),
            });
            let once: std::collections::BTreeSet<_> = proposed.collect();
            prop_assert_eq!(once.len(), calls.len());
            prop_assert!(chain.audit_all().is_ok());
        }
    }
}

/// A small world in which the first accrual breaks the books: suppliers are owed interest that
/// nobody pays.
fn doomed(episode: u64) -> Lane {
    let mut lane = Small::default().lane(1, 2, episode);
    let mut chain = lane.world_mut().resource_mut::<Chain>();
    for reserve in &mut chain.genesis_market(MARKET).unwrap().reserves {
        // On the curve, so that nothing is wrong before.
        let top = reserve.config.rates.max_borrow_rate();
        (reserve.rates.borrow, reserve.rates.liquidity) = (top, top);
    }
    lane
}

#[test]
fn what_broke_breaks_again_with_the_same_decisions() {
    for depth in [Depth::Books, Depth::Everything] {
        let mut lane = doomed(0);
        lane.set_audit(depth);
        let mut up = false;
        let mut seesaw = |_: &[f32], mask: &[f32], action: &mut [f32]| {
            up = !up;
            let choice = if up { UP } else { DOWN };
            action[0] = if mask[choice] == 1.0 { choice as f32 } else { HOLD as f32 };
        };
        lane.run(u64::MAX, Some(&mut seesaw));
        let broken = lane.broken().unwrap_or_else(|| panic!("{depth:?}: {:?}", lane.totals()));
        assert_eq!((broken.block, broken.digest), (lane.chain().clock().block, lane.digest()));
        assert!(!broken.decisions.blocks.is_empty());
        let mut again = doomed(0);
        again.set_audit(depth);
        again.rerun(&broken.decisions, broken.episode_block);
        assert_eq!(again.broken(), Some(broken));
    }
}

#[test]
fn a_learner_is_told_of_what_broke_in_an_episode_that_is_over() {
    let mut lane = doomed(0);
    let hold = vec![HOLD as f32; lane.spec().action.dim()];
    let mut steps = 0;
    while !step(&mut lane, &hold).1 {
        steps += 1;
        assert!(steps < 1_000, "it breaks");
    }
    let broken = lane.broken().expect("it is told");
    assert_eq!((lane.episode(), broken.episode), (1, 0));
    let mut again = doomed(0);
    again.rerun(&broken.decisions, broken.episode_block);
    assert_eq!(again.broken(), Some(broken));
}

#[test]
fn looking_at_everything_changes_nothing() {
    let mut watched = Small::default().lane(1, 2, 3);
    watched.set_audit(Depth::Everything);
    assert_eq!(watched.run(120, None), 120, "{:?}", watched.violation());
    assert_eq!(watched.digest(), digest_after(Small::default().lane(1, 2, 3), 120));
}

#[test]
fn a_panic_stops_a_lane_as_a_broken_invariant_does() {
    let mut lane = Small::default().lane(1, 2, 3);
    let fall = |lane: &mut Lane| {
        lane.run(7, None);
        lane.open_block();
        panic!("Invariant: {}", 7);
    };
    lane.guard(fall);
    let broken = lane.broken().unwrap();
    assert_eq!((broken.block, broken.violation.detail.as_str()), (8, "Invariant: 7"));
    assert!(lane.is_over());
    lane.begin(4);
    assert_eq!(lane.broken(), None);
    assert_eq!(lane.run(7, None), 7);
}
