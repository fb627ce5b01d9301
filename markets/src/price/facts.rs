//! What a series of returns looks like: moments, autocorrelation, tails, jumps.
//!
//! Pure estimators, each with its standard error where one is known. They judge recorded prices and generated
//! ones alike, so that a comparison compares prices and not two ways of measuring.

/// Moments of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many values.
    pub count: usize,
    /// Mean, in the values' unit.
    pub mean: f64,
    /// Standard deviation about the mean (divisor n), in the values' unit.
    pub sd: f64,
    /// Skewness.
    pub skew: f64,
    /// Kurtosis beyond the normal's 3.
    pub excess_kurtosis: f64,
}

/// Moments of a sample; zeros where it is empty, no skew and kurtosis where it does not vary.
#[must_use]
pub fn moments(values: &[f64]) -> Moments {
    if values.is_empty() {
        return Moments::default();
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let (mut m2, mut m3, mut m4) = (0.0, 0.0, 0.0);
    for value in values {
        let d = value - mean;
        let d2 = d * d;
        m2 += d2;
        m3 += d2 * d;
        m4 += d2 * d2;
    }
    let (m2, m3, m4) = (m2 / n, m3 / n, m4 / n);
    let (skew, excess_kurtosis) =
        if m2 > 0.0 { (m3 / (m2 * m2.sqrt()), m4 / (m2 * m2) - 3.0) } else { (0.0, 0.0) };
    Moments { count: values.len(), mean, sd: m2.sqrt(), skew, excess_kurtosis }
}

/// Autocorrelation at a lag; 0 where there is none to be had. Of n independent values its standard error is
/// 1/√n (Bartlett, 1946).
#[must_use]
pub fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let Moments { count, mean, sd, .. } = moments(values);
    if lag >= count || sd == 0.0 {
        return 0.0;
    }
    let pairs = values.iter().zip(&values[lag..]);
    let sum: f64 = pairs.map(|(a, b)| (a - mean) * (b - mean)).sum();
    sum / (count as f64 * sd * sd)
}

/// A tail index with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TailIndex {
    /// ξ⁻¹: the tail falls like x^(−index); moments from there on do not exist.
    pub index: f64,
    /// index/√k, for independent values.
    pub standard_error: f64,
    /// k: how many of the largest values were used.
    pub used: usize,
}

/// Hill's tail index of the `share` largest of `values` (0.01 is the top percent), of the positive ones.
/// `None` where fewer than two values are positive or the largest are all equal.
///
/// With x₁ ≥ x₂ ≥ … it is k / Σ ln(xᵢ/x₍ₖ₊₁₎). Source: B. M. Hill, Annals of Statistics 3 (1975).
#[must_use]
pub fn hill(values: impl IntoIterator<Item = f64>, share: f64) -> Option<TailIndex> {
    let mut values: Vec<f64> = values.into_iter().collect();
    let used = ((values.len() as f64 * share) as usize).max(1);
    values.sort_by(|a, b| b.total_cmp(a));
    let edge = values.get(used).copied().filter(|edge| *edge > 0.0)?;
    let sum: f64 = values[..used].iter().map(|x| libm::log(x / edge)).sum();
    let index = used as f64 / sum;
    (sum > 0.0).then_some(TailIndex { index, standard_error: index / (used as f64).sqrt(), used })
}

/// Rule for jumps: a return is one where its magnitude is above `threshold` times the deviation of the
/// `window` returns before it, measured so that jumps among those hardly count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JumpRule {
    /// How many deviations.
    pub threshold: f64,
    /// Returns looked back at, at least 2.
    pub window: usize,
}

/// Positions of jumps in consecutive returns, none among the first `window`.
///
/// The deviation is √(π/2 · mean |rᵢ|·|rᵢ₋₁|), bipower variation: O. E. Barndorff-Nielsen and N. Shephard,
/// Journal of Financial Econometrics 2 (2004).
#[must_use]
pub fn jumps(returns: &[f64], rule: JumpRule) -> Vec<usize> {
    let JumpRule { threshold, window } = rule;
    if window < 2 || returns.len() <= window {
        return Vec::new();
    }
    let products: Vec<f64> = returns.windows(2).map(|pair| (pair[0] * pair[1]).abs()).collect();
    let pairs = (window - 1) as f64;
    let mut found = Vec::new();
    for (at, value) in returns.iter().enumerate().skip(window) {
        // A running sum would keep the rounding of a crash for ever.
        let sum: f64 = products[at - window..at - 1].iter().sum();
        let deviation = (std::f64::consts::FRAC_PI_2 * sum / pairs).sqrt();
        if value.abs() > threshold * deviation {
            found.push(at);
        }
    }
    found
}

/// The `p` quantile, linear between order statistics; 0 where there is no value.
#[must_use]
pub fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = at as usize;
    let above = (below + 1).min(last);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::super::draw;
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn normals(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..n).map(|_| draw::normal(rng.next_u64())).collect()
    }

    #[test]
    fn a_jump_is_beyond_the_threshold() {
        let found = |returns: &[f64], window| jumps(returns, JumpRule { threshold: 1.0, window });
        let none: [usize; 0] = [];
        // Deviation √(π/2) = 1.2533 of returns of one.
        assert_eq!(found(&[1.0, 1.0, 1.2], 2), none);
        assert_eq!(found(&[1.0, 1.0, 1.3], 2), [2]);
        assert_eq!(found(&[1.0, -1.0, 1.0, -1.3], 3), [3]);
        assert_eq!(found(&[0.0; 6], 3), none, "nothing moves");
        assert_eq!(found(&[1.0, 1.0, 9.0], 1), none, "too short a window");
        assert_eq!(found(&[1.0, 1.0, 9.0], 0), none, "no window");
        assert_eq!(found(&[1.0, 1.0, 9.0], 3), none, "nothing after the first window");
    }

    #[test]
    fn moments_by_hand() {
        // Values 0, 0, 0, 4: mean 1, m2 3, m3 6, m4 21.
        let Moments { count, mean, sd, skew, excess_kurtosis } = moments(&[0.0, 0.0, 0.0, 4.0]);
        assert_eq!((count, mean), (4, 1.0));
        assert!((sd - 3_f64.sqrt()).abs() < 1e-15);
        assert!((skew - 6.0 / (3.0 * 3_f64.sqrt())).abs() < 1e-15);
        assert!((excess_kurtosis - (21.0 / 9.0 - 3.0)).abs() < 1e-15);
        assert_eq!(moments(&[2.0, 2.0]).skew, 0.0);
        assert_eq!(moments(&[]), Moments::default());
    }

    #[test]
    fn autocorrelation_by_hand() {
        // 1, −1, 1, −1: at lag one −3/4, at lag two 2/4.
        let values = [1.0, -1.0, 1.0, -1.0];
        assert_eq!(autocorrelation(&values, 1), -0.75);
        assert_eq!(autocorrelation(&values, 2), 0.5);
        assert_eq!(autocorrelation(&values, 9), 0.0);
    }

    #[test]
    fn hill_finds_the_exponent_of_a_power_law() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        // Pareto of exponent 2.5 is u^(−1/2.5); the estimate of the top tenth errs by 2.5/√20,000 = 0.018.
        let pareto = (0..200_000).map(|_| libm::pow(draw::uniform(rng.next_u64()), -0.4));
        let tail = hill(pareto, 0.1).expect("a tail");
        assert_eq!(tail.used, 20_000);
        assert!((tail.index - 2.5).abs() < 4.0 * tail.standard_error, "{tail:?}");
        assert_eq!(hill([-1.0, -2.0, -3.0], 0.3), None);
        assert_eq!(hill([1.0, 1.0, 1.0, 1.0], 0.5), None);
    }

    #[test]
    fn jumps_are_found_and_do_not_hide_the_next_one() {
        let mut returns = normals(2_000, 4);
        let at = [500, 503, 1_200];
        for i in at {
            returns[i] = 12.0;
        }
        let found = jumps(&returns, JumpRule { threshold: 4.0, window: 168 });
        assert!(at.iter().all(|i| found.contains(i)), "{found:?}");
        // Normals pass four deviations in 1 of 16,000 cases; the deviation's own error makes it a few.
        assert!(found.len() <= at.len() + 2, "{found:?}");
        assert!(jumps(&returns[..168], JumpRule { threshold: 4.0, window: 168 }).is_empty());
    }

    #[test]
    fn quantiles_interpolate() {
        let values = [3.0, 1.0, 2.0];
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 0.75), 2.5);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
