//! Regime switching: calm and turbulent times as a Markov chain, normal returns within each.
//!
//! r = m_k·Δ + σ_k·√Δ·Z in regime k; at the start of every hour the regime becomes j with probability
//! `P[k][j]`. m_k per year and σ_k per √year of the log price, Δ in years of 365 days, P per hour.
//! Source: J. D. Hamilton, "A new approach to the economic analysis of nonstationary time series and the
//! business cycle", Econometrica 57 (1989).
//!
//! The chain starts in `start`, or in a regime drawn from the stationary distribution π = π·P. All assets
//! read one draw an hour: those of equal matrices and starts are always in the same regime.

use super::{HOUR_SECS, SpecError, blocks_in, draw, gbm::years, require};
use serde::{Deserialize, Serialize};

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeSwitching {
    /// The regimes, at least two.
    pub regimes: Vec<Regime>,
    /// P: each row the probabilities of the next hour's regime, of sum one.
    pub hourly_transition: Vec<Vec<f64>>,
    /// The first regime; `None` to draw it from the stationary distribution.
    pub start: Option<usize>,
}

/// What prices do in one regime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    /// m: mean of the log return, per year.
    pub log_drift_per_year: f64,
    /// σ: volatility of the log price, per √year.
    pub vol_per_sqrt_year: f64,
}

impl RegimeSwitching {
    /// Whether the chain can be played: a transition matrix, and a start, given or drawn from shares of time.
    ///
    /// # Errors
    /// [`SpecError`]: the matrix is no transition matrix, or no start is given and there are no shares.
    pub fn check(&self) -> Result<(), SpecError> {
        match self.start {
            Some(_) => check_matrix(&self.hourly_transition, self.regimes.len()),
            None => self.stationary().map(drop),
        }
    }

    /// π: the share of hours in each regime in the long run, by the elimination of Grassmann, Taksar and
    /// Heyman (1985), which subtracts nothing and so loses no digits where regimes hardly ever change.
    ///
    /// # Errors
    /// [`SpecError`]: the matrix is no transition matrix, or a regime cannot be left for the others.
    pub fn stationary(&self) -> Result<Vec<f64>, SpecError> {
        check_matrix(&self.hourly_transition, self.regimes.len())?;
        let mut p = self.hourly_transition.clone();
        let n = p.len();
        for k in (1..n).rev() {
            let leaving: f64 = p[k][..k].iter().sum();
            if leaving <= 0.0 {
                return Err(SpecError::TrappingRegime { regime: k });
            }
            for i in 0..k {
                p[i][k] /= leaving;
                for j in 0..k {
                    p[i][j] += p[i][k] * p[k][j];
                }
            }
        }
        let mut shares = vec![1.0; n];
        for k in 1..n {
            shares[k] = (0..k).map(|i| shares[i] * p[i][k]).sum();
        }
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
        Ok(shares)
    }
}

/// Fails unless every row is a distribution over `regimes`.
fn check_matrix(matrix: &[Vec<f64>], regimes: usize) -> Result<(), SpecError> {
    if matrix.len() != regimes {
        return Err(SpecError::TransitionShape { found: matrix.len(), regimes });
    }
    for (row, entries) in matrix.iter().enumerate() {
        if entries.len() != regimes {
            return Err(SpecError::TransitionShape { found: entries.len(), regimes });
        }
        let sum: f64 = entries.iter().sum();
        let sound = entries.iter().all(|p| (0.0..=1.0).contains(p)) && (sum - 1.0).abs() <= 1e-9;
        if !sound {
            return Err(SpecError::TransitionRow { row, sum });
        }
    }
    Ok(())
}

/// The process, its steps worked out for a block length, and its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RegimeProcess {
    /// Mean and deviation of a block's log return, by regime.
    steps: Vec<(f64, f64)>,
    /// Sums of the rows of P, `[regimes][regimes]`.
    cumulative: Vec<Vec<f64>>,
    /// Sums of the distribution that the first regime is drawn from.
    cumulative_start: Vec<f64>,
    blocks: u32,
    block: u32,
    /// `None` before the first hour.
    regime: Option<usize>,
}

impl RegimeProcess {
    pub(super) fn new(spec: &RegimeSwitching, block_secs: u32) -> Result<Self, SpecError> {
        let RegimeSwitching { regimes, hourly_transition, start } = spec;
        let count = regimes.len();
        require(count >= 2, "regimes", count as f64, "at least 2; use GBM for one")?;
        check_matrix(hourly_transition, count)?;
        let years = years(block_secs);
        let mut steps = Vec::with_capacity(count);
        for Regime { log_drift_per_year: drift, vol_per_sqrt_year: vol } in regimes {
            require(true, "log_drift_per_year", *drift, "finite")?;
            require(*vol >= 0.0, "vol_per_sqrt_year", *vol, "at least 0")?;
            steps.push((drift * years, vol * years.sqrt()));
        }
        let first = match *start {
            Some(first) => {
                require(first < count, "start", first as f64, "the position of a regime")?;
                (0..count).map(|k| f64::from(u8::from(k == first))).collect()
            }
            None => spec.stationary()?,
        };
        Ok(Self {
            steps,
            cumulative: hourly_transition.iter().map(|row| sums(row)).collect(),
            cumulative_start: sums(&first),
            blocks: blocks_in(HOUR_SECS, block_secs)?,
            block: 0,
            regime: None,
        })
    }

    pub(super) fn restart(&mut self) {
        self.block = 0;
        self.regime = None;
    }

    /// The block's log return. `word` is the block's shared word; it counts at the hour's first block.
    #[inline]
    pub(super) fn step(&mut self, z: f64, word: u64) -> f64 {
        if self.block == 0 {
            let u = draw::uniform(draw::derived(word, SALT));
            let sums = self.regime.map_or(&self.cumulative_start, |k| &self.cumulative[k]);
            self.regime = Some(sums.iter().take_while(|sum| **sum <= u).count());
        }
        self.block += 1;
        if self.block == self.blocks {
            self.block = 0;
        }
        let (mean, deviation) = self.regime.map_or((0.0, 0.0), |k| self.steps[k]);
        mean + deviation * z
    }
}

/// Running sums, those of the last positive entry and after it held at one: rounding names no other regime.
fn sums(row: &[f64]) -> Vec<f64> {
    let last = row.iter().rposition(|p| *p > 0.0).unwrap_or(0);
    let mut sum = 0.0;
    let add = |(k, p): (usize, &f64)| {
        sum += p;
        if k >= last { 1.0 } else { sum }
    };
    row.iter().enumerate().map(add).collect()
}

/// Keeps regimes apart from other uses of the shared word.
pub(super) const SALT: u64 = 1 << 35;

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(transition: &[&[f64]]) -> RegimeSwitching {
        let regime = Regime { log_drift_per_year: 0.0, vol_per_sqrt_year: 1.0 };
        RegimeSwitching {
            regimes: vec![regime; transition.len()],
            hourly_transition: transition.iter().map(|row| row.to_vec()).collect(),
            start: None,
        }
    }

    #[test]
    fn two_regimes_have_the_textbook_shares() {
        // π₀ = (1 − q)/(2 − p − q), however rarely they change.
        for (p, q) in [(0.9, 0.8), (1.0 - 1e-12, 1.0 - 3e-12)] {
            let shares = spec(&[&[p, 1.0 - p], &[1.0 - q, q]]).stationary().expect("a chain");
            let expected = (1.0 - q) / ((1.0 - p) + (1.0 - q));
            assert!((shares[0] - expected).abs() < 1e-12, "{shares:?}");
        }
    }

    #[test]
    fn a_chain_is_checked_with_and_without_a_start() {
        let trapped = spec(&[&[1.0, 0.0], &[0.0, 1.0]]);
        assert_eq!(trapped.check(), Err(SpecError::TrappingRegime { regime: 1 }));
        assert_eq!(RegimeSwitching { start: Some(0), ..trapped }.check(), Ok(()));
        let ragged = RegimeSwitching { start: Some(0), ..spec(&[&[0.5, 0.5], &[1.0]]) };
        assert!(ragged.check().is_err());
    }

    #[test]
    fn running_sums_end_at_the_last_that_can_be() {
        assert_eq!(sums(&[0.7, 0.25, 0.0]), [0.7, 1.0, 1.0]);
        assert_eq!(sums(&[0.0, 1.0]), [0.0, 1.0]);
    }

    #[test]
    fn four_regimes_that_all_change_are_stationary() {
        let row = |i: usize| (0..4).map(move |j| (1 + (3 * i + 5 * j) % 7) as f64);
        let rows: Vec<Vec<f64>> =
            (0..4).map(|i| row(i).map(|p| p / row(i).sum::<f64>()).collect()).collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let spec = spec(&rows);
        let shares = spec.stationary().expect("a chain");
        for j in 0..4 {
            let next: f64 = (0..4).map(|i| shares[i] * spec.hourly_transition[i][j]).sum();
            assert!((next - shares[j]).abs() < 1e-14, "{shares:?}");
        }
    }

    #[test]
    fn three_regimes_are_stationary() {
        let spec = spec(&[&[0.9, 0.1, 0.0], &[0.2, 0.7, 0.1], &[0.0, 0.5, 0.5]]);
        let shares = spec.stationary().expect("a chain");
        for j in 0..3 {
            let next: f64 = (0..3).map(|i| shares[i] * spec.hourly_transition[i][j]).sum();
            assert!((next - shares[j]).abs() < 1e-15);
        }
    }

    #[test]
    fn matrices_that_are_none_are_refused() {
        let refused = |rows: &[&[f64]]| RegimeProcess::new(&spec(rows), 900).expect_err("no chain");
        let ragged = refused(&[&[0.5, 0.5], &[1.0]]);
        assert_eq!(ragged, SpecError::TransitionShape { found: 1, regimes: 2 });
        let sum = refused(&[&[0.5, 0.4], &[0.5, 0.5]]);
        assert!(matches!(sum, SpecError::TransitionRow { row: 0, .. }));
        let negative = refused(&[&[0.5, 0.5], &[1.5, -0.5]]);
        assert!(matches!(negative, SpecError::TransitionRow { row: 1, .. }));
        let trap = refused(&[&[0.5, 0.5], &[0.0, 1.0]]);
        assert_eq!(trap, SpecError::TrappingRegime { regime: 1 });
        assert!(RegimeProcess::new(&spec(&[&[1.0]]), 900).is_err());
    }

    #[test]
    fn a_trap_is_allowed_where_the_start_is_given() {
        let mut spec = spec(&[&[0.5, 0.5], &[0.0, 1.0]]);
        spec.start = Some(0);
        let mut process = RegimeProcess::new(&spec, HOUR_SECS).expect("a start is given");
        for word in 0..200_u64 {
            process.step(0.0, word.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        assert_eq!(process.regime, Some(1));
    }
}
