//! Figures over paths: means, tails, and intervals that cover training seeds and paths alike.

use serde::{Deserialize, Serialize};

/// An estimate and its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The mean; zero of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Mean of the middle half of the values; the values at its ends count in part (Agarwal et al., 2021,
/// arXiv:2108.13264). Zero of nothing.
#[must_use]
pub fn interquartile_mean(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (first, last) = (sorted.len() as f64 * 0.25, sorted.len() as f64 * 0.75);
    let weight = |i: usize| ((i + 1) as f64).min(last) - (i as f64).max(first);
    let part = |(i, value): (usize, &f64)| weight(i).max(0.0) * value;
    let sum: f64 = sorted.iter().enumerate().map(part).sum();
    if sorted.is_empty() { 0.0 } else { sum / (last - first) }
}

/// Mean of the worst (largest) `1 − alpha` of the values; the value at the boundary counts in part.
///
/// Source: Rockafellar and Uryasev (2000), the discrete case.
#[must_use]
pub fn cvar(values: &[f64], alpha: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut left = (1.0 - alpha) * sorted.len() as f64;
    let tail = left;
    if tail <= 0.0 {
        return sorted.first().copied().unwrap_or(0.0);
    }
    let mut sum = 0.0;
    for value in sorted {
        let weight = left.min(1.0);
        sum += weight * value;
        left -= weight;
        if left <= 0.0 {
            break;
        }
    }
    sum / tail
}

/// The value that a share `alpha` of the values does not exceed, the nearest one upward; zero of nothing.
#[must_use]
pub fn quantile(values: &[f64], alpha: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (alpha * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// A 95 % percentile interval of a statistic over `values[seed][path]`, by [`crossed_resamples`].
#[must_use]
pub fn crossed_bootstrap(
    values: &[Vec<f64>],
    resamples: u32,
    seed: u64,
    statistic: impl Fn(&[f64]) -> f64,
) -> Estimate {
    let flat: Vec<f64> = values.iter().flatten().copied().collect();
    let outcomes = crossed_resamples(values, resamples, seed, &statistic);
    interval(statistic(&flat), &outcomes)
}

/// The middle 95 % of sorted resamples about a point.
#[must_use]
pub fn interval(point: f64, outcomes: &[f64]) -> Estimate {
    let at = |q: f64| {
        let last = outcomes.len().saturating_sub(1) as f64;
        outcomes.get((q * last + 0.5) as usize).copied().unwrap_or(point)
    };
    Estimate { mean: point, low: at(0.025), high: at(0.975) }
}

/// A statistic over resamples of `values[seed][path]`, ascending, by a crossed bootstrap:
/// seeds and paths are each drawn with replacement, paths the same for every seed (they are the same
/// worlds). A policy without training seeds has one row. Draws are addressed by (seed, resample),
/// so the result depends on nothing else. Nothing of nothing.
#[must_use]
pub fn crossed_resamples(
    values: &[Vec<f64>],
    resamples: u32,
    seed: u64,
    statistic: impl Fn(&[f64]) -> f64,
) -> Vec<f64> {
    resampled([values], resamples, seed, |[drawn]| statistic(drawn))
}

/// The mean of `ours[seed][path]` less that of `theirs[seed][path]` over resamples, ascending: each side's seeds are
/// drawn by themselves, since both would be others another time, and the same paths for both. Nothing where either
/// is nothing.
#[must_use]
pub fn resampled_differences(
    ours: &[Vec<f64>],
    theirs: &[Vec<f64>],
    resamples: u32,
    seed: u64,
) -> Vec<f64> {
    let paths = ours.first().map_or(0, Vec::len);
    resampled([ours, theirs], resamples, seed, |[ours, theirs]| {
        mean_difference(ours, theirs, paths)
    })
}

/// The mean over all pairs of a row of `ours` and one of `theirs`, `[seed, path]` each, path by path: exactly zero where
/// they are the same.
#[must_use]
pub fn mean_difference(ours: &[f64], theirs: &[f64], paths: usize) -> f64 {
    let paths = paths.max(1);
    let pairs =
        ours.chunks(paths).flat_map(|row| theirs.chunks(paths).map(move |other| (row, other)));
    let differences = pairs.flat_map(|(row, other)| row.iter().zip(other).map(|(a, b)| a - b));
    mean(&differences.collect::<Vec<_>>())
}

/// A statistic over resamples of several tables of the same paths, as [`crossed_resamples`] has it for one.
fn resampled<const N: usize>(
    tables: [&[Vec<f64>]; N],
    resamples: u32,
    seed: u64,
    statistic: impl Fn(&[Vec<f64>; N]) -> f64,
) -> Vec<f64> {
    let paths = tables.iter().filter_map(|rows| rows.first()).map(Vec::len).min().unwrap_or(0);
    if paths == 0 || tables.iter().any(|rows| rows.is_empty()) {
        return Vec::new();
    }
    let mut outcomes = Vec::with_capacity(resamples as usize);
    let mut drawn = tables.map(|rows| Vec::with_capacity(rows.len() * paths));
    let mut chosen = vec![0; paths];
    for resample in 0..resamples {
        let mut draw = Draw::at(seed, u64::from(resample));
        for slot in &mut chosen {
            *slot = draw.below(paths);
        }
        for (rows, drawn) in tables.iter().zip(&mut drawn) {
            drawn.clear();
            for _ in 0..rows.len() {
                let row = &rows[draw.below(rows.len())];
                drawn.extend(chosen.iter().map(|path| row[*path]));
            }
        }
        outcomes.push(statistic(&drawn));
    }
    outcomes.sort_unstable_by(f64::total_cmp);
    outcomes
}

/// The chance of a mean as far from zero as this, by resamples of it: twice the smaller share on the other
/// side, one resample added (Davison and Hinkley, 1997, §4.2.3). One of nothing.
#[must_use]
pub fn p_value(outcomes: &[f64]) -> f64 {
    let share = |count: usize| (count + 1) as f64 / (outcomes.len() + 1) as f64;
    let below = share(outcomes.iter().filter(|o| **o <= 0.0).count());
    let above = share(outcomes.iter().filter(|o| **o >= 0.0).count());
    (2.0 * below.min(above)).min(1.0)
}

/// The least true mean that would be told from zero at 5 %, two-sided, four times in five: 2.80 standard
/// errors (Cohen, 1988). Zero of nothing.
#[must_use]
pub fn detectable(outcomes: &[f64]) -> f64 {
    let centre = mean(outcomes);
    let squares: Vec<f64> = outcomes.iter().map(|o| (o - centre) * (o - centre)).collect();
    (1.959_964 + 0.841_621) * mean(&squares).sqrt()
}

/// Holm's (1979) adjustment of p-values, in their order: all below 5 % after it hold together at 5 %.
#[must_use]
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut adjusted = vec![0.0; values.len()];
    let mut highest = 0.0_f64;
    for (rank, i) in order.into_iter().enumerate() {
        highest = highest.max(((values.len() - rank) as f64 * values[i]).min(1.0));
        adjusted[i] = highest;
    }
    adjusted
}

/// An addressed stream of draws (SplitMix64, Steele et al. 2014), for resampling and search.
#[derive(Clone, Copy, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The stream at an address.
    #[must_use]
    pub const fn at(seed: u64, index: u64) -> Self {
        Self(mix(seed ^ mix(index.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }
    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
    /// A number below `n`; zero where `n` is zero.
    pub const fn below(&mut self, n: usize) -> usize {
        ((self.next_u64() as u128 * n as u128) >> 64) as usize
    }
    /// A number in `[0, 1)`.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_knows_the_seeds_of_both_sides() {
        // Theirs is one seed in two that fails by 100, in every world.
        let luck =
            |seed: usize, path: usize| f64::from(u8::from(seed % 2 == 1 && path < 12)) * 100.0;
        let theirs: Vec<Vec<f64>> =
            (0..8).map(|s| (0..12).map(|p| p as f64 - luck(s, p)).collect()).collect();
        let ours: Vec<Vec<f64>> = (0..8).map(|_| (0..12).map(|p| p as f64).collect()).collect();
        let outcomes = resampled_differences(&ours, &theirs, 4000, 1);
        let difference = interval(50.0, &outcomes);
        // The share of eight draws that fail has a deviation of √(1/4 / 8) = 0.177.
        assert!((mean(&outcomes) - 50.0).abs() < 1.0, "{}", mean(&outcomes));
        assert_eq!((difference.low, difference.high), (12.5, 87.5));
        // What is the same in every world is exactly so, however many seeds it has.
        let thirds: Vec<Vec<f64>> = (0..3).map(|_| vec![0.1, 1.0 / 3.0, 1e8 / 7.0]).collect();
        let same = resampled_differences(&thirds, &thirds[..1], 50, 1);
        assert_eq!(same, [0.0; 50]);
        assert!(resampled_differences(&thirds, &[], 50, 1).is_empty());
    }

    #[test]
    fn the_interquartile_mean_leaves_out_a_quarter_on_each_side() {
        assert!((interquartile_mean(&[-1e9, 1.0, 3.0, 1e9]) - 2.0).abs() < 1e-12);
        // Of ten the third and the eighth count by half.
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        assert!((interquartile_mean(&ten) - 5.5).abs() < 1e-12);
        let skewed = [-100.0, 0.0, 0.0, 2.0, 4.0, 4.0, 4.0, 6.0, 9.0, 9.0];
        assert!((interquartile_mean(&skewed) - (2.0 + 4.0 * 3.0 + 3.0) / 5.0).abs() < 1e-12);
        assert!((interquartile_mean(&[7.0]) - 7.0).abs() < 1e-12 && interquartile_mean(&[]) == 0.0);
    }

    #[test]
    fn cvar_of_a_small_sample_counts_the_boundary_in_part() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        assert!((cvar(&values, 0.8) - 9.5).abs() < 1e-12);
        assert!((cvar(&values, 0.85) - (10.0 + 0.5 * 9.0) / 1.5).abs() < 1e-12);
        assert!((cvar(&values, 0.99) - 10.0).abs() < 1e-12);
        assert!(cvar(&[], 0.95).abs() < 1e-12);
    }

    #[test]
    fn quantiles_and_adjusted_p_values_are_those_worked_by_hand() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert!((quantile(&values, 0.95) - 19.0).abs() < 1e-12);
        assert!((quantile(&values, 1.0) - 20.0).abs() < 1e-12);
        assert!(quantile(&[], 0.5).abs() < 1e-12);
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.9]);
        for (got, expected) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.9]) {
            assert!((got - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert!(holm(&[]).is_empty());
        // 99 resamples, two of them below zero.
        let outcomes: Vec<f64> = (0..99).map(|i| f64::from(i) - 1.5).collect();
        assert!((p_value(&outcomes) - 2.0 * 3.0 / 100.0).abs() < 1e-12);
        assert!((p_value(&[]) - 1.0).abs() < 1e-12);
        // ±1 in equal parts: a standard error of one.
        assert!((detectable(&[-1.0, 1.0]) - 2.801_585).abs() < 1e-6);
    }

    #[test]
    fn an_interval_covers_its_mean_and_narrows_with_paths() {
        let rows = |paths: usize| -> Vec<Vec<f64>> {
            (0..3)
                .map(|s| {
                    let mut draw = Draw::at(7, s);
                    (0..paths).map(|_| draw.unit()).collect()
                })
                .collect()
        };
        let few = crossed_bootstrap(&rows(8), 1000, 1, mean);
        let many = crossed_bootstrap(&rows(800), 1000, 1, mean);
        assert!(few.low < few.mean && few.mean < few.high);
        assert!(many.high - many.low < few.high - few.low);
        assert_eq!(few, crossed_bootstrap(&rows(8), 1000, 1, mean));
        assert_ne!(few, crossed_bootstrap(&rows(8), 1000, 2, mean));
    }
}
