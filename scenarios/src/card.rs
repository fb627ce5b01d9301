//! What a policy bundle says about its policy: the observation and action tables, the bounds and rate
//! limits, where it was trained.

use crate::genesis::regime;
use crate::load::Loaded;
use crate::manifest::{Build, DateSplit};
use agents::export::bundle::{ActionHead, ObservationField, PolicyCard, Provenance};
use sim::action::{ActionField, MARKET_ACTIONS, RESERVE_ACTIONS};
use sim::observe::{GLOBAL_FIELDS, RESERVE_FIELDS, Visibility};
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
        regime: format!("{:?}", s.market.regime),
        decision_every_blocks: s.decision_every_blocks,
        block_secs: s.block_secs,
        observations: observations(&symbols),
        actions: actions(loaded, &symbols),
        provenance: Provenance {
            scenario: s.name.clone(),
            scenario_hash: loaded.hash.clone(),
            seeds: training.seeds,
            train_windows: (dates.train.iter().map(|r| format!("{}/{}", r.start, r.end)))
                .chain(dates.fitted.iter().map(|f| format!("{}/{}", f.start_utc, f.end_utc)))
                .collect(),
            updates: training.updates,
            decisions: training.decisions,
            commit: build.commit.clone(),
            dirty: build.dirty,
            versions,
        },
    }
}

fn observations(symbols: &[&str]) -> Vec<ObservationField> {
    let public = |v: Visibility| v == Visibility::Public;
    let mut rows: Vec<ObservationField> = GLOBAL_FIELDS
        .iter()
        .filter(|f| public(f.visibility))
        .map(|f| ObservationField {
            name: f.name.to_owned(),
            unit: f.unit.to_owned(),
            scale: f.scale,
            visibility: format!("{:?}", f.visibility),
        })
        .collect();
    for symbol in symbols {
        rows.extend(RESERVE_FIELDS.iter().filter(|f| public(f.visibility)).map(|f| {
            ObservationField {
                name: format!("{symbol}_{}", f.name),
                unit: f.unit.to_owned(),
                scale: f.scale,
                visibility: format!("{:?}", f.visibility),
            }
        }));
    }
    rows
}

fn actions(loaded: &Loaded, symbols: &[&str]) -> Vec<ActionHead> {
    let regime = regime(&loaded.scenario.market);
    let head = |prefix: &str, field: &ActionField| ActionHead {
        name: format!("{prefix}{}", field.name),
        unit: field.unit.to_owned(),
        choices: field.choices.map(str::to_owned).to_vec(),
        rule: *regime.rule(field.param),
    };
    let mut heads = Vec::new();
    for symbol in symbols {
        heads.extend(RESERVE_ACTIONS.iter().map(|f| head(&format!("{symbol}_"), f)));
    }
    heads.extend(MARKET_ACTIONS.iter().map(|f| head("", f)));
    heads
}
