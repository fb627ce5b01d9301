//! Policies that hold some of the heads: the others hold, or are a frozen policy's.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agents::export::bundle;
use agents::frozen::{Dense, FrozenPolicy, Normaliser};
use agents::policy::{Hold, RiskPolicy};
use protocols::lending::Pooled;
use protocols::risk_params::RiskParam;
use scenarios::arena::{Arena, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::{Training, card};
use scenarios::fit::refuse_misfit;
use scenarios::load::{Loaded, load};
use scenarios::manifest::Build;
use scenarios::statics::StaticParams;
use sim::action::{CHOICES, Side, UP, heads};
use std::path::{Path, PathBuf};

fn try_siege(set: &[String]) -> Result<Loaded, String> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron");
    let mut all = vec!["episode_hours=4".to_owned()];
    all.extend_from_slice(set);
    load(&library, &all).map_err(|rejected| {
        rejected.problems.iter().map(|p| format!("{p} ({:?})", p.place())).collect()
    })
}

fn siege(set: &[String]) -> Loaded {
    try_siege(set).unwrap()
}

fn side(side: Side) -> String {
    format!("train.side={side:?}")
}

/// A policy that raises whatever it may.
fn raising(loaded: &Loaded) -> FrozenPolicy {
    let worlds = Worlds::new(loaded).unwrap();
    let (inputs, n) = (worlds.spec().obs_dim, heads(worlds.deployed().reserves.len()));
    let bias = (0..n * CHOICES).map(|i| f32::from(u8::from(i % CHOICES == UP))).collect();
    let weight = vec![0.0; inputs * n * CHOICES];
    let layer = Dense { inputs, outputs: n * CHOICES, weight, bias };
    let normaliser = Normaliser::identity(inputs, 10.0);
    FrozenPolicy::new("raising", vec![CHOICES as u32; n], normaliser, vec![layer]).unwrap()
}

/// A bundle of it that holds what the scenario says.
fn bundled(loaded: &Loaded, dir: &Path) -> PathBuf {
    let training = Training { seeds: vec![1], updates: 1, decisions: 1 };
    let card = card(loaded, "raising", training, &Build::this(&[]));
    bundle::write(dir, &mut raising(loaded), card, &[]).unwrap();
    dir.to_owned()
}

/// Which parameters a policy has moved in an episode: those of the collateral side, those of the liquidation side.
fn moved(loaded: &Loaded, policy: &mut dyn RiskPolicy) -> (bool, bool) {
    let worlds = Worlds::new(loaded).unwrap();
    let world = WorldAddress { seed: 5, instance: 1, path: PathChoice::Drawn };
    let mut lane = worlds.lane(world, StaticParams::default(), false);
    lane.run(u64::MAX, Some(&mut |obs, mask, action| policy.act(obs, mask, action)));
    let (was, is) = (worlds.deployed(), lane.chain().pooled(lane.config().market));
    let figures = |pooled: &Pooled| {
        let of = |side: Side| {
            let mut all = vec![u64::from(pooled.state.close_factor.0)];
            if !side.holds(RiskParam::CloseFactor) {
                all.clear();
            }
            for reserve in &pooled.reserves {
                let c = &reserve.config;
                for (param, value) in [
                    (RiskParam::Ltv, u64::from(c.ltv.0)),
                    (RiskParam::LiquidationThreshold, u64::from(c.liquidation_threshold.0)),
                    (RiskParam::LiquidationBonus, u64::from(c.liquidation_bonus.0)),
                    (RiskParam::SupplyCap, c.supply_cap),
                    (RiskParam::BorrowCap, c.borrow_cap),
                    (RiskParam::Frozen, u64::from(c.frozen)),
                ] {
                    if side.holds(param) {
                        all.push(value);
                    }
                }
            }
            all
        };
        (of(Side::Collateral), of(Side::Liquidation))
    };
    let (before, after) = (figures(was), figures(is));
    (before.0 != after.0, before.1 != after.1)
}

#[test]
fn a_policy_moves_its_own_side_and_a_frozen_one_the_other() {
    let both = siege(&[]);
    assert_eq!(moved(&both, &mut raising(&both)), (true, true));
    let collateral = siege(&[side(Side::Collateral)]);
    assert_eq!(moved(&collateral, &mut raising(&collateral)), (true, false));
    let liquidation = siege(&[side(Side::Liquidation)]);
    assert_eq!(moved(&liquidation, &mut raising(&liquidation)), (false, true));

    let folder = tempfile::tempdir().unwrap();
    let dir = bundled(&collateral, &folder.path().join("collateral"));
    let other = format!("train.other={:?}", dir.display().to_string());
    let beside = siege(&[side(Side::Liquidation), other.clone()]);
    assert_ne!(beside.hash, liquidation.hash);
    assert_eq!(moved(&beside, &mut Hold), (true, false), "the frozen one alone");
    assert_eq!(moved(&beside, &mut raising(&beside)), (true, true));
    // It may not be asked for what it was not trained to hold.
    let wrong = try_siege(&[side(Side::Collateral), other.clone()]).unwrap_err();
    assert!(wrong.contains("trained to hold Collateral") && wrong.contains("line"), "{wrong}");
    let none = try_siege(&[other]).unwrap_err();
    assert!(none.contains("there are no others"), "{none}");
    let gone = try_siege(&[side(Side::Collateral), "train.other=\"nowhere\"".to_owned()]);
    assert!(gone.unwrap_err().contains("not a policy bundle"));
}

#[test]
fn a_bundle_says_which_side_it_holds_and_is_judged_on_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let liquidation = siege(&[side(Side::Liquidation)]);
    let dir = bundled(&liquidation, &folder.path().join("liquidation"));
    let (_, metadata, _) = bundle::load(&dir).unwrap();
    assert_eq!(metadata.policy.side, Side::Liquidation);
    refuse_misfit(&liquidation, &metadata.policy).unwrap();
    let refused = refuse_misfit(&siege(&[]), &metadata.policy).unwrap_err();
    assert!(refused.contains("--set train.side=Liquidation"), "{refused}");
    // A bundle of all heads says nothing of sides: its bytes are as ever.
    let both = bundled(&siege(&[]), &folder.path().join("both"));
    let text = std::fs::read_to_string(both.join("metadata.json")).unwrap();
    assert!(!text.contains("\"side\""));
}

#[test]
fn the_search_moves_the_parameters_of_the_policys_side_only() {
    for side in [Side::Both, Side::Collateral, Side::Liquidation] {
        let worlds = Worlds::new(&siege(&[format!("train.side={side:?}")])).unwrap();
        let (deployed, mut found) = (worlds.deployed(), 0);
        assert_eq!(worlds.side(), side);
        for index in 1..60 {
            let candidate = StaticParams::random(deployed, side, 3, index);
            let near = candidate.neighbour(deployed, side, 3, index);
            for change in candidate.0.iter().chain(&near.0) {
                assert!(side.holds(change.param), "{side:?}: {change:?}");
                found += 1;
            }
            let mut market = deployed.clone();
            near.apply(&mut market);
            for reserve in market.reserves.iter().filter(|r| r.config.liquidation_threshold.0 > 0) {
                let (threshold, bonus) =
                    (reserve.config.liquidation_threshold.0, reserve.config.liquidation_bonus.0);
                assert!(threshold * (10_000 + bonus) <= 100_000_000, "{threshold} and {bonus}");
            }
        }
        assert!(found > 60, "{side:?}: {found}");
    }
}
