//! The comparison itself: groups of unseen worlds, contestants, baselines with the same rights.

use crate::arena::{Arena, Contestant, MakePolicy, PathChoice, WorldAddress, compete, worlds};
use crate::dates::Utc;
use crate::load::Loaded;
use crate::report::{BEST_STATIC, GroupResult};
use crate::reproduction::BrokenWorld;
use crate::schema::{Baseline, EvaluateSpec, Role, Scenario};
use crate::search::{Found, SearchWorlds, cma_es, search};
use crate::statics::StaticParams;
use agents::baselines::{Delist, FreezeRule, GauntletCaps, Greedy, SmartLtv};
use agents::export::bundle::PolicyCard;
use agents::frozen::FrozenPolicy;
use agents::policy::{FreezeAll, Hold, RiskPolicy, VolatilityRule};
use protocols::lending::Pooled;
use serde::{Deserialize, Serialize};

/// A group of worlds on which policies are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name in the report.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    /// Its worlds.
    pub worlds: Vec<WorldAddress>,
}

/// Names the parameters as deployed, never moved, in reports.
pub const DEPLOYED: &str = "deployed";
/// Names the group of unseen draws of the training mixture.
pub const FRESH: &str = "fresh";

/// Unseen draws of the training mixture.
#[must_use]
pub fn fresh(e: &EvaluateSpec) -> Vec<WorldAddress> {
    worlds(e.seed, 0, e.fresh_paths, PathChoice::Drawn)
}

/// The groups of a scenario that its own worlds make: fresh draws of the training mixture, then every test window.
#[must_use]
pub fn groups(loaded: &Loaded) -> Vec<Group> {
    let e = &loaded.scenario.evaluate;
    let mut groups = Vec::new();
    if e.fresh_paths > 0 {
        groups.push(Group {
            name: FRESH.to_owned(),
            about: "unseen draws of the training mixture".to_owned(),
            worlds: fresh(e),
        });
    }
    for (i, window) in loaded.windows.iter().enumerate().filter(|(_, w)| w.role == Role::Test) {
        groups.push(Group {
            name: window.name.clone(),
            about: format!("recorded prices, {} to {}", window.start, window.end),
            worlds: worlds(e.seed, 0, e.paths_per_window, PathChoice::Window(i)),
        });
    }
    groups
}

/// What the static searches found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Statics {
    /// On training paths.
    pub best: Option<Found>,
    /// On the test windows.
    pub hindsight: Option<Found>,
    /// On training paths, by CMA-ES.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cma_es: Option<Found>,
}

/// The searches that baselines need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searches {
    best: bool,
    hindsight: bool,
    cma_es: bool,
}

impl Searches {
    /// Those of some baselines in a scenario.
    #[must_use]
    pub fn of(loaded: &Loaded, baselines: &[Baseline]) -> Self {
        let asks = |any: &[Baseline]| any.iter().any(|b| baselines.contains(b));
        let tested = loaded.windows.iter().any(|window| window.role == Role::Test);
        Self {
            best: asks(&[Baseline::BestStatic, Baseline::StaticFreezeRule]),
            hindsight: asks(&[Baseline::BestStaticInHindsight]) && tested,
            cma_es: asks(&[Baseline::CmaEs]),
        }
    }
    /// How many there are.
    #[must_use]
    pub fn count(self) -> u64 {
        [self.best, self.hindsight, self.cma_es].into_iter().map(u64::from).sum()
    }
}

/// Runs the searches that the baselines need, each with at least `budget_blocks`; `starts` compete in that of the
/// best on training paths from its first round on.
///
/// # Errors
/// An invariant broke in some world.
pub fn search_statics(
    arena: &impl Arena,
    loaded: &Loaded,
    baselines: &[Baseline],
    starts: &[StaticParams],
    budget_blocks: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Statics, Box<BrokenWorld>> {
    let e = &loaded.scenario.evaluate;
    // The searches' worlds are neither training's nor evaluation's.
    let seed = e.seed ^ 0x5ea7_c400;
    let run = |which: &SearchWorlds, starts: &[StaticParams]| {
        search(arena, which, starts, &e.search, budget_blocks, seed, progress)
    };
    let tests: Vec<usize> =
        (0..loaded.windows.len()).filter(|i| loaded.windows[*i].role == Role::Test).collect();
    let needed = Searches::of(loaded, baselines);
    let best = needed.best.then(|| run(&SearchWorlds::Training, starts)).transpose()?;
    // Hindsight knows what foresight found.
    let found: Vec<StaticParams> = best.iter().map(|f| f.statics.clone()).collect();
    let hindsight =
        needed.hindsight.then(|| run(&SearchWorlds::Hindsight(tests), &found)).transpose()?;
    let evolved =
        || cma_es::search(arena, &SearchWorlds::Training, &e.search, budget_blocks, seed, progress);
    let cma_es = needed.cma_es.then(evolved).transpose()?;
    Ok(Statics { best, hindsight, cma_es })
}

/// The contestant of a baseline; `None` where its search was not run.
#[must_use]
pub fn baseline<'a>(
    which: Baseline,
    scenario: &Scenario,
    deployed: &Pooled,
    statics: &Statics,
) -> Option<Contestant<'a>> {
    let hold = || -> Vec<MakePolicy<'a>> { vec![Box::new(|| Box::new(Hold))] };
    let under = |name: &str, found: &Option<Found>, policies: Vec<MakePolicy<'a>>| {
        found.as_ref().map(|found| Contestant {
            name: name.to_owned(),
            statics: found.statics.clone(),
            policies,
        })
    };
    let fixed = |name: &str, found: &Option<Found>| under(name, found, hold());
    let freeze_rule = || -> Vec<MakePolicy<'a>> {
        let reserves = deployed.reserves.len();
        vec![Box::new(move || Box::new(FreezeRule::new(reserves)))]
    };
    let plain = |name: &str, policies: Vec<MakePolicy<'a>>| {
        Some(Contestant { name: name.to_owned(), statics: StaticParams::default(), policies })
    };
    match which {
        Baseline::Deployed => plain(DEPLOYED, hold()),
        Baseline::BestStatic => fixed(BEST_STATIC, &statics.best),
        Baseline::BestStaticInHindsight => fixed("best static in hindsight", &statics.hindsight),
        Baseline::VolatilityRule => {
            let (reserves, rule) = (deployed.reserves.len(), deployed.regime.ltv);
            let make: MakePolicy<'a> =
                Box::new(move || Box::new(VolatilityRule::new(reserves, rule)));
            plain("volatility rule", vec![make])
        }
        Baseline::FreezeAll => {
            let reserves = deployed.reserves.len();
            plain("freeze all", vec![Box::new(move || Box::new(FreezeAll::new(reserves)))])
        }
        Baseline::FreezeRule => plain("freeze rule", freeze_rule()),
        Baseline::StaticFreezeRule => {
            under("best static with freeze rule", &statics.best, freeze_rule())
        }
        Baseline::CmaEs => fixed("static by CMA-ES", &statics.cma_es),
        Baseline::GauntletCaps => {
            let policy = GauntletCaps::new(deployed);
            plain("Gauntlet-style caps", vec![Box::new(move || Box::new(policy.clone()))])
        }
        Baseline::Greedy => {
            let every_blocks = u64::from(scenario.decision_every_blocks);
            let secs = every_blocks * u64::from(scenario.block_secs);
            let policy = Greedy::new(deployed, scenario.objective, secs);
            plain("greedy", vec![Box::new(move || Box::new(policy.clone()))])
        }
        Baseline::Delist => {
            let reserves = deployed.reserves.len();
            plain("delist the thinnest", vec![Box::new(move || Box::new(Delist::new(reserves)))])
        }
        Baseline::SmartLtv => {
            let (reserves, rule) = (deployed.reserves.len(), deployed.regime.ltv);
            let make: MakePolicy<'a> = Box::new(move || Box::new(SmartLtv::new(reserves, rule)));
            plain("SmartLTV", vec![make])
        }
    }
}

/// Learned policies as one contestant, a row per training seed.
#[must_use]
pub fn learned<'a>(name: &str, policies: &[FrozenPolicy]) -> Contestant<'a> {
    let make = |policy: &FrozenPolicy| -> MakePolicy<'a> {
        let policy = policy.clone();
        Box::new(move || Box::new(policy.clone()))
    };
    Contestant {
        name: name.to_owned(),
        statics: StaticParams::default(),
        policies: policies.iter().map(make).collect(),
    }
}

/// Plays all contestants on all groups.
///
/// # Errors
/// An invariant broke in some world.
pub fn evaluate(
    arena: &impl Arena,
    groups: &[Group],
    contestants: &[Contestant<'_>],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<GroupResult>, Box<BrokenWorld>> {
    let result = |group: &Group| {
        Ok(GroupResult {
            group: group.name.clone(),
            about: group.about.clone(),
            entries: compete(arena, contestants, &group.worlds, progress)?,
        })
    };
    groups.iter().map(result).collect()
}

/// Refuses a policy that was trained on prices of a test window, or within its embargo.
///
/// # Errors
/// A sentence that names both ranges.
pub fn refuse_overlap(loaded: &Loaded, policy: &PolicyCard) -> Result<(), String> {
    let name = &policy.name;
    match overlap(loaded, &policy.provenance.train_windows) {
        None => Ok(()),
        Some(overlap) => Err(format!(
            "policy \"{name}\" was trained on {overlap}; evaluate it on a scenario whose test windows it has not \
             seen"
        )),
    }
}

/// The first of some ranges, `start/end`, that touches a test window or its embargo, as a part of a sentence.
pub(crate) fn overlap(loaded: &Loaded, ranges: &[String]) -> Option<String> {
    let days = loaded.scenario.embargo_days;
    let embargo = u64::from(days) * crate::dates::DAY_SECS;
    for range in ranges {
        let dates = range.split_once('/');
        let Some((start, end)) = dates.and_then(|(a, b)| Some((Utc::parse(a)?, Utc::parse(b)?)))
        else {
            return Some(format!("`{range}`, which is not start/end: export it again"));
        };
        for test in loaded.windows.iter().filter(|w| w.role == Role::Test) {
            if start.0 < test.end.0 + embargo && test.start.0 < end.0 + embargo {
                return Some(format!(
                    "{start} to {end}, which overlaps test window \"{}\" ({} to {}) or its embargo of {days} days",
                    test.name, test.start, test.end
                ));
            }
        }
    }
    None
}

/// A policy that keeps what it was asked, for golden vectors.
#[derive(Debug)]
pub struct Recording<P> {
    /// Who answers.
    pub inner: P,
    /// Observations and masks, at most `limit`.
    pub rows: Vec<(Vec<f32>, Vec<f32>)>,
    /// How many are kept.
    pub limit: usize,
    /// Every so many questions one is kept.
    pub every: usize,
    /// Questions so far.
    pub asked: usize,
}

impl<P: RiskPolicy> RiskPolicy for Recording<P> {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn reset(&mut self) {
        self.inner.reset();
    }
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        if self.asked.is_multiple_of(self.every.max(1)) && self.rows.len() < self.limit {
            self.rows.push((obs.to_vec(), mask.to_vec()));
        }
        self.asked += 1;
        self.inner.act(obs, mask, action);
    }
    fn foresee(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        self.inner.foresee(obs, mask, action);
    }
}
