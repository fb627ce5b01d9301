//! The crowd held against the record: what a generated population is like, and what becomes of it.
//!
//! [`population`] reads the moments of everybody with debt from the chain; [`play`] plays an episode and
//! counts its liquidations. [`records`] puts both beside published figures, each with its source, how
//! far to trust it, and the error.

mod episode;
mod population;
mod records;
mod text;

pub use episode::{Episode, play};
pub use population::{Population, population, stated_top_percent_share};
pub use records::{Record, Verdict, records};
pub use text::text;

/// The value below which a share of sorted values lies (nearest rank); zero of none.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).round() as usize).copied().unwrap_or(0.0)
}

/// Sorted ascending.
fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}
