//! A policy that answers for each reserve by the same heads, in a market of other reserves.

use crate::schema::Scenario;
use agents::export::bundle::{ActionHead, ObservationField, PolicyCard};
use agents::frozen::FrozenPolicy;
use sim::environment::Rows;
use sim::observe::{RESERVE_FIELDS, Visibility};
use std::borrow::Cow;

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
    let symbols: Vec<&str> = scenario.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    let Some(card) = card_for(card, &rows, &symbols) else {
        return Err(format!(
            "policy \"{}\" reads rows as a set, and they are not the reserves of a market; make its bundle anew",
            card.name
        ));
    };
    let policy = policy.with_rows(symbols.len()).map_err(|error| error.to_string())?;
    Ok((policy, Cow::Owned(card)))
}

/// A card whose rows are these reserves'; none where its own are not reserves.
fn card_for(card: &PolicyCard, rows: &Rows, symbols: &[&str]) -> Option<PolicyCard> {
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
    for other in symbols {
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
