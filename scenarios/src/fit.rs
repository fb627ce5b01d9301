//! Whether a policy can be judged in a scenario, and how it sees its worlds.

use crate::card::{Training, card, observations, view};
use crate::evaluate::refuse_overlap;
use crate::genesis::{heads, regime};
use crate::held_out::refuse_seen;
use crate::load::Loaded;
use crate::manifest::Build;
use crate::schema::Scenario;
use agents::export::bundle::{ActionHead, ObservationField, PolicyCard};
use agents::export::tables;
use agents::frozen::FrozenPolicy;
use protocols::risk_params::Rule;
use sim::action::Side;
use sim::environment::Rows;
use sim::observe::{RESERVE_FIELDS, Visibility, reserve_rows};
use std::borrow::Cow;

/// A bundle's policy as it sees the worlds of a scenario: it picks the values that it was trained with by name. One that
/// reads its reserves as a set takes the scenario's in place of those that it was trained with, however many there are.
///
/// # Errors
/// As [`refuse_misfit`].
pub fn fitted(
    loaded: &Loaded,
    policy: FrozenPolicy,
    card: &PolicyCard,
) -> Result<FrozenPolicy, String> {
    let (policy, card) = resized(&loaded.scenario, policy, card)?;
    refuse_misfit(loaded, &card)?;
    seeing(&loaded.scenario, policy, &card.observations)
}

/// Refuses to judge in one scenario what will be trained in another, or with other overrides, as [`fitted`] would, and
/// where it would be trained on what is kept for the test.
///
/// # Errors
/// A sentence that says what differs and how to mend it.
pub fn refuse_elsewhere(judged: &Loaded, trained: &Loaded) -> Result<(), String> {
    let untrained = Training { seeds: Vec::new(), updates: 0, decisions: 0 };
    let (here, there) = (&judged.scenario, &trained.scenario);
    let Some(train) = &there.train else {
        return Err(format!("{} has no `train` section; give it one", there.name));
    };
    let seed = here.evaluate.seed;
    if train.seeds.contains(&seed) {
        return Err(format!(
            "it would be trained with seed {seed}, which draws the worlds that judge it; choose another in \
             `train.seeds`"
        ));
    }
    let mut card = card(trained, &there.name, untrained, &Build::this(&[]));
    if train.ppo.set_width > 0 {
        let rows = reserve_rows(there.market.reserves.len(), Visibility::Public);
        card = for_reserves(&card, &rows, here).unwrap_or(card);
    }
    refuse_overlap(judged, &card)?;
    refuse_seen(judged, &card)?;
    refuse_misfit(judged, &card)
}

/// A policy whose rows have these `fields`, as it sees a scenario's rows.
pub(crate) fn seeing(
    scenario: &Scenario,
    policy: FrozenPolicy,
    fields: &[ObservationField],
) -> Result<FrozenPolicy, String> {
    let numbers = heads(&scenario.market).numbers();
    if policy.bounds().is_some_and(|bounds| bounds.space() != numbers) {
        return Err(
            "its numbers do not lie between the first choice, 0, and the last, 2".to_owned()
        );
    }
    let view = view(fields, &observations(scenario));
    let view = view.map_err(|column| format!("the scenario has no `{column}` to see"))?;
    let Some(view) = view else { return Ok(policy) };
    policy.seeing(view).map_err(|error| error.to_string())
}

/// Policies that see a scenario's rows, as they see another's.
///
/// # Errors
/// What the other scenario's rows lack.
pub fn moved(
    policies: &[FrozenPolicy],
    here: &Scenario,
    there: &Scenario,
) -> Result<Vec<FrozenPolicy>, String> {
    let fields = observations(here);
    policies.iter().map(|policy| seeing(there, policy.clone(), &fields)).collect()
}

/// Refuses a policy that would see less or do something else here than where it was trained: another side, another
/// regime, another market, other bounds.
///
/// # Errors
/// A sentence that says what differs and how to mend it.
pub fn refuse_misfit(loaded: &Loaded, policy: &PolicyCard) -> Result<(), String> {
    let (name, side) = (&policy.name, loaded.scenario.side());
    if policy.side != side {
        return Err(format!(
            "policy \"{name}\" was trained to hold {:?}, and this scenario's policy holds {side:?}: evaluate it \
             with --set train.side={:?}, or name it as `train.other`",
            policy.side, policy.side
        ));
    }
    refuse_other_market(&loaded.scenario, policy, side)
}

/// Refuses a policy that would see less here than where it was trained, or do something else with the heads of a
/// side.
///
/// # Errors
/// A sentence that says what differs and how to mend it.
pub(crate) fn refuse_other_market(
    scenario: &Scenario,
    policy: &PolicyCard,
    side: Side,
) -> Result<(), String> {
    let (market, name) = (&scenario.market, &policy.name);
    let here = format!("{:?}", market.regime);
    if policy.regime != here {
        return Err(format!(
            "policy \"{name}\" was trained under the regime {}, and this scenario has {here}: the \
             same choice would be another move; evaluate it with --set market.regime={}, or train \
             one on this scenario",
            policy.regime, policy.regime
        ));
    }
    let symbols: Vec<&str> = market.reserves.iter().map(|r| r.asset.as_str()).collect();
    let fields = observations(scenario);
    let lacking = view(&policy.observations, &fields).err();
    let all = heads(market);
    let heads = tables::action_heads(all, &symbols, &regime(market));
    let moves = |heads: &[ActionHead]| -> Vec<(String, Vec<String>)> {
        heads.iter().map(|h| (h.name.clone(), h.choices.clone())).collect()
    };
    if lacking.is_some() || moves(&heads) != moves(&policy.actions) {
        let lacking =
            lacking.map_or_else(String::new, |c| format!("; it sees `{c}`, which is not here"));
        return Err(format!(
            "policy \"{name}\" was made for another market: it takes {} observations and {} heads, \
             this scenario has {} and {}, with reserves {}{lacking}; evaluate it on a scenario with the \
             reserves of \"{}\", or train one on this scenario",
            policy.observations.len(),
            policy.actions.len(),
            fields.len(),
            heads.len(),
            symbols.join(", "),
            policy.provenance.scenario,
        ));
    }
    let both = policy.actions.iter().zip(&heads).zip(all.targets());
    for ((was, is), _) in both.filter(|(_, (_, field))| side.holds(field.param)) {
        if let Some(difference) = difference(&was.rule, &is.rule) {
            return Err(format!(
                "policy \"{name}\" was trained with other bounds: {} has {difference}; give \
                 `market.rules` what it was trained with, or train one on this scenario",
                is.name
            ));
        }
    }
    Ok(())
}

/// The first part in which a rule differs from another, in words.
fn difference(was: &Rule, is: &Rule) -> Option<String> {
    let parts = |r: &Rule| {
        [
            ("enabled", r.enabled.to_string()),
            ("floor", r.floor.to_string()),
            ("ceil", r.ceil.to_string()),
            ("max_raise", format!("{:?}", r.max_raise)),
            ("max_cut", format!("{:?}", r.max_cut)),
            ("policy_step", format!("{:?}", r.policy_step)),
            ("at_once", format!("{:?}", r.at_once)),
            ("min_interval_secs", r.min_interval_secs.to_string()),
            ("delay_secs", r.delay_secs.to_string()),
        ]
    };
    let mut pairs = parts(was).into_iter().zip(parts(is));
    let ((part, was), (_, is)) = pairs.find(|(a, b)| a != b)?;
    Some(format!("{part} {was} in the bundle and {is} in this scenario"))
}

/// A policy and its card for the reserves of a scenario. Those of a policy that knows its reserves one from another stay as
/// they are.
///
/// # Errors
/// A sentence: its rows are not reserves.
pub(crate) fn resized<'a>(
    scenario: &Scenario,
    policy: FrozenPolicy,
    card: &'a PolicyCard,
) -> Result<(FrozenPolicy, Cow<'a, PolicyCard>), String> {
    let rows = policy.set().map(|set| set.rows).filter(|rows| rows.heads > 0);
    let Some(rows) = rows else { return Ok((policy, Cow::Borrowed(card))) };
    let Some(card) = for_reserves(card, &rows, scenario) else {
        return Err(format!(
            "policy \"{}\" reads rows as a set, and they are not the reserves of a market; train one on this scenario",
            card.name
        ));
    };
    let reserves = scenario.market.reserves.len();
    let policy = policy.with_rows(reserves).map_err(|error| error.to_string())?;
    Ok((policy, Cow::Owned(card)))
}

/// A card whose rows are a scenario's reserves in place of its own; none where its own are not reserves.
pub(crate) fn for_reserves(
    card: &PolicyCard,
    rows: &Rows,
    scenario: &Scenario,
) -> Option<PolicyCard> {
    let field = RESERVE_FIELDS.iter().find(|field| field.visibility == Visibility::Public)?;
    let first = &card.observations.get(rows.start)?.name;
    let symbol = first.strip_suffix(field.name)?.strip_suffix('_')?;
    let named = |name: &str, other: &str| -> Option<String> {
        let rest = name.strip_prefix(symbol)?.strip_prefix('_')?;
        Some(format!("{other}_{rest}"))
    };
    let cells = rows.cells();
    let row = card.observations.get(rows.start..rows.start + rows.width)?;
    let of_row = card.actions.get(..rows.heads)?;
    let mut observations = card.observations.get(..rows.start)?.to_vec();
    let mut actions: Vec<ActionHead> = Vec::new();
    for other in scenario.market.reserves.iter().map(|reserve| reserve.asset.as_str()) {
        for field in row {
            let name = named(&field.name, other)?;
            observations.push(ObservationField { name, ..field.clone() });
        }
        for head in of_row {
            let name = named(&head.name, other)?;
            actions.push(ActionHead { name, ..head.clone() });
        }
    }
    observations.extend_from_slice(card.observations.get(cells.end..)?);
    actions.extend_from_slice(card.actions.get(rows.room * rows.heads..)?);
    Some(PolicyCard { observations, actions, ..card.clone() })
}
