//! The observation and action tables of a risk policy, for its bundle: read off the tables that the
//! simulation itself uses.

use protocols::risk_params::RiskRegime;
use sim::action::{ActionField, Heads};
use sim::observe::{
    BOOK_FIELDS, BookField, GLOBAL_FIELDS, HeadsColumn, PERPETUAL_FIELDS, PerpetualField,
    RESERVE_FIELDS, Visibility, factor_name, heads_columns,
};

use super::card::{ActionHead, ObservationField};

/// A row of what anybody may see.
fn public(name: String, unit: &str, scale: f64) -> ObservationField {
    let visibility = format!("{:?}", Visibility::Public);
    ObservationField { name, unit: unit.into(), scale, visibility }
}

/// The rows of what a risk policy sees of a market whose reserves have these `symbols`.
#[must_use]
pub fn observation_fields(symbols: &[&str]) -> Vec<ObservationField> {
    let global = GLOBAL_FIELDS.iter().filter(|f| f.visibility == Visibility::Public);
    let mut rows: Vec<ObservationField> =
        global.map(|f| public(f.name.into(), f.unit, f.scale)).collect();
    for symbol in symbols {
        let reserve = RESERVE_FIELDS.iter().filter(|f| f.visibility == Visibility::Public);
        rows.extend(reserve.map(|f| public(format!("{symbol}_{}", f.name), f.unit, f.scale)));
    }
    rows
}

/// The rows of what a risk policy sees of the exchange's books, `symbols` being their assets'.
#[must_use]
pub fn book_fields(symbols: &[&str]) -> Vec<ObservationField> {
    let seen = BOOK_FIELDS.iter().filter(|f| f.visibility == Visibility::Public);
    let row =
        |symbol: &&str, f: &BookField| public(format!("{symbol}_{}", f.name), f.unit, f.scale);
    symbols.iter().flat_map(|symbol| seen.clone().map(move |f| row(symbol, f))).collect()
}

/// The rows of what a risk policy sees of perpetual futures, `symbols` being their underlyings'.
#[must_use]
pub fn perpetual_fields(symbols: &[&str]) -> Vec<ObservationField> {
    let seen = PERPETUAL_FIELDS.iter().filter(|f| f.visibility == Visibility::Public);
    let row =
        |symbol: &&str, f: &PerpetualField| public(format!("{symbol}_{}", f.name), f.unit, f.scale);
    symbols.iter().flat_map(|symbol| seen.clone().map(move |f| row(symbol, f))).collect()
}

/// The rows of what a risk policy sees of exogenous streams, by name and scale.
#[must_use]
pub fn factor_fields<'a>(
    factors: impl IntoIterator<Item = (&'a str, f64)>,
) -> Vec<ObservationField> {
    let row = |(name, scale)| public(factor_name(name), "the stream's own", scale);
    factors.into_iter().map(row).collect()
}

/// The rows of what a risk policy sees of the market's liquidation design and of its reserves' second oracles,
/// `symbols` being those of all its reserves.
#[must_use]
pub fn heads_fields(heads: Heads, symbols: &[&str]) -> Vec<ObservationField> {
    let row = |column: HeadsColumn| {
        let symbol = column.reserve.and_then(|reserve| symbols.get(reserve));
        let name = match symbol {
            Some(symbol) => format!("{symbol}_{}", column.name),
            None => column.name.to_owned(),
        };
        public(name, column.unit, column.scale)
    };
    heads_columns(heads, Visibility::Public).map(row).collect()
}

/// The rows of what it may move under `regime`, `symbols` being those of the market's reserves.
#[must_use]
pub fn action_heads(heads: Heads, symbols: &[&str], regime: &RiskRegime) -> Vec<ActionHead> {
    let head = |(name, (_, field)): (String, (Option<u16>, &ActionField))| ActionHead {
        name,
        unit: field.unit.into(),
        choices: field.choices.map(Into::into).to_vec(),
        rule: *regime.rule(field.param),
    };
    heads.names(symbols).into_iter().zip(heads.targets()).map(head).collect()
}
