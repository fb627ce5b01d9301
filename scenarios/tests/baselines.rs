//! What a learned policy is held against: searches of static parameters and written policies, in a bundled scenario.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agents::policy::RiskPolicy;
use protocols::lending::Pooled;
use protocols::risk_params::{RiskChange, RiskParam};
use rayon::ThreadPoolBuilder;
use scenarios::aim::Aim;
use scenarios::arena::{Arena, Contestant, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::evaluate::{Statics, baseline, evaluate, groups, search_statics};
use scenarios::load::{Loaded, load};
use scenarios::report::GroupResult;
use scenarios::reproduction::BrokenWorld;
use scenarios::schema::{Baseline, SearchSpec};
use scenarios::search::{Found, SearchWorlds, cma_es, search};
use scenarios::statics::StaticParams;
use scenarios::totals::Totals;
use sim::action::Side;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

const NEW: [Baseline; 4] =
    [Baseline::StaticFreezeRule, Baseline::GauntletCaps, Baseline::CmaEs, Baseline::Greedy];

/// An hour of siege on drawn paths that shake.
fn siege() -> Loaded {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron");
    let set = [
        "episode_hours=1",
        "windows=[]",
        "fitted_on=[]",
        "paths=(train: [Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 4.0)])",
        "agents.attackers.0.discovery_hours=0.3",
        "evaluate=(seed: 5, fresh_paths: 2, search: (candidates: 2, refinements: 0, paths: 1))",
    ];
    load(&library, &set.map(str::to_owned)).map_err(|rejected| rejected.problems).unwrap()
}

/// The searches and the comparison of the new baselines, on so many threads.
fn compared(loaded: &Loaded, threads: usize) -> (Statics, Vec<GroupResult>) {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let worlds = Worlds::new(loaded).unwrap();
        let statics = search_statics(&worlds, loaded, &NEW, &[], 0, &|_| ()).unwrap();
        let made = |b: &Baseline| baseline(*b, &loaded.scenario, worlds.deployed(), &statics);
        let contestants: Vec<Contestant<'_>> = NEW.iter().filter_map(made).collect();
        let results = evaluate(&worlds, &groups(loaded), &contestants, &|_| ()).unwrap();
        (statics, results)
    })
}

#[test]
fn the_new_baselines_play_a_bundled_scenario_alike_on_any_number_of_threads() {
    let loaded = siege();
    let one = compared(&loaded, 1);
    assert_eq!(one, compared(&loaded, 3));
    let (statics, results) = one;
    // The freeze rule on static parameters needs their search, though they were not asked for themselves.
    let (best, evolved) = (statics.best.unwrap(), statics.cma_es.unwrap());
    assert!(statics.hindsight.is_none());
    assert_eq!((best.candidates, evolved.candidates), (2, 13), "4 + ⌊3 ln 25⌋ of 25 parameters");
    let entries = &results[0].entries;
    let names: Vec<&str> = entries.iter().map(|e| e.policy.as_str()).collect();
    let expected =
        ["best static with freeze rule", "Gauntlet-style caps", "static by CMA-ES", "greedy"];
    assert_eq!(names, expected);
    let changes = |i: usize| -> f64 { entries[i].totals[0].iter().map(|t| t.changes).sum() };
    let frozen = |c: &RiskChange| c.param == RiskParam::Frozen && c.value == 1;
    assert!(best.statics.0.iter().any(frozen), "{:?}", best.statics);
    assert_eq!(changes(0), 0.0, "the rule thaws nothing that the parameters froze");
    assert!(changes(1) > 0.0, "caps of a hundred times what the venues take are cut");
    assert_eq!(changes(2), 0.0, "it stands");
    assert!(changes(3) > 0.0, "one step is worth more than it costs");
}

/// What was stored before there was a second search loads, and looks as it did.
#[test]
fn statics_without_the_second_search_are_what_they_were() {
    let old = "(best:None,hindsight:None)";
    let loaded: Statics = ron::from_str(old).unwrap();
    assert_eq!(loaded, Statics::default());
    assert_eq!(ron::to_string(&loaded).unwrap(), old);
    let found =
        Found { statics: StaticParams::default(), objective_usd: 1.0, blocks: 2, candidates: 3 };
    let statics = Statics { cma_es: Some(found), ..Statics::default() };
    let text = ron::to_string(&statics).unwrap();
    assert_eq!(ron::from_str::<Statics>(&text).unwrap(), statics);
}

/// An arena whose objective is known: best at an LTV of 60 % of the first reserve and a close factor of 75 %, with
/// the last reserve not frozen; each world adds luck of its own.
struct Hill {
    deployed: Pooled,
    played: Mutex<BTreeSet<u64>>,
}

impl Hill {
    fn new() -> Self {
        let worlds = Worlds::new(&siege()).unwrap();
        Self { deployed: worlds.deployed().clone(), played: Mutex::default() }
    }
    fn height(&self, statics: &StaticParams) -> f64 {
        let mut market = self.deployed.clone();
        statics.apply(&mut market);
        let off = |bps: u32, best: f64| (f64::from(bps) - best) / 1_000.0;
        let ltv = off(market.reserves[0].config.ltv.0, 6_000.0);
        let close_factor = off(market.state.close_factor.0, 7_500.0);
        let frozen = market.reserves.last().is_some_and(|r| r.config.frozen);
        -ltv * ltv - close_factor * close_factor - if frozen { 4.0 } else { 0.0 }
    }
}

impl Arena for Hill {
    fn aim(&self) -> Aim {
        Aim::Mean
    }
    fn play(
        &self,
        world: WorldAddress,
        statics: &StaticParams,
        _policy: &mut dyn RiskPolicy,
    ) -> Result<Totals, Box<BrokenWorld>> {
        self.played.lock().unwrap().insert(world.instance);
        let luck = (world.instance % 97) as f64;
        let objective_usd = self.height(statics) + luck;
        Ok(Totals { objective_usd, blocks: 10, ..Totals::default() })
    }
    fn deployed(&self) -> &Pooled {
        &self.deployed
    }
    fn side(&self) -> Side {
        Side::Both
    }
}

#[test]
fn cma_es_climbs_a_hill_with_the_worlds_and_the_budget_of_the_random_search() {
    let spec = SearchSpec { candidates: 16, refinements: 3, paths: 2 };
    let hill = Hill::new();
    // 16 candidates of 2 worlds of 10 blocks: a hundred generations.
    let budget = 100 * 16 * 2 * 10;
    let found = cma_es::search(&hill, &SearchWorlds::Training, &spec, budget, 7, &|_| ()).unwrap();
    assert_eq!(found.candidates, 1_600);
    // The last choice is among five at most, on eight worlds.
    assert!((budget + 160..=budget + 400).contains(&found.blocks), "{}", found.blocks);
    let value = |param: RiskParam, reserve: Option<u16>| {
        let change = found.statics.0.iter().find(|c| c.param == param && c.reserve == reserve);
        change.map(|c| c.value)
    };
    let ltv = value(RiskParam::Ltv, Some(0)).unwrap();
    let close_factor = value(RiskParam::CloseFactor, None).unwrap();
    let near = ltv.abs_diff(6_000) < 600 && close_factor.abs_diff(7_500) < 600;
    assert!(near, "{ltv} {close_factor}");
    // Nine tenths of the way up: the deployed parameters lie 2.05² + 2.5² below the top.
    let (height, deployed) = (hill.height(&found.statics), hill.height(&StaticParams::default()));
    assert!(height > 0.1 * deployed && deployed < -10.0, "{height} {deployed}");
    let again = cma_es::search(&hill, &SearchWorlds::Training, &spec, budget, 7, &|_| ());
    assert_eq!(again.unwrap(), found, "the same again");
    let other = cma_es::search(&hill, &SearchWorlds::Training, &spec, budget, 8, &|_| ());
    assert_ne!(other.unwrap().statics, found.statics, "other draws");
}

#[test]
fn both_searches_play_the_same_worlds() {
    let spec = SearchSpec { candidates: 16, refinements: 3, paths: 2 };
    let played = |of: &dyn Fn(&Hill)| {
        let hill = Hill::new();
        of(&hill);
        hill.played.into_inner().unwrap()
    };
    let which = SearchWorlds::Training;
    let random = played(&|hill| drop(search(hill, &which, &[], &spec, 0, 7, &|_| ()).unwrap()));
    let evolved = played(&|hill| drop(cma_es::search(hill, &which, &spec, 0, 7, &|_| ()).unwrap()));
    assert_eq!(random.len(), 4 * 2 + 2 * 4);
    assert_eq!(random, evolved);
}
