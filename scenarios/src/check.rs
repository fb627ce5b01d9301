//! The semantic pass: everything that parses but cannot be, collected before failing.

mod market;
mod prices;
mod self_play;
mod windows;

use crate::factors::Series;
use crate::levels::is_fixed;
use crate::positions::Snapshot;
use crate::problem::{Problem, Source, nearest};
use crate::schema::{
    CurriculumSpec, LeagueSpec, PopulationSpec, SCHEMA, Scenario, TeacherPolicy, TeacherSpec,
    TrainSpec,
};
use crate::tree::Node;
use crate::windows::Window;
use agents::learn::game_theory::matrix::MetaSolver;
use agents::learn::levels::{Method, Scale};
use agents::learn::{SacConfig, Tail};
use agents::scripted::SizeLaw;
use markets::price::HOUR_SECS;
use sim::action::Side;
use sim::reward::EpisodeTotals;
use std::ops::Range;
use std::path::Path;

/// What a scenario's files say.
pub(crate) struct Files {
    pub(crate) windows: Vec<Window>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) series: Vec<Series>,
}

/// Checks a scenario and reads its files.
pub(crate) fn check(
    scenario: &Scenario,
    source: &Source,
    root: Option<&Node>,
    base: &Path,
) -> Result<Files, Vec<Problem>> {
    let mut checker = Checker::new(source, root);
    checker.world(scenario);
    checker.assets(scenario);
    checker.paths(scenario);
    checker.correlation(scenario);
    checker.exchange(scenario);
    checker.pools(scenario);
    checker.oracles(scenario);
    checker.market(scenario);
    checker.objective(scenario);
    crate::cohorts::check(scenario, &mut checker);
    crate::books::check(scenario, &mut checker);
    crate::perpetuals::check(scenario, &mut checker);
    if let Some(train) = &scenario.train {
        checker.train(train, scenario);
    }
    checker.evaluate(scenario);
    let windows = checker.windows(scenario, base);
    let (snapshots, of_files) = checker.positions(scenario, base);
    let series = crate::factors::check(scenario, base, &mut checker);
    let found = checker.finish();
    let problems: Vec<Problem> = found.err().into_iter().flatten().chain(of_files).collect();
    if problems.is_empty() { Ok(Files { windows, snapshots, series }) } else { Err(problems) }
}

/// One problem, at the place of a dotted path.
pub(crate) fn refused(
    source: &Source,
    root: Option<&Node>,
    path: &str,
    message: String,
    help: String,
) -> Vec<Problem> {
    let mut checker = Checker::new(source, root);
    checker.refuse(path, message, help);
    checker.problems
}

/// Collects problems, each at the place of a dotted path.
pub(crate) struct Checker<'a> {
    source: &'a Source,
    root: Option<&'a Node>,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    /// A checker of a text; `root` is the text as a tree, where it could be read as one.
    pub(crate) const fn new(source: &'a Source, root: Option<&'a Node>) -> Self {
        Self { source, root, problems: Vec::new() }
    }
    /// How many problems there are so far.
    pub(crate) const fn count(&self) -> usize {
        self.problems.len()
    }
    /// All problems in the order of the file, where there are any.
    pub(crate) fn finish(mut self) -> Result<(), Vec<Problem>> {
        self.problems.sort_by_key(|p| (p.place().line, p.place().column));
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }
}

impl Checker<'_> {
    /// A problem at a path.
    pub(crate) fn refuse(
        &mut self,
        path: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let at = self.place(path);
        self.problems.push(self.source.problem(at, message, Some(help.into())));
    }

    fn place(&self, path: &str) -> Option<Range<usize>> {
        let steps: Vec<&str> = path.split('.').collect();
        let (node, _) = self.root?.descend(&self.source.text, &steps);
        // Of a long value the first line is enough.
        let first = self.source.text[node.span.clone()].lines().next().map_or(0, str::len);
        Some(node.span.start..node.span.start + first)
    }

    /// Holds fields of the struct at a path against their ranges.
    pub(crate) fn ranges(&mut self, at: &str, ranges: &[(&str, f64, f64, f64)]) {
        for (field, value, min, max) in ranges {
            self.within(&format!("{at}.{field}"), *value, *min, *max);
        }
    }

    /// Holds a law of sizes against what can be drawn from.
    pub(crate) fn size(&mut self, at: &str, law: &SizeLaw) {
        let SizeLaw { median_usd, log_sd, tail_share, tail_from_usd, tail_exponent, cap_usd } =
            *law;
        let ranges = [
            ("median_usd", median_usd, 1e-6, 1e12),
            ("log_sd", log_sd, 0.0, 10.0),
            ("tail_share", tail_share, 0.0, 1.0),
            ("tail_from_usd", tail_from_usd, 1e-6, 1e12),
            ("tail_exponent", tail_exponent, 0.1, 100.0),
            ("cap_usd", cap_usd, 1e-6, 1e12),
        ];
        self.ranges(at, &ranges);
    }

    /// Refuses a value that is not finite or not within `[min, max]`.
    pub(crate) fn within(&mut self, path: &str, value: f64, min: f64, max: f64) {
        if !(value >= min && value <= max) {
            let field = path.rsplit('.').next().unwrap_or(path);
            let message = if value < 0.0 && min >= 0.0 {
                format!("`{field}` is {value}: it must not be negative")
            } else {
                format!("`{field}` is {value}: it must lie between {min} and {max}")
            };
            self.refuse(path, message, format!("write a number from {min} to {max}"));
        }
    }

    /// Refuses a name that is not among the known ones.
    pub(crate) fn known(&mut self, path: &str, what: &str, name: &str, names: &[&str]) {
        if !names.contains(&name) {
            let mut help = nearest(name, names.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
            help += &format!("known: {}", names.join(", "));
            self.refuse(path, format!("unknown {what} \"{name}\""), help);
        }
    }

    fn unique<'s>(&mut self, list: &str, field: &str, names: impl Iterator<Item = &'s str>) {
        self.once(|i| format!("{list}.{i}.{field}"), names);
    }

    /// Refuses a name that appears twice; `path` says where the nth stands.
    pub(crate) fn once<'s>(
        &mut self,
        path: impl Fn(usize) -> String,
        names: impl Iterator<Item = &'s str>,
    ) {
        let mut seen: Vec<&str> = Vec::new();
        for (i, name) in names.enumerate() {
            if seen.contains(&name) {
                self.refuse(&path(i), format!("\"{name}\" appears twice"), "keep one of the two");
            }
            seen.push(name);
        }
    }

    fn world(&mut self, s: &Scenario) {
        if s.schema != SCHEMA {
            self.refuse(
                "schema",
                format!("schema {} is not known to this build", s.schema),
                format!("this build reads schema {SCHEMA}"),
            );
        }
        if s.name.is_empty() || !s.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            self.refuse("name", "a name is letters, digits and `_`", "for example \"siege\"");
        }
        self.within("block_secs", f64::from(s.block_secs), 1.0, 900.0);
        if s.block_secs > 0 && !HOUR_SECS.is_multiple_of(s.block_secs) {
            self.refuse(
                "block_secs",
                format!("blocks of {} s do not divide an hour", s.block_secs),
                "write a divisor of 3600, for example 12",
            );
        }
        self.within("episode_hours", f64::from(s.episode_hours), 1.0, 24.0 * 365.0);
        self.within("decision_every_blocks", f64::from(s.decision_every_blocks), 1.0, 1e6);
        self.within("gas.base_fee_gwei", s.gas.base_fee_gwei, 1e-3, 1e5);
        self.within("gas.background_percent", s.gas.background_percent, 0.0, 100.0);
    }

    fn exchange(&mut self, s: &Scenario) {
        let symbols = symbols(s);
        let half_life = s.exchange.impact_half_life_secs;
        self.within("exchange.impact_half_life_secs", half_life, 1.0, 1e9);
        self.unique(
            "exchange.listings",
            "asset",
            s.exchange.listings.iter().map(|l| l.asset.as_str()),
        );
        for (i, listing) in s.exchange.listings.iter().enumerate() {
            let at = format!("exchange.listings.{i}");
            self.known(&format!("{at}.asset"), "asset", &listing.asset, &symbols);
            self.within(&format!("{at}.half_spread_bps"), listing.half_spread_bps, 0.0, 5_000.0);
            self.within(&format!("{at}.taker_fee_bps"), listing.taker_fee_bps, 0.0, 5_000.0);
            self.within(&format!("{at}.depth_usd"), listing.depth_usd, 1.0, 1e15);
        }
        for asset in &s.assets {
            if !s.exchange.listings.iter().any(|l| l.asset == asset.symbol) {
                self.refuse(
                    "exchange.listings",
                    format!("{} is not listed at the exchange", asset.symbol),
                    "add a listing: half_spread_bps, taker_fee_bps, depth_usd",
                );
            }
        }
    }

    fn objective(&mut self, s: &Scenario) {
        let o = &s.objective;
        for (field, value) in [
            ("usage_value_per_year", o.usage_value_per_year),
            ("revenue_weight", o.revenue_weight),
            ("bad_debt_price", o.bad_debt_price),
            ("borrower_loss_price", o.borrower_loss_price),
            ("cvar_weight", o.cvar_weight),
        ] {
            self.within(&format!("objective.{field}"), value, 0.0, 1e6);
        }
        self.within("objective.churn_price_usd", o.churn_price_usd, 0.0, 1e12);
        self.within("objective.cvar_alpha", o.cvar_alpha, 0.0, 0.9999);
        self.within("objective.cvar_budget_usd", o.cvar_budget_usd, 0.0, 1e15);
        self.within("objective.reward_scale_usd", o.reward_scale_usd, 1e-6, 1e15);
    }

    fn teacher(&mut self, teacher: &TeacherSpec, t: &TrainSpec) {
        if t.side == Side::Liquidation && teacher.policy != TeacherPolicy::Greedy {
            self.refuse(
                "train.teacher.policy",
                format!("{:?} moves no head of the liquidation designer's", teacher.policy),
                "write Greedy, or leave out `teacher` or `side`",
            );
        }
        self.within("train.teacher.weight", teacher.weight, 1e-6, 1e6);
        self.within("train.teacher.share", teacher.share, 1e-6, 1.0);
        if t.population.is_some() {
            self.refuse(
                "train.teacher",
                "in a population every round counts its updates anew, and the teacher would come back with it",
                "leave out `teacher` or `population`",
            );
        }
        if t.curriculum.is_some() {
            self.refuse(
                "train.teacher",
                "a teacher knows the market as the scenario deploys it, and levels may deploy another",
                "leave out `teacher` or `curriculum`",
            );
        }
    }

    fn train(&mut self, t: &TrainSpec, s: &Scenario) {
        if t.seeds.is_empty() {
            self.refuse("train.seeds", "no training seed", "write at least one, better three");
        }
        if (1..t.seeds.len()).any(|i| t.seeds[..i].contains(&t.seeds[i])) {
            self.refuse(
                "train.seeds",
                "a training seed appears twice: it would train the same policy",
                "write different seeds",
            );
        }
        if t.seeds.contains(&s.evaluate.seed) {
            self.refuse(
                "evaluate.seed",
                "evaluation worlds share a training seed",
                "choose a seed that `train.seeds` does not have",
            );
        }
        self.within("train.lanes", f64::from(t.lanes), 1.0, 65_536.0);
        self.within("train.budget_blocks", t.budget_blocks as f64, 1.0, 1e15);
        self.within("train.hold_bias", f64::from(t.hold_bias), -50.0, 50.0);
        let every = t.checkpoint_every_updates as f64;
        self.within("train.checkpoint_every_updates", every, 1.0, 1e9);
        let paths = f64::from(t.validation_paths);
        self.within("train.validation_paths", paths, 1.0, 1e6);
        let learned_in_parts = t.population.is_some() || t.curriculum.is_some();
        self.within("train.ppo.memory", t.ppo.memory as f64, 0.0, 4096.0);
        if t.ppo.memory > 0 && t.ppo.reference.is_some() {
            self.refuse(
                "train.ppo.memory",
                "a policy with memory is held near no reference",
                "set it to 0, or leave `train.ppo.reference` out",
            );
        }
        if t.ppo.memory > 0 && learned_in_parts {
            self.refuse(
                "train.ppo.memory",
                "a policy with memory learns from every episode, and of a population or a curriculum some are not \
                 to be learned from",
                "set it to 0, or leave `train.population` and `train.curriculum` out",
            );
        }
        self.within("train.ppo.set_width", t.ppo.set_width as f64, 0.0, 4096.0);
        if t.ppo.set_width > 0 && t.sac.is_some() {
            self.refuse(
                "train.ppo.set_width",
                "soft actor-critic reads no sets",
                "set it to 0, or leave `train.sac` out",
            );
        }
        if t.ppo.initial_log_std != 0.0 && (!t.numbers || t.sac.is_some()) {
            self.refuse(
                "train.ppo.initial_log_std",
                "choices have no deviation, and soft actor-critic learns its own",
                "leave it out, or write `train.numbers: true` and no `train.sac`",
            );
        }
        if t.by_numbers() {
            self.numbers(t);
        }
        if let Some(sac) = &t.sac {
            self.sac(sac, t, s);
        }
        if t.ppo.kickstart.is_some() {
            self.refuse(
                "train.ppo.kickstart",
                "who teaches is not said here",
                "leave it out and write `train.teacher`: (policy: Greedy, weight: 1.0, share: 0.5)",
            );
        }
        let scenarios = t.among.len() as u32 + 1;
        for (field, count) in [
            ("train.validation_paths", t.validation_paths),
            ("evaluate.fresh_paths", s.evaluate.fresh_paths),
            ("evaluate.search.paths", s.evaluate.search.paths),
        ] {
            if !count.is_multiple_of(scenarios) {
                let message =
                    format!("{count} worlds are not as many of each of {scenarios} scenarios");
                self.refuse(field, message, format!("write a multiple of {scenarios}"));
            }
        }
        for (field, is_there) in
            [("population", t.population.is_some()), ("curriculum", t.curriculum.is_some())]
        {
            if is_there && !t.among.is_empty() {
                self.refuse(
                    "train.among",
                    format!("a {field} plays one scenario"),
                    format!("leave out `among` or `{field}`"),
                );
            }
        }
        if t.twin && t.curriculum.is_some() {
            self.refuse(
                "train.twin",
                "levels of a curriculum have no twins yet",
                "leave out `twin` or `curriculum`",
            );
        }
        if t.twin && matches!(t.ppo.tail, Some(Tail::ReturnCap { .. })) {
            self.refuse(
                "train.twin",
                "a cap on returns would cap the difference to the twin's",
                "leave out `twin`, or hold the tail by a `Budget`",
            );
        }
        if let Some(teacher) = &t.teacher {
            self.teacher(teacher, t);
        }
        if let Some(Tail::Budget { cost, .. }) = &t.ppo.tail
            && !EpisodeTotals::SUMMARY.contains(&cost.as_str())
        {
            self.refuse(
                "train.ppo.tail.cost",
                format!("episodes report no `{cost}`"),
                format!("name one of {}", EpisodeTotals::SUMMARY.join(", ")),
            );
        }
        if let Err(error) = t.ppo.check() {
            self.refuse("train.ppo", error.to_string(), "docs/scenarios.md lists the settings");
        }
        if let Some(c) = &t.curriculum {
            self.curriculum(c, t, s);
        }
        if let Some(spec) = &t.self_play {
            self.self_play(spec, t, s);
        }
        if let Some(attacker) = &t.attacker {
            self.frozen_attacker(attacker, t, s);
        }
        if let Some(p) = &t.population {
            self.within("train.population.rounds", f64::from(p.rounds), 1.0, 64.0);
            let blocks = p.attacker_blocks as f64;
            self.within("train.population.attacker_blocks", blocks, 1.0, 1e15);
            self.within("train.population.paths", f64::from(p.paths), 1.0, 10_000.0);
            self.head_start("train.population.head_start_hours", p.head_start_hours, s);
            if let MetaSolver::ProjectedReplicator { exploration, step, .. } = p.solver {
                self.within("train.population.solver.exploration", exploration, 0.0, 1.0);
                self.within("train.population.solver.step", step, 1e-9, 1.0);
            }
            if let Some(league) = &p.league {
                self.league(league, p);
            }
        }
    }

    /// What only choices have.
    fn numbers(&mut self, t: &TrainSpec) {
        for (field, is_there) in
            [("teacher", t.teacher.is_some()), ("ppo.reference", t.ppo.reference.is_some())]
        {
            if is_there {
                self.refuse(
                    &format!("train.{field}"),
                    "it is for policies of choices, and this one answers with numbers",
                    format!("leave out `{field}`, or `train.numbers` and `train.sac`"),
                );
            }
        }
    }

    fn sac(&mut self, sac: &SacConfig, t: &TrainSpec, s: &Scenario) {
        let worlds_each = if t.twin { 2 } else { 1 };
        let blocks = u64::from(t.lanes.max(1)) * u64::from(s.decision_every_blocks.max(1));
        let decisions = t.budget_blocks / (blocks * worlds_each);
        if sac.warm_up_steps >= decisions || sac.minibatch as u64 > decisions * u64::from(t.lanes) {
            self.refuse(
                "train.sac",
                format!("nothing would be learned in the {decisions} decisions of a lane that the budget allows"),
                "give it more `train.budget_blocks`, fewer `warm_up_steps` or a smaller `minibatch`",
            );
        }
        let takes_no_part = [
            (
                "population",
                t.population.is_some(),
                "a population's rounds go on from networks of PPO",
            ),
            ("curriculum", t.curriculum.is_some(), "levels are scored by the advantages of PPO"),
            ("ppo.tail", t.ppo.tail.is_some(), "soft actor-critic holds no tail to a budget"),
            ("ppo.memory", t.ppo.memory > 0, "soft actor-critic trains policies without memory"),
        ];
        for (field, is_there, why) in takes_no_part {
            if is_there {
                let help = format!("leave out `{field}` or `sac`");
                self.refuse(&format!("train.{field}"), why, help);
            }
        }
        // Twice an observation, and each number thrice.
        self.within("train.sac.memory", sac.memory as f64, 1.0, 1e7);
        self.within("train.sac.width", sac.width as f64, 1.0, 4096.0);
        if let Err(error) = sac.check() {
            self.refuse("train.sac", error.to_string(), "docs/scenarios.md lists the settings");
        }
    }

    fn curriculum(&mut self, c: &CurriculumSpec, t: &TrainSpec, s: &Scenario) {
        let at = |field: &str| format!("train.curriculum.{field}");
        self.within(&at("buffer"), f64::from(c.buffer), 2.0, 65_536.0);
        self.within(&at("replay"), c.replay, 0.0, 1.0);
        self.within(&at("temperature"), c.temperature, 0.01, 10.0);
        self.within(&at("staleness"), c.staleness, 0.0, 1.0);
        self.within(&at("parameters"), c.parameters.len() as f64, 1.0, 16.0);
        self.once(
            |i| format!("train.curriculum.parameters.{i}.path"),
            c.parameters.iter().map(|p| p.path.as_str()),
        );
        for (i, p) in c.parameters.iter().enumerate() {
            let at = |field: &str| format!("train.curriculum.parameters.{i}.{field}");
            if is_fixed(&p.path) || p.path.contains(['*', '=']) {
                let message = format!("`{}` cannot differ from level to level", p.path);
                let help = "name one number of the world: of an asset, an exchange, a pool, an oracle, the \
                            market, the agents";
                self.refuse(&at("path"), message, help);
            }
            let is_range = p.low.is_finite() && p.high.is_finite() && p.low < p.high;
            if !is_range {
                self.refuse(&at("low"), "`low` must be less than `high`", "give a range");
            } else if p.scale == Scale::Logarithmic && p.low <= 0.0 {
                let help = "begin above 0, or choose another scale";
                self.refuse(&at("low"), "a logarithmic range begins above 0", help);
            } else if p.scale == Scale::Whole && (p.low % 1.0 != 0.0 || p.high % 1.0 != 0.0) {
                let help = "write whole numbers, or choose another scale";
                self.refuse(&at("low"), "a range of whole numbers has an end that is none", help);
            }
        }
        let hours = f64::from(s.episode_hours) * 3_600.0;
        let episodes = t.budget_blocks as f64 * f64::from(s.block_secs) / hours;
        if c.method != Method::DomainRandomisation && f64::from(c.buffer) > 2.0 * episodes {
            self.refuse(
                &at("buffer"),
                format!(
                    "the budget is {episodes:.0} episodes: half of {} levels is never kept",
                    c.buffer
                ),
                format!("at most {:.0}; a tenth of the episodes is a beginning", 2.0 * episodes),
            );
        }
    }

    fn league(&mut self, league: &LeagueSpec, population: &PopulationSpec) {
        let at = |field: &str| format!("train.population.league.{field}");
        self.within(&at("stake_usd"), league.stake_usd, 1e-6, 1e18);
        let of = |n: u32| f64::from(n);
        self.within(&at("main_exploiters"), of(league.main_exploiters), 0.0, 16.0);
        self.within(&at("league_exploiters"), of(league.league_exploiters), 0.0, 16.0);
        self.within(&at("patience_rounds"), of(league.patience_rounds), 1.0, 64.0);
        if league.main_exploiters == 0 && league.league_exploiters == 0 {
            let help = "give it a main exploiter or a league exploiter";
            self.refuse("train.population.league", "a league without attackers that learn", help);
        }
        if population.solver != PopulationSpec::default().solver {
            self.refuse(
                "train.population.solver",
                "a league says itself who meets whom: no solver mixes it",
                "leave out `solver`, or `league`",
            );
        }
        if population.anytime {
            self.refuse(
                "train.population.anytime",
                "a league says itself who meets whom: no mixture follows an attacker",
                "leave out `anytime`, or `league`",
            );
        }
    }

    fn evaluate(&mut self, s: &Scenario) {
        let e = &s.evaluate;
        self.within("evaluate.fresh_paths", f64::from(e.fresh_paths), 1.0, 1e6);
        self.within("evaluate.paths_per_window", f64::from(e.paths_per_window), 1.0, 1e6);
        let resamples = f64::from(e.bootstrap_resamples);
        self.within("evaluate.bootstrap_resamples", resamples, 100.0, 1e6);
        self.within("evaluate.search.candidates", f64::from(e.search.candidates), 1.0, 1e6);
        self.within("evaluate.search.paths", f64::from(e.search.paths), 1.0, 1e6);
        self.within("evaluate.search.refinements", f64::from(e.search.refinements), 0.0, 1e4);
        if e.baselines.is_empty() {
            self.refuse(
                "evaluate.baselines",
                "no baseline: there is nothing to be better than",
                "list at least one, for example [Deployed, BestStatic]",
            );
        }
        let names: Vec<String> = e.baselines.iter().map(|b| format!("{b:?}")).collect();
        let at = |i| format!("evaluate.baselines.{i}");
        self.once(at, names.iter().map(String::as_str));
    }

    /// Reads the snapshots of positions; what is wrong in their files stands beside.
    fn positions(&mut self, s: &Scenario, base: &Path) -> (Vec<Snapshot>, Vec<Problem>) {
        self.unique("positions", "name", s.positions.iter().map(|p| p.name.as_str()));
        let listed: Vec<&str> = s.market.reserves.iter().map(|r| r.asset.as_str()).collect();
        let (mut snapshots, mut of_files) = (Vec::new(), Vec::new());
        for spec in &s.positions {
            match Snapshot::read(&base.join(&spec.csv), &listed) {
                Ok(snapshot) => snapshots.push(snapshot),
                Err(problems) => of_files.extend(problems),
            }
        }
        (snapshots, of_files)
    }
}

fn symbols(s: &Scenario) -> Vec<&str> {
    s.assets.iter().map(|a| a.symbol.as_str()).collect()
}
