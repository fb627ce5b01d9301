//! What everybody with debt is like, as the market sees it.

use super::{quantile, sorted};
use agents::scripted::borrower::BorrowerConfig;
use markets::units::{AccountId, Amount, MarketId};
use serde::Serialize;
use sim::chain::Chain;

/// Moments of a population: accounts with debt, at the oracles' prices. Ratios are of single accounts
/// but for those called overall, which are of sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Population {
    /// Accounts with debt.
    pub accounts: u64,
    /// Their collateral, in USD.
    pub collateral_usd: f64,
    /// Their debt, in USD.
    pub debt_usd: f64,
    /// Assets over equity, overall.
    pub leverage_overall: f64,
    /// The same of single accounts: tenth, median, ninetieth percentile.
    pub leverage: [f64; 3],
    /// Debt over assets, overall.
    pub debt_ratio_overall: f64,
    /// The same of single accounts: tenth, median, ninetieth percentile.
    pub debt_ratio: [f64; 3],
    /// Health factors: tenth, median, ninetieth percentile.
    pub health_factor: [f64; 3],
    /// Debts, in USD: median and mean.
    pub debt_median_usd: f64,
    /// Mean debt, in USD.
    pub debt_mean_usd: f64,
    /// Share of all debt that the largest hundredth of accounts (rounded up) owes.
    pub top_percent_share: f64,
    /// The largest debt, as a share of all.
    pub largest_share: f64,
    /// Hill's estimate of the tail exponent of debts, over the largest twentieth.
    ///
    /// Source: Hill (1975), "A simple general approach to inference about the tail of a distribution".
    pub hill_exponent: f64,
}

/// Reads the moments. Accounts whose oracle is silent are left out.
#[must_use]
pub fn population(chain: &Chain, market: MarketId) -> Population {
    let pooled = chain.pooled(market);
    let (mut collateral_usd, mut debt_usd) = (0.0, 0.0);
    let (mut leverage, mut ratio, mut health, mut debts) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (i, position) in pooled.positions.iter().enumerate() {
        if !position.is_borrowing_any() {
            continue;
        }
        let Ok(found) = chain.health(market, AccountId(i as u32)) else { continue };
        let usd = |base| Amount(base).to_f64() / 1e8;
        let (assets, debt) = (usd(found.collateral_base), usd(found.debt_base));
        collateral_usd += assets;
        debt_usd += debt;
        debts.push(debt);
        health.push(found.health_factor.ratio());
        if assets > debt {
            leverage.push(assets / (assets - debt));
            ratio.push(debt / assets);
        }
    }
    let count = debts.len();
    let three = |values: Vec<f64>| {
        let values = sorted(values);
        [0.1, 0.5, 0.9].map(|share| quantile(&values, share))
    };
    let debts = sorted(debts);
    let share = |sum: f64| if debt_usd > 0.0 { sum / debt_usd } else { 0.0 };
    let top = count.div_ceil(100);
    let equity = collateral_usd - debt_usd;
    Population {
        accounts: count as u64,
        collateral_usd,
        debt_usd,
        leverage_overall: if equity > 0.0 { collateral_usd / equity } else { 0.0 },
        leverage: three(leverage),
        debt_ratio_overall: if collateral_usd > 0.0 { debt_usd / collateral_usd } else { 0.0 },
        debt_ratio: three(ratio),
        health_factor: three(health),
        debt_median_usd: quantile(&debts, 0.5),
        debt_mean_usd: if count > 0 { debt_usd / count as f64 } else { 0.0 },
        top_percent_share: share(debts.iter().rev().take(top).sum()),
        largest_share: share(debts.last().copied().unwrap_or(0.0)),
        hill_exponent: hill(&debts, count.div_ceil(20)),
    }
}

/// Share of all debt that the largest hundredth of borrowers would owe if a market took every size that its
/// cohorts' laws state: what is below it in [`Population::top_percent_share`] is the sample's or the market's
/// doing, and no market can lift it much above. Zero without borrowers.
#[must_use]
pub fn stated_top_percent_share(cohorts: &[BorrowerConfig]) -> f64 {
    const EACH: u32 = 20_000;
    let people: f64 = cohorts.iter().map(|c| f64::from(c.count)).sum();
    let mut sizes: Vec<(f64, f64)> = Vec::new();
    for cohort in cohorts {
        let weight = f64::from(cohort.count) / people;
        sizes.extend(cohort.debt_size.quantiles(EACH).map(|(size, w)| (size, w * weight)));
    }
    sizes.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let all: f64 = sizes.iter().map(|(size, weight)| size * weight).sum();
    let (mut left, mut top) = (0.01, 0.0);
    for (size, weight) in sizes {
        let taken = weight.min(left);
        top += size * taken;
        left -= taken;
        if left <= 0.0 {
            break;
        }
    }
    if all > 0.0 { top / all } else { 0.0 }
}

/// Hill's estimate over the `k` largest of sorted values; zero where there are too few.
fn hill(sorted: &[f64], k: usize) -> f64 {
    let Some(threshold) = sorted.len().checked_sub(k + 1).map(|at| sorted[at]) else { return 0.0 };
    if k == 0 || threshold <= 0.0 {
        return 0.0;
    }
    let sum: f64 = sorted.iter().rev().take(k).map(|x| libm::log(x / threshold)).sum();
    if sum > 0.0 { k as f64 / sum } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tail of exponent one from 150,000 to 250,000,000, eight in a hundred: its part above the largest
    /// hundredth is 0.01 · 8 · 150,000 · (1 + ln(1,667 / 8)), all of it 0.08 · 150,000 · (1 + ln 1,667).
    #[test]
    fn the_share_that_a_law_states_is_its_integral() {
        let mut cohort = BorrowerConfig::default();
        cohort.debt_size.median_usd = 3_000.0;
        cohort.debt_size.log_sd = 1.8;
        cohort.debt_size.tail_share = 0.08;
        cohort.debt_size.tail_from_usd = 150_000.0;
        cohort.debt_size.tail_exponent = 1.0;
        cohort.debt_size.cap_usd = 250e6;
        let ratio = 250e6 / 150e3;
        let tail = 12_000.0 * (1.0 + libm::log(ratio));
        let top = 12_000.0 * (1.0 + libm::log(ratio / 8.0));
        let body = 0.92 * 3_000.0 * libm::exp(0.5 * 1.8 * 1.8);
        let share = stated_top_percent_share(&[cohort]);
        assert!((share / (top / (tail + body)) - 1.0).abs() < 0.01, "{share}");
        // The defaults' own law owes less than the prior's 0.6, whatever the market.
        let default = stated_top_percent_share(&[BorrowerConfig::default()]);
        assert!((0.25..0.35).contains(&default), "{default}");
        assert_eq!(stated_top_percent_share(&[]), 0.0);
    }

    #[test]
    fn hill_finds_the_exponent_of_a_pareto_sample() {
        // Quantiles of P(x) = x^−1.2.
        let n = 20_000;
        let values =
            (0..n).map(|i| libm::pow(1.0 - (f64::from(i) + 0.5) / f64::from(n), -1.0 / 1.2));
        let values: Vec<f64> = values.collect();
        assert!((hill(&values, 1_000) - 1.2).abs() < 0.02, "{}", hill(&values, 1_000));
        assert_eq!(hill(&[1.0], 1), 0.0);
    }
}
