//! What a policy bundle says about its policy: the observation and action tables, the bounds and rate
//! limits, where it was trained.

use crate::genesis::{heads, regime};
use crate::held_out;
use crate::load::Loaded;
use crate::manifest::{Build, DateSplit};
use crate::schema::Scenario;
use agents::export::bundle::ObservationField;
use agents::export::bundle::{PolicyCard, Provenance};
use agents::export::tables;
use agents::frozen::View;
use std::collections::BTreeMap;

/// What training adds to a card.
#[derive(Clone, Debug)]
pub struct Training {
    /// Training seeds; the first is this policy's own.
    pub seeds: Vec<u64>,
    /// Updates until this policy.
    pub updates: u64,
    /// Decisions until this policy.
    pub decisions: u64,
}

/// What a risk policy sees in a scenario: its reserves, then its books, its perpetual futures, its exogenous
/// streams, its liquidation design and its second oracles.
#[must_use]
pub fn observations(s: &Scenario) -> Vec<ObservationField> {
    let symbols: Vec<&str> = s.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    let mut fields = tables::observation_fields(&symbols);
    fields.extend(tables::book_fields(&crate::books::symbols(s)));
    fields.extend(tables::perpetual_fields(&crate::perpetuals::symbols(s)));
    fields.extend(tables::factor_fields(s.factors.iter().map(|f| (f.name.as_str(), f.scale))));
    fields.extend(tables::heads_fields(heads(&s.market), &symbols));
    fields
}

/// Where the values of a policy's rows lie in the rows of a world, by name; none where the rows are the same.
///
/// # Errors
/// The name of the first value that the world's rows lack.
pub(crate) fn view(
    policy: &[ObservationField],
    world: &[ObservationField],
) -> Result<Option<View>, String> {
    let same = |a: &ObservationField, b: &ObservationField| {
        a.name == b.name && a.unit == b.unit && (a.scale / b.scale - 1.0).abs() < 1e-9
    };
    let column = |field: &ObservationField| {
        let found = world.iter().position(|there| same(field, there));
        found.ok_or_else(|| field.name.clone())
    };
    let columns = policy.iter().map(column).collect::<Result<Vec<usize>, String>>()?;
    if columns.iter().copied().eq(0..world.len()) {
        return Ok(None);
    }
    Ok(View::new(columns, world.len()).ok())
}

/// The card of a policy trained on a scenario.
#[must_use]
pub fn card(loaded: &Loaded, name: &str, training: Training, build: &Build) -> PolicyCard {
    let s = &loaded.scenario;
    let symbols: Vec<&str> = s.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    let dates = DateSplit::of(loaded);
    let mut versions = BTreeMap::new();
    versions.insert("ballast".to_owned(), build.version.clone());
    versions.insert("rustc".to_owned(), build.toolchain.clone());
    PolicyCard {
        name: name.to_owned(),
        side: s.side(),
        regime: format!("{:?}", s.market.regime),
        decision_every_blocks: s.decision_every_blocks,
        block_secs: s.block_secs,
        observations: observations(&loaded.scenario),
        actions: tables::action_heads(heads(&s.market), &symbols, &regime(&s.market)),
        provenance: Provenance {
            scenario: s.name.clone(),
            scenario_hash: loaded.hash.clone(),
            seeds: training.seeds,
            train_windows: (dates.train.iter().map(|r| format!("{}/{}", r.start, r.end)))
                .chain(dates.fitted.iter().map(|f| format!("{}/{}", f.start_utc, f.end_utc)))
                .collect(),
            seen: Some(held_out::seen_in_training(loaded)),
            held_out: held_out::worlds_of_card(loaded),
            updates: training.updates,
            decisions: training.decisions,
            commit: build.commit.clone(),
            dirty: build.dirty,
            versions,
        },
    }
}
