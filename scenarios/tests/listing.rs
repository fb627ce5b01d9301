//! A policy that answers for each reserve by the same heads, in a market with one more.
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::frozen::{Dense, FrozenPolicy, Normaliser};
use agents::set::SetEncoder;
use scenarios::arena::{Arena, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::{Training, card};
use scenarios::fit::{fitted, refuse_elsewhere};
use scenarios::load::{Loaded, load};
use scenarios::manifest::Build;
use scenarios::statics::StaticParams;
use sim::action::{CHOICES, DOWN, RESERVE_ACTIONS, UP};
use sim::environment::ActionSpace;
use sim::observe::{Visibility, names, reserve_rows};
use std::path::Path;

fn library(name: &str, set: &[&str]) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(name);
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    load(&path, &set).unwrap()
}

/// A policy that lowers the LTV of a reserve whose oracle is above the exchange's price, and raises the LTVs of all others.
fn by_gap(loaded: &Loaded) -> FrozenPolicy {
    let n = loaded.scenario.market.reserves.len();
    let spec = Worlds::new(loaded).unwrap().spec();
    let rows = reserve_rows(n, Visibility::Public);
    let gap = names(&["X"], Visibility::Public).iter().position(|n| n == "X_oracle_gap").unwrap();
    let (each, whole) = (RESERVE_ACTIONS.len() * CHOICES, spec.action.logits());
    let zeros = |inputs: usize, outputs: usize| Dense {
        inputs,
        outputs,
        weight: vec![0.0; inputs * outputs],
        bias: vec![0.0; outputs],
    };
    let [mut first, mut second] = [zeros(rows.width, 1), zeros(1, 1)];
    first.weight[gap - rows.start] = 5.0;
    second.weight[0] = 5.0;
    // What a row came to, then the last hidden layer: a value.
    let [mut joint, mut out] = [zeros(2, 1), zeros(1, each)];
    joint.weight[0] = 5.0;
    joint.bias[0] = -2.0;
    (out.weight[DOWN], out.weight[UP]) = (1.0, -1.0);
    let seen = spec.obs_dim - n * rows.width + 2;
    let set = SetEncoder { rows, layers: [first, second], heads: Some([joint, out]) };
    let layers = vec![zeros(seen, 1), zeros(1, whole - n * each)];
    let ActionSpace::MultiDiscrete { heads } = spec.action.clone() else { panic!("choices") };
    let action = ActionSpace::MultiDiscrete { heads };
    let normaliser = Normaliser::identity(spec.obs_dim, 10.0);
    FrozenPolicy::of("by gap", action, normaliser, (Some(set), None), layers).unwrap()
}

#[test]
fn a_policy_of_four_reserves_governs_five() {
    let (before, after) = (library("siege.ron", &[]), library("listed.ron", &[]));
    let training = Training { seeds: vec![1], updates: 1, decisions: 1 };
    let card = card(&before, "by gap", training, &Build::this(&[]));
    let mut policy = fitted(&after, by_gap(&before), &card).unwrap();
    assert_eq!(policy.heads().len(), 5 * RESERVE_ACTIONS.len() + 1);
    // Of the five it lowers the one whose oracle is above its price: the last is asked as the others are.
    let symbols = ["WETH", "WBTC", "USDC", "TAIL", "NEWT"];
    let fields = names(&symbols, Visibility::Public);
    for (pumped, symbol) in symbols.iter().enumerate() {
        let mut obs = vec![0.0; fields.len()];
        let gap = format!("{symbol}_oracle_gap");
        obs[fields.iter().position(|name| *name == gap).unwrap()] = 1.0;
        let mut action = vec![0.0; policy.action_dim()];
        policy.act(&obs, &vec![1.0; policy.logits_dim()], &mut action);
        let ltvs = action.chunks(RESERVE_ACTIONS.len()).take(5).map(|row| row[0] as usize);
        let expected = (0..5).map(|reserve| if reserve == pumped { DOWN } else { UP });
        assert!(ltvs.eq(expected), "{symbol}: {action:?}");
    }
    // It plays there, and what it does is not nothing.
    let worlds = Worlds::new(&after).unwrap();
    let world = WorldAddress { seed: 1, instance: 0, path: PathChoice::Drawn };
    let played = worlds.play(world, &StaticParams::default(), &mut policy).unwrap();
    assert!(played.changes > 0.0, "{played:?}");
    // It goes back, too, and is the same.
    let training = Training { seeds: vec![1], updates: 1, decisions: 1 };
    let there = scenarios::card::card(&after, "by gap", training, &Build::this(&[]));
    let back = fitted(&before, by_gap(&after), &there).unwrap();
    assert_eq!(back.to_bytes(), by_gap(&before).to_bytes());
}

#[test]
fn a_policy_with_heads_for_its_own_reserves_governs_no_others() {
    let (before, after) = (library("siege.ron", &[]), library("listed.ron", &[]));
    let error = refuse_elsewhere(&after, &before).unwrap_err();
    assert!(error.contains("made for another market"), "{error}");
    let set = "train.ppo.set_width=8";
    refuse_elsewhere(&after, &library("siege.ron", &[set])).unwrap();
    refuse_elsewhere(&before, &library("listed.ron", &[set])).unwrap();
    // Nor does one of sets where moves are others, or which saw what is kept for the test, or the worlds that judge it.
    let error = refuse_elsewhere(&after, &library("steward.ron", &[set])).unwrap_err();
    assert!(error.contains("was trained under the regime Steward"), "{error}");
    let on_test = "windows.august_2024.role=Train";
    let error = refuse_elsewhere(&after, &library("siege.ron", &[set, on_test])).unwrap_err();
    assert!(error.contains("which overlaps test window \"august_2024\""), "{error}");
    let same_luck = ["train.seeds=[9001]", "evaluate.seed=7", set];
    let error = refuse_elsewhere(&after, &library("siege.ron", &same_luck)).unwrap_err();
    assert!(error.contains("trained with seed 9001"), "{error}");
}
