//! Templates of attack: what a search finds in a scenario's world, whoever sits in the attackers' seat can make
//! again in any other of its worlds, where it pays.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/step.rs"]
mod step;

use agents::attack::play::{Ground, Player};
use agents::attack::seat::{Act, FIELDS, SIZES, acts, fields, logits, space};
use agents::attack::{Assailant, AttackLane, Goal, Pursuit, StoredAttacker, Template};
use agents::frozen::{Dense, FrozenPolicy, Normaliser};
use agents::policy::Hold;
use scenarios::arena::{MakePolicy, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::exploit::sequences::evolve;
use scenarios::exploit::{Budget, Prey, play};
use scenarios::hunt::{Hunt, quiet};
use scenarios::load::{Loaded, load};
use scenarios::templates::{Found, find};
use sim::chain::call::{Outcome, TxBuffer};
use sim::config::AttackerAccounts;
use sim::environment::{ActionSpace, Environment};
use sim::prices::FairPrices;
use sim::worth::Fair;
use std::path::Path;
use step::step;

const WORLD: WorldAddress = WorldAddress { seed: 11, instance: 1, path: PathChoice::Drawn };
/// A search that takes a second.
const SEARCHED: &str = "agents.templates=(simulations: 50000, most: 3)";
/// The written strike, of a flash loan in USDC and 50,000 USDC of its own, never pays where USDC is no loot.
const NO_STRIKE: &str = "agents.attackers.0.loot=[\"WBTC\"]";

fn library(name: &str, set: &[&str]) -> Loaded {
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(name), &set).unwrap()
}

fn templates(found: &[Found]) -> Vec<Template> {
    found.iter().map(|found| found.template.clone()).collect()
}

fn deployed(worlds: &Worlds) -> Prey<'_> {
    let policy: MakePolicy<'_> = Box::new(|| Box::new(Hold));
    Prey { worlds, name: "deployed".to_owned(), policies: vec![(1.0, policy)] }
}

const fn pursuit(idle_blocks: u64) -> Pursuit {
    Pursuit { goal: Goal::Profit, idle_blocks, sees_through: true }
}

/// What a searcher's player says of a template in the open block, from the attacker's first account.
fn said(side: &AttackLane, template: &Template, size: f64) -> f64 {
    let world = side.lane().world();
    let chain = side.lane().chain().clone();
    let ground = Ground {
        attacker: world.resource::<AttackerAccounts>().0[0],
        fair: Fair::new(&chain, &world.resource::<FairPrices>().fair),
        pending: TxBuffer::default(),
        block_secs: 12,
        wait_blocks: 0,
        chain,
    };
    template.fitted(size, &mut Player::new(&ground)).1.profit_usd
}

/// What is found in siege, and its worlds with it.
fn seated() -> (Vec<Template>, Worlds) {
    let loaded = library("siege.ron", &["episode_hours=1", SEARCHED]);
    let found = templates(&find(&loaded).unwrap());
    let worlds = Worlds::new(&loaded).unwrap().with_templates(found.iter().cloned());
    (found, worlds)
}

#[test]
fn what_is_found_is_of_different_kinds_best_first_and_the_same_again() {
    let loaded = library("siege.ron", &["episode_hours=1", SEARCHED]);
    let found = find(&loaded).unwrap();
    assert_eq!(found, find(&loaded).unwrap());
    assert!((2..=3).contains(&found.len()), "{found:?}");
    assert!(
        found.is_sorted_by(|a, b| a.description.profit_usd >= b.description.profit_usd),
        "{found:?}"
    );
    assert!(found[0].description.profit_usd > 1_000_000.0, "{found:?}");
    for (i, one) in found.iter().enumerate() {
        let loans = one.description.steps.iter().filter(|step| step.starts_with("borrow")).count();
        assert!(loans > 0 && one.description.steps[0].starts_with("flash loan"), "{one:?}");
        let needs = |found: &Found| {
            let mut moves: Vec<_> = found.template.moves().collect();
            moves.sort_unstable();
            moves.dedup();
            moves
        };
        assert!(found[..i].iter().all(|other| needs(other) != needs(one)), "{found:?}");
    }
    // With amounts as shares of what is at hand it is the same attack.
    let quiet = quiet(&loaded.path, &loaded.overrides, false).unwrap();
    let ground = Hunt::untaped(&Worlds::new(&quiet).unwrap(), 1, 50).ground(0, false);
    for one in &found {
        let again = one.template.fitted(1.0, &mut Player::new(&ground)).1.profit_usd;
        assert!((again / one.description.profit_usd - 1.0).abs() < 1e-6, "{again}: {one:?}");
    }
    // Another seed is another world and other draws; who asks for none gets none.
    let other = "agents.templates=(simulations: 50000, most: 3, seed: 2)";
    assert_ne!(found, find(&library("siege.ron", &["episode_hours=1", other])).unwrap());
    assert_eq!(find(&library("siege.ron", &[])).unwrap(), []);
    assert_eq!(find(&library("siege_twap.ron", &[SEARCHED])).unwrap(), []);
}

#[test]
fn a_strike_by_template_earns_what_the_search_says_in_the_same_block() {
    let (found, worlds) = seated();
    let prey = deployed(&worlds);
    let mut made = 0;
    for (number, template) in found.iter().enumerate() {
        for (choice, size) in SIZES.into_iter().enumerate() {
            let mut side = prey.side(WORLD, pursuit(20)).unwrap();
            let (mut row, mut mask) = (vec![0.0; side.spec().obs_dim], vec![0.0; 14 + found.len()]);
            side.reset(0, &mut row, &mut mask);
            let said_usd = said(&side, template, size);
            let seen = &row[row.len() - 2 * found.len()..][2 * number..][..2];
            let seen_usd = libm::pow(10.0, 6.0 * f64::from(seen[0])) - 1.0;
            let best = SIZES.map(|size| said(&side, template, size)).into_iter();
            let best = best.fold(f64::NEG_INFINITY, f64::max);
            // A tenth of it goes to the builder.
            assert_eq!(mask[Act::ALL.len() + number] > 0.0, 0.9 * best >= 1_000.0);
            if best > 0.0 {
                assert!((seen_usd / best - 1.0).abs() < 1e-4, "{seen_usd} {best}");
            }
            if said_usd < 5_000.0 {
                continue;
            }
            made += 1;
            let base_fee = side.lane().chain().clock().base_fee;
            let gas = side.lane().chain().gas_asset();
            let gas_usd = side.lane().world().resource::<FairPrices>().usd(gas);
            let mut asked = 0;
            let (mut earned, mut receipts) = (f64::NAN, Vec::new());
            side.reset(0, &mut row, &mut mask);
            side.play(
                &mut |_, _, action| {
                    action.fill(0.0);
                    if asked == 0 {
                        action[0] = (Act::ALL.len() + number) as f32;
                        action[1] = choice as f32;
                    }
                    asked += 1;
                },
                &mut |lane| {
                    let mine = lane.world().resource::<AttackerAccounts>().0[0];
                    let sent = lane.block().included().filter(|(tx, _)| tx.header.sender == mine);
                    let sent: Vec<_> = sent.map(|(_, receipt)| *receipt).collect();
                    if !sent.is_empty() && receipts.is_empty() {
                        earned = lane.totals().attacker_profit_usd;
                        receipts = sent;
                    }
                },
            );
            let [receipt] = receipts.as_slice() else { panic!("{receipts:?}") };
            assert_eq!(receipt.outcome, Outcome::Success);
            // The player pays the base fee and knows neither tip nor guard.
            let eth = |wei: f64| wei * 1e-18;
            let tip_usd = (eth(receipt.gas_paid.to_f64())
                - eth(receipt.gas_used as f64 * base_fee as f64))
                * gas_usd;
            let error = (earned + tip_usd) / said_usd - 1.0;
            assert!(
                error.abs() < 1e-4,
                "{number} at {size}: said {said_usd}, earned {earned}, tip {tip_usd}"
            );
        }
    }
    assert!(made >= 3, "only {made} paid");
}

#[test]
fn where_the_oracle_averages_no_template_may_be_chosen() {
    let found = templates(&find(&library("siege.ron", &["episode_hours=1", SEARCHED])).unwrap());
    let twap = library("siege_twap.ron", &["episode_hours=1"]);
    let worlds = Worlds::new(&twap).unwrap().with_templates(found.iter().cloned());
    let prey = deployed(&worlds);
    let mut side = prey.side(WORLD, pursuit(20)).unwrap();
    let mut turns = 0;
    side.play(
        &mut |row, mask, action| {
            assert_eq!(mask[Act::ALL.len()..acts(found.len())], vec![0.0; found.len()]);
            assert!(mask[acts(found.len())..].iter().all(|size| *size == 1.0));
            assert!(row.iter().all(|value| value.is_finite()));
            // Ordered all the same, it does nothing.
            action[0] = (Act::ALL.len() + turns % found.len()) as f32;
            action[1] = (turns % SIZES.len()) as f32;
            turns += 1;
        },
        &mut |_| (),
    );
    assert!(turns >= 8, "{turns}");
    assert_eq!(side.lane().totals().attacker_profit_usd, 0.0);
    let best = play(&Assailant::BestTemplate, &prey, WORLD, pursuit(20)).unwrap();
    assert_eq!(best.attacker_profit_usd, 0.0);
}

#[test]
fn without_templates_rows_masks_and_bytes_are_as_they_were() {
    assert_eq!((acts(0), logits(0), fields(0)), (10, 14, FIELDS.len()));
    assert_eq!(space(0), ActionSpace::MultiDiscrete { heads: vec![10, 4] });
    assert_eq!(space(3), ActionSpace::MultiDiscrete { heads: vec![13, 4] });
    let loaded = library("siege.ron", &["episode_hours=1"]);
    let worlds = Worlds::new(&loaded).unwrap();
    let of_lane = worlds.spec().obs_dim + worlds.spec().action.dim();
    let dim = |worlds: &Worlds| deployed(worlds).side(WORLD, pursuit(20)).unwrap().spec().obs_dim;
    assert_eq!(dim(&worlds), of_lane + 13);
    let found = templates(&find(&library("siege.ron", &[SEARCHED])).unwrap());
    let with = worlds.clone().with_templates(found.iter().cloned());
    assert_eq!(dim(&with), of_lane + 13 + 2 * found.len());
}

/// A policy of an attacker that always chooses the same.
fn policy(inputs: usize, templates: usize) -> FrozenPolicy {
    let ActionSpace::MultiDiscrete { heads } = space(templates) else { panic!("choices") };
    let outputs = logits(templates);
    let (weight, bias) = (vec![0.0; inputs * outputs], vec![0.0; outputs]);
    let layer = Dense { inputs, outputs, weight, bias };
    FrozenPolicy::new("same", heads, Normaliser::identity(inputs, 10.0), vec![layer]).unwrap()
}

#[test]
fn an_attacker_is_refused_where_its_templates_are_others() {
    let loaded = library("siege.ron", &["episode_hours=1", SEARCHED]);
    let found = templates(&find(&loaded).unwrap());
    let (obs_dim, heads) = (20, 5);
    let with = policy(obs_dim + heads + fields(found.len()), found.len());
    let without = policy(obs_dim + heads + fields(0), 0);
    let bytes = |policy: &FrozenPolicy, templates: &[Template]| {
        Assailant::Learned(Box::new(policy.clone())).stored(templates).unwrap()
    };
    // Without templates the bytes are the policy's own.
    assert_eq!(bytes(&without, &[]), without.to_bytes());
    let read = |bytes: &[u8], templates: &[Template]| {
        let attacker = StoredAttacker::read(bytes)?.seated(obs_dim, heads, templates)?;
        Ok::<_, String>(attacker.stored(templates).unwrap())
    };
    assert_eq!(read(&bytes(&without, &[]), &[]).unwrap(), without.to_bytes());
    let stored = bytes(&with, &found);
    assert_eq!(read(&stored, &found).unwrap(), stored);
    let mut others = found.clone();
    others.reverse();
    for (bytes, templates, words) in [
        (&stored, &others, "has others"),
        (&stored, &Vec::new(), "has no templates"),
        (&bytes(&without, &[]), &found, "with no templates"),
    ] {
        let refused = read(bytes, templates).unwrap_err();
        assert!(refused.contains(words) && refused.contains("agents.templates"), "{refused}");
    }
    for cut in [40, stored.len() / 2, stored.len() - 1] {
        read(&stored[..cut], &found).unwrap_err();
    }
}

#[test]
fn evolution_finds_templates_where_the_written_strike_does_not_pay() {
    let loaded = library("siege.ron", &["episode_hours=1", NO_STRIKE, SEARCHED]);
    let found = find(&loaded).unwrap();
    let bare = Worlds::new(&loaded).unwrap();
    let worlds = bare.clone().with_templates(templates(&found));
    let (prey, without) = (deployed(&worlds), deployed(&bare));
    let profit = |assailant: &Assailant, prey: &Prey<'_>| {
        play(assailant, prey, WORLD, pursuit(20)).unwrap().attacker_profit_usd
    };
    assert_eq!(profit(&Assailant::EveryTurn, &prey), 0.0);
    assert!(profit(&Assailant::BestTemplate, &prey) > 100_000.0);
    let budget = Budget { blocks: 40_000, checks: 3 };
    let make = |prey: &Prey<'_>| evolve(prey, pursuit(20), budget, 2, &|_| ()).unwrap();
    assert!(profit(&make(&without).best, &without) < 1_000.0);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, two) = (pool(1).install(|| make(&prey)), pool(2).install(|| make(&prey)));
    assert!(profit(&one.best, &prey) > 100_000.0, "{:?}", one.curve);
    assert_eq!(one.curve, two.curve);
    assert_eq!(format!("{:?}", one.best), format!("{:?}", two.best));
}

#[test]
fn an_episode_with_templates_goes_on_from_its_bytes_and_inside_a_world() {
    let (found, worlds) = seated();
    let prey = deployed(&worlds);
    let side = || prey.side(WORLD, pursuit(20)).unwrap();
    let (mut straight, mut resumed) = (side(), side());
    let (mut obs, mut mask) = (vec![0.0; straight.spec().obs_dim], vec![0.0; logits(found.len())]);
    straight.reset(0, &mut obs, &mut mask);
    for turn in 0..14 {
        let action = [(turn % acts(found.len())) as f32, (turn % 4) as f32];
        resumed.load(&straight.save()).unwrap();
        let one = step(&mut straight, &action);
        assert_eq!(one, step(&mut resumed, &action), "turn {turn}");
        assert_eq!(straight.save(), resumed.save(), "turn {turn}");
    }
    let blind = Pursuit { sees_through: false, ..pursuit(20) };
    let outside = play(&Assailant::BestTemplate, &prey, WORLD, blind).unwrap();
    let inside = worlds.clone().against(vec![(1.0, Assailant::BestTemplate)], 20);
    let statics = scenarios::statics::StaticParams::default();
    let inside = scenarios::arena::Arena::play(&inside, WORLD, &statics, &mut Hold).unwrap();
    assert_eq!(outside, inside);
    assert!(outside.attacker_profit_usd > 100_000.0, "{outside:?}");
}
