//! The front of an experiment: a policy and static parameters under each budget, on the same worlds.

use super::Workbench;
use crate::commands::eval::training_budget;
use crate::commands::reproducible;
use crate::output::{Failure, progress_bar};
use agents::frozen::FrozenPolicy;
use scenarios::arena::{Arena, Contestant, compete};
use scenarios::assemble::Worlds;
use scenarios::evaluate::{baseline, fresh, learned, search_statics};
use scenarios::experiment::front::{Point, Resampling};
use scenarios::experiment::front_plot::svg;
use scenarios::load::{Loaded, load};
use scenarios::report::LEARNED;
use scenarios::schema::Baseline;
use scenarios::statics::StaticParams;

impl Workbench<'_> {
    /// All points, each kept as soon as it is there, and their picture.
    pub(super) fn front(&self) -> Result<Vec<Point>, Failure> {
        let (mut points, mut found): (Vec<Point>, Vec<StaticParams>) = Default::default();
        for (budget_usd, arm) in self.experiment.front_arms() {
            let loaded = load(&self.scenario, &arm.set)?;
            let policies = self.raise(&arm, &loaded)?;
            let (point, statics) =
                self.kept(&format!("{}-point", arm.name), &loaded.hash, || {
                    let worlds = self.args.audit.worlds(&loaded)?;
                    self.point(budget_usd, &loaded, &worlds, &policies, &found).map_err(|failure| {
                        reproducible(failure, &worlds, &loaded, &self.folder.join(&arm.name))
                    })
                })?;
            points.push(point);
            found.push(statics);
        }
        if !points.is_empty() {
            let picture = svg(&points, &self.experiment.name).map_err(|reason| {
                Failure::Message(format!("front.svg cannot be drawn: {reason}"))
            })?;
            self.write("front.svg", &picture)?;
        }
        Ok(points)
    }

    /// Static parameters searched under the budget, and both on fresh worlds. What was found under smaller budgets
    /// keeps this one too, as far as the search could tell: it competes.
    fn point(
        &self,
        budget_usd: u64,
        loaded: &Loaded,
        worlds: &Worlds,
        policies: &[FrozenPolicy],
        smaller: &[StaticParams],
    ) -> Result<(Point, StaticParams), Failure> {
        let blocks = self.experiment.search_blocks.unwrap_or_else(|| training_budget(loaded));
        let which = Baseline::BestStatic;
        let bar = progress_bar("search", blocks);
        let statics = search_statics(worlds, loaded, &[which], smaller, blocks, &|n| bar.inc(n))?;
        bar.finish_and_clear();
        let fixed = baseline(which, &loaded.scenario, worlds.deployed(), &statics);
        let contestants: Vec<Contestant<'_>> =
            std::iter::once(learned(LEARNED, policies)).chain(fixed).collect();
        let e = &loaded.scenario.evaluate;
        let entries = compete(worlds, &contestants, &fresh(e), &|_| ())?;
        let [learned, fixed] = entries.as_slice() else {
            return Err(Failure::Message(format!(
                "budget {budget_usd}: no best static parameters were found"
            )));
        };
        let symbols: Vec<&str> =
            loaded.scenario.market.reserves.iter().map(|r| r.asset.as_str()).collect();
        let found = statics.best.map(|found| found.statics).unwrap_or_default();
        let by = Resampling { resamples: e.bootstrap_resamples, seed: e.seed };
        let objective = &loaded.scenario.objective;
        let both = [learned, fixed];
        let point = Point::new(budget_usd, both, found.describe(&symbols), objective, by);
        Ok((point, found))
    }
}
