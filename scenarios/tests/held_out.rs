//! Worlds that training never plays: what of them is new, what they share with fresh worlds, who may be judged there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agents::export::bundle::PolicyCard;
use agents::frozen::{Dense, FrozenPolicy, Normaliser, View};
use agents::policy::{Hold, RiskPolicy};
use scenarios::arena::{Arena, Contestant, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::{Training, card, observations};
use scenarios::evaluate::{evaluate, groups, learned};
use scenarios::experiment;
use scenarios::fit::{fitted, refuse_misfit};
use scenarios::held_out::{Unseen, add_twins, refuse_seen};
use scenarios::load::{Loaded, load};
use scenarios::manifest::{Build, Manifest, RunKind};
use scenarios::report::Report;
use scenarios::schema::HeldOutKind;
use scenarios::shift::shifts;
use scenarios::statics::StaticParams;
use sim::action::{CHOICES, heads};
use sim::prices::FairPrices;
use std::path::{Path, PathBuf};

const BOOK: &str = r#"(name: "tail_book", kind: Venue, about: "TAIL at a book", set: ["exchange.listings.TAIL.book=()"])"#;
const PUSH: &str = r#"(name: "push", kind: Oracle, about: "a node reports TAIL",
    set: ["oracles.TAIL=Push(asset: \"TAIL\", heartbeat_secs: 86400, deviation_bps: 100, lag_secs: 12)"])"#;
const HUNTERS: &str = r#"(name: "hunted", kind: Attack, about: "hunters",
    set: ["oracles.TAIL=Push(asset: \"TAIL\", heartbeat_secs: 86400, deviation_bps: 100)", "agents.hunters=[()]"])"#;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(name)
}

fn try_siege(set: &[&str]) -> Result<Loaded, String> {
    // The attacker knows the hole from the start.
    let short =
        ["episode_hours=2", "evaluate.fresh_paths=2", "agents.attackers.0.discovery_hours=0.0"];
    let all: Vec<String> = short.iter().chain(set).map(|one| (*one).to_owned()).collect();
    load(&file("siege.ron"), &all).map_err(|rejected| {
        rejected.places().into_iter().map(|p| format!("line {}: {}\n", p.line, p.message)).collect()
    })
}

fn siege(held_out: &[&str]) -> Loaded {
    try_siege(&[&format!("evaluate.held_out=[{}]", held_out.join(","))]).unwrap()
}

fn unseen<'a>(loaded: &'a Loaded, name: &str) -> &'a Unseen {
    loaded.unseen.iter().find(|u| u.held_out.name == name).unwrap()
}

/// A policy whose answers depend on everything that it sees.
fn policy(loaded: &Loaded) -> FrozenPolicy {
    let worlds = Worlds::new(loaded).unwrap();
    let (inputs, n) = (worlds.spec().obs_dim, heads(worlds.deployed().reserves.len()));
    let outputs = n * CHOICES;
    let weight = (0..inputs * outputs).map(|i| ((i * 7919) % 101) as f32 / 101.0 - 0.5).collect();
    let layer = Dense { inputs, outputs, weight, bias: vec![0.0; outputs] };
    let normaliser = Normaliser::identity(inputs, 10.0);
    FrozenPolicy::new("reading", vec![CHOICES as u32; n], normaliser, vec![layer]).unwrap()
}

fn trained_in(loaded: &Loaded) -> PolicyCard {
    let training = Training { seeds: vec![1], updates: 1, decisions: 1 };
    card(loaded, "reading", training, &Build::this(&[]))
}

/// A policy that keeps the rows that it is given, and holds.
#[derive(Default)]
struct Rows(Vec<Vec<f32>>);

impl RiskPolicy for Rows {
    fn name(&self) -> &str {
        "rows"
    }
    fn reset(&mut self) {}
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        self.0.push(obs.to_vec());
        Hold.act(obs, mask, action);
    }
}

/// Prices elsewhere after every block of an hour, by bits.
fn prices(worlds: &Worlds, world: WorldAddress) -> Vec<u64> {
    let mut lane = worlds.lane(world, StaticParams::default(), false);
    let mut prices = Vec::new();
    for _ in 0..300 {
        lane.run_block();
        prices.extend(lane.world().resource::<FairPrices>().replayed.iter().map(|p| p.to_bits()));
    }
    prices
}

#[test]
fn held_out_worlds_are_the_fresh_ones_but_for_the_override() {
    let loaded = siege(&[BOOK, PUSH, HUNTERS]);
    let base = Worlds::new(&loaded).unwrap();
    let fresh = &groups(&loaded)[0].worlds;
    for unseen in loaded.unseen.iter() {
        // The scenario is the same but for the place that is overridden.
        let mut same = unseen.loaded.scenario.clone();
        same.exchange.clone_from(&loaded.scenario.exchange);
        same.oracles.clone_from(&loaded.scenario.oracles);
        same.agents.hunters.clear();
        same.evaluate.held_out.clone_from(&loaded.scenario.evaluate.held_out);
        assert_eq!(same, loaded.scenario, "{}", unseen.held_out.name);
        let there = unseen.worlds(&base);
        for world in fresh {
            assert_eq!(prices(&there, *world), prices(&base, *world), "the same prices");
            let start = |worlds: &Worlds| {
                let lane = worlds.lane(*world, StaticParams::default(), false);
                let pooled = lane.chain().pooled(lane.config().market).clone();
                (pooled.reserves, pooled.state)
            };
            assert_eq!(start(&there).1, start(&base).1);
        }
        assert_ne!(
            prices(&there, fresh[0]),
            prices(&there, fresh[1]),
            "other worlds, other prices"
        );
    }
    assert_eq!(unseen(&loaded, "tail_book").new, ["book TAIL"]);
    assert_eq!(unseen(&loaded, "push").new, ["Push on TAIL"]);
    assert_eq!(unseen(&loaded, "hunted").new, ["liquidation hunters"]);
    // They have a hash of their own, and name the scenario that holds them out.
    assert_ne!(unseen(&loaded, "push").loaded.hash, loaded.hash);
    assert_ne!(loaded.hash, siege(&[BOOK, PUSH]).hash);
}

#[test]
fn a_policy_sees_its_own_columns_where_there_are_more() {
    // Streams stand behind the books in a row: the policy's columns are no prefix of it.
    let factor =
        r#"factors=[(name: "mood", source: Steps(hours_and_values: [(0.0, 0.5), (1.0, 2.0)]))]"#;
    let loaded = try_siege(&[factor, &format!("evaluate.held_out=[{BOOK}]")]).unwrap();
    let there = unseen(&loaded, "tail_book");
    assert!(there.is_wider());
    let (here, wide) = (observations(&loaded.scenario), observations(&there.loaded.scenario));
    assert!(wide.len() > here.len());
    let base = Worlds::new(&loaded).unwrap();
    let world = groups(&loaded)[0].worlds[0];
    let rows = |worlds: &Worlds| {
        let mut rows = Rows::default();
        worlds.play(world, &StaticParams::default(), &mut rows).unwrap();
        rows.0
    };
    let (plain, all) = (rows(&base), rows(&there.worlds(&base)));
    let policy = policy(&loaded);
    let mut viewing = there.seen_by(&policy);
    let mask = vec![1.0; policy.logits_dim()];
    for row in &all {
        let by_name = |field: &agents::export::bundle::ObservationField| {
            row[wide.iter().position(|w| w.name == field.name).unwrap()]
        };
        let own: Vec<f32> = here.iter().map(by_name).collect();
        assert_eq!(viewing.logits(row, &mask), policy.clone().logits(&own, &mask));
    }
    // Before anybody has traded, what it sees there is what it sees at home; the stream is.
    let mood = |rows: &[Vec<f32>], fields: &[agents::export::bundle::ObservationField]| {
        let at = fields.iter().position(|f| f.name == "factor_mood").unwrap();
        rows.iter().map(|row| row[at]).collect::<Vec<f32>>()
    };
    assert_eq!(mood(&all, &wide), mood(&plain, &here));
    let shared = ["TAIL_ltv", "WETH_oracle_gap", "WETH_return_1h", "borrowed"];
    for name in shared {
        let of = |row: &[f32], fields: &[agents::export::bundle::ObservationField]| {
            row[fields.iter().position(|f| f.name == name).unwrap()]
        };
        assert_eq!(of(&all[0], &wide), of(&plain[0], &here), "{name}");
    }
    // It plays a whole episode there, and so does a bundle that is judged there as its home.
    let there_worlds = there.worlds(&base);
    there_worlds.play(world, &StaticParams::default(), &mut viewing).unwrap();
    let mut admitted = fitted(&there.loaded, policy.clone(), &trained_in(&loaded)).unwrap();
    assert_eq!(admitted.logits(&all[3], &mask), viewing.logits(&all[3], &mask));
    // The other way a column is missing, and the sentence says which.
    let lacking = refuse_misfit(&loaded, &trained_in(&there.loaded)).unwrap_err();
    assert!(lacking.contains("`TAIL_book_depth_0.5`, which is not here"), "{lacking}");
    // A view of a view: in a row that begins with one more value, all lie one further.
    let further = View::new((1..=wide.len()).collect(), wide.len() + 1).unwrap();
    let mut twice = viewing.clone().seeing(further).unwrap();
    let longer = [&[9.0], all[3].as_slice()].concat();
    assert_eq!(twice.row_dim(), longer.len());
    assert_eq!(twice.logits(&longer, &mask), viewing.logits(&all[3], &mask));
    let short = View::new(vec![0], 9).unwrap();
    assert!(policy.seeing(short).is_err() && View::new(vec![9], 9).is_err());
}

#[test]
fn a_comparison_has_the_same_policy_in_both_worlds_path_by_path() {
    let loaded = siege(&[PUSH]);
    let base = Worlds::new(&loaded).unwrap();
    let policy = policy(&loaded);
    let contestants = || -> Vec<Contestant<'_>> {
        let hold = || Box::new(Hold) as Box<dyn RiskPolicy>;
        vec![
            learned("learned", std::slice::from_ref(&policy)),
            Contestant {
                name: "deployed".to_owned(),
                statics: StaticParams::default(),
                policies: vec![Box::new(hold)],
            },
        ]
    };
    let mut results = evaluate(&base, &groups(&loaded)[..1], &contestants(), &|_| ()).unwrap();
    let there = unseen(&loaded, "push").play(&base, &contestants(), &|_| ()).unwrap();
    let shifted = shifts(&there, &results[0], 200, 1);
    results.push(there);
    add_twins(&loaded.unseen, &mut results);
    let named: Vec<&str> = results[0].entries.iter().map(|e| e.policy.as_str()).collect();
    assert_eq!(named, ["learned", "deployed", "deployed, on push"]);
    let (hole, sound) = (&results[0].entries[1].totals[0], &results[0].entries[2].totals[0]);
    assert_eq!(sound, &results[1].entries[1].totals[0]);
    let by_hand =
        hole.iter().zip(sound).map(|(h, s)| s.objective_usd - h.objective_usd).sum::<f64>() / 2.0;
    let deployed = shifted.iter().find(|s| s.policy == "deployed").unwrap();
    assert!((deployed.objective_usd.mean - by_hand).abs() < 1e-6 && by_hand != 0.0);
    assert_eq!(shifted.len(), 2);
    let report = Report::build("t", "h", Vec::new(), &results, 200, 1);
    let report = Report { shifts: shifted, ..report };
    let text = report.to_markdown();
    assert!(text.contains("## push\n") && text.contains("| push | deployed | "), "{text}");
    let held = report.comparisons.iter().find(|c| c.against == "deployed, on push").unwrap();
    assert_eq!((held.group.as_str(), held.primary), ("fresh", false));
}

#[test]
fn manifest_and_card_name_what_is_held_out() {
    let loaded = siege(&[BOOK, HUNTERS]);
    let manifest = Manifest::begin(RunKind::Train, &loaded, 1, 1, Build::this(&[]));
    let text = manifest.to_ron();
    assert!(text.contains("tail_book") && text.contains("agents.hunters=[()]"), "{text}");
    let kinds: Vec<HeldOutKind> = manifest.held_out.iter().map(|h| h.kind).collect();
    assert_eq!(kinds, [HeldOutKind::Venue, HeldOutKind::Attack]);
    let provenance = trained_in(&loaded).provenance;
    let named: Vec<(&str, &str)> =
        provenance.held_out.iter().map(|h| (h.name.as_str(), h.kind.as_str())).collect();
    assert_eq!(named, [("tail_book", "Venue"), ("hunted", "Attack")]);
    assert_eq!(provenance.held_out[0].new, ["book TAIL"]);
    let seen = provenance.seen.unwrap();
    assert!(seen.venues.contains(&"dealer TAIL".to_owned()));
    assert_eq!(seen.attacks, ["flash-loan attackers"]);
    assert!(seen.oracles.contains(&"Spot on TAIL".to_owned()));
    // A scenario that holds nothing out says nothing of it.
    let silent = Manifest::begin(RunKind::Train, &try_siege(&[]).unwrap(), 1, 1, Build::this(&[]));
    assert!(!silent.to_ron().contains("held_out"));
}

#[test]
fn a_policy_that_has_seen_what_is_held_out_is_refused() {
    let judged = siege(&[BOOK, PUSH]);
    refuse_seen(&judged, &trained_in(&siege(&[]))).unwrap();
    let with_book = try_siege(&["exchange.listings.TAIL.book=()"]).unwrap();
    let refused = refuse_seen(&judged, &trained_in(&with_book)).unwrap_err();
    assert!(
        refused.contains("trained with book TAIL") && refused.contains("tail_book"),
        "{refused}"
    );
    let hunted = siege(&[HUNTERS]);
    let set = [
        "oracles.TAIL=Push(asset: \"TAIL\", heartbeat_secs: 86400, deviation_bps: 100)",
        "agents.hunters=[()]",
    ];
    let refused = refuse_seen(&hunted, &trained_in(&try_siege(&set).unwrap())).unwrap_err();
    assert!(refused.contains("liquidation hunters"), "{refused}");
    // One that met another family is not concerned, whatever else it saw.
    refuse_seen(&hunted, &trained_in(&with_book)).unwrap();
    let mut silent = trained_in(&siege(&[]));
    silent.provenance.seen = None;
    let refused = refuse_seen(&judged, &silent).unwrap_err();
    assert!(refused.contains("does not say what its training had"), "{refused}");
    refuse_seen(&siege(&[]), &silent).unwrap();
}

#[test]
fn what_cannot_be_held_out_is_refused_at_its_place() {
    let venue = |set: &str| format!("(name: \"x\", kind: Venue, about: \"\", set: [{set:?}])");
    let named = |name: &str, kind: &str, set: &str| {
        format!("(name: {name:?}, kind: {kind}, about: \"\", set: [{set:?}])")
    };
    let book = "exchange.listings.TAIL.book=()";
    for (held_out, words) in [
        (
            venue("exchange.impact_half_life_secs=1800.0"),
            "change nothing: training plays these worlds",
        ),
        ("(name: \"x\", kind: Venue, about: \"\", set: [])".to_owned(), "change nothing"),
        (
            venue("pools.TAIL/USDC.quote_reserve_tokens=1e5"),
            "training has every venue of these worlds",
        ),
        (
            named("x", "Attack", book),
            "every family of attacks of these worlds: flash-loan attackers",
        ),
        (named("x", "Attack", "agents.attackers=[(accounts: 9)]"), "every family of attacks"),
        (named("x", "Oracle", "oracles.WETH.lag_secs=120"), "every oracle of these worlds"),
        (venue("assets.TAIL.start_price_usd=3.0"), "the same in held-out worlds as in fresh ones"),
        (venue("objective.bad_debt_price=9.0"), "`objective.bad_debt_price` is the same"),
        (venue("exchange.listings.TAIL.bok=()"), "no such world can be"),
        (venue("exchange.listings.TAIL.book=(tick_bps: -1.0)"), "`tick_bps` is -1"),
        (venue("market.regime=Steward"), "training has every venue"),
        (named("a b", "Venue", book), "`a b` is no name"),
        (named("fresh", "Venue", book), "another group of worlds"),
        (named("august_2024", "Venue", book), "another group of worlds"),
        (format!("{}, {}", venue(book), venue(book)), "\"x\" appears twice"),
    ] {
        let refused = try_siege(&[&format!("evaluate.held_out=[{held_out}]")]).unwrap_err();
        assert!(refused.contains(words), "{held_out}: {refused}");
        assert!(!refused.contains("line 0:"), "{held_out}: {refused}");
    }
    let second = r#"(name: "x", kind: Oracle, about: "", set: ["oracles.TAIL=Twap(asset: \"TAIL\", pool: \"TAIL/USDC\", window_secs: 60)", "market.other_oracles=[Spot(asset: \"TAIL\", pool: \"TAIL/USDC\")]"])"#;
    let refused = try_siege(&[&format!("evaluate.held_out=[{second}]")]).unwrap_err();
    assert!(refused.contains("would hold other heads"), "{refused}");
    let two = r#"(name: "x", kind: Venue, about: "", set: ["exchange.listings.TAIL.book=()", "market.regime=Steward"])"#;
    let refused = try_siege(&[&format!("evaluate.held_out=[{two}]")]).unwrap_err();
    assert!(refused.contains("would hold other heads"), "{refused}");
    // Without a book at home a policy would miss its columns.
    let dealer = "exchange.listings.TAIL=(asset: \"TAIL\", half_spread_bps: 15.0, taker_fee_bps: 10.0, depth_usd: 250000.0)";
    let refused = load(&file("thin_book.ron"), &[format!("evaluate.held_out=[{}]", venue(dealer))]);
    let refused = refused.unwrap_err().places()[0].message.clone();
    assert!(refused.contains("a policy sees `TAIL_book_depth_0.5`"), "{refused}");
}

#[test]
fn the_experiment_holds_out_a_venue_and_a_family_of_attacks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/siege_longer.ron");
    let (experiment, _) = experiment::load(&path).unwrap();
    let loaded = load(&path.parent().unwrap().join(&experiment.scenario), &experiment.set).unwrap();
    let new: Vec<(HeldOutKind, &str)> =
        loaded.unseen.iter().map(|u| (u.held_out.kind, u.new[0].as_str())).collect();
    assert_eq!(
        new,
        [
            (HeldOutKind::Venue, "book TAIL"),
            (HeldOutKind::Attack, "liquidation hunters"),
            (HeldOutKind::Oracle, "Twap on TAIL"),
            (HeldOutKind::Oracle, "Push on TAIL"),
        ]
    );
}

#[test]
fn a_world_that_is_drawn_alike_is_played_alike() {
    let loaded = siege(&[BOOK]);
    let base = Worlds::new(&loaded).unwrap();
    let world = WorldAddress { seed: 5, instance: 1, path: PathChoice::Drawn };
    let there = unseen(&loaded, "tail_book").worlds(&base);
    let play = |worlds: &Worlds| worlds.play(world, &StaticParams::default(), &mut Hold).unwrap();
    assert_eq!(play(&there), play(&there));
    assert_ne!(play(&there), play(&base));
}
