//! Maximisers without derivatives for the attackers' problems: few dimensions, kinks, several hills.

/// 1/φ: what golden-section search keeps of an interval.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// A maximum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Best {
    /// Where.
    pub(crate) at: f64,
    /// How high; −∞ where nothing was feasible.
    pub(crate) value: f64,
}

impl Best {
    /// The higher of two; the first where they are equal, so that ties have one winner.
    fn or(self, other: Self) -> Self {
        if other.value > self.value { other } else { self }
    }
}

/// The maximum of `f` on `[low, high]`: a grid of `grid + 1` points finds the hill, golden-section
/// search climbs it in `steps` evaluations. The grid's own points count, so the result is never below
/// the grid's best; within the winning cells it is exact for functions with one hill there, kinks
/// included (Kiefer 1953).
pub(crate) fn maximise(
    low: f64,
    high: f64,
    grid: u32,
    steps: u32,
    mut f: impl FnMut(f64) -> f64,
) -> Best {
    let cell = (high - low) / f64::from(grid.max(1));
    let mut best = Best { at: low, value: f64::NEG_INFINITY };
    for i in 0..=grid {
        let at = low + cell * f64::from(i);
        best = best.or(Best { at, value: f(at) });
    }
    if best.value == f64::NEG_INFINITY || cell <= 0.0 {
        return best;
    }
    climb((best.at - cell).max(low), (best.at + cell).min(high), steps, &mut f).or(best)
}

/// Golden-section search on `[low, high]`.
fn climb(mut low: f64, mut high: f64, steps: u32, f: &mut impl FnMut(f64) -> f64) -> Best {
    let at = |low: f64, high: f64| (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (x1, x2) = at(low, high);
    let mut left = Best { at: x1, value: f(x1) };
    let mut right = Best { at: x2, value: f(x2) };
    let mut best = left.or(right);
    for _ in 2..steps {
        if left.value >= right.value {
            high = right.at;
            right = left;
            let (x1, _) = at(low, high);
            left = Best { at: x1, value: f(x1) };
            best = best.or(left);
        } else {
            low = left.at;
            left = right;
            let (_, x2) = at(low, high);
            right = Best { at: x2, value: f(x2) };
            best = best.or(right);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_top_of_a_smooth_hill_and_of_a_kink() {
        let smooth = maximise(0.0, 10.0, 16, 32, |x| -(x - 3.3) * (x - 3.3));
        assert!((smooth.at - 3.3).abs() < 1e-5, "{smooth:?}");
        let kink = maximise(0.0, 10.0, 16, 40, |x| -(x - 7.77_f64).abs());
        assert!((kink.at - 7.77).abs() < 1e-6, "{kink:?}");
        let edge = maximise(0.0, 10.0, 4, 20, |x| x);
        assert_eq!(edge.at, 10.0);
    }

    #[test]
    fn finds_the_higher_of_two_hills() {
        let two =
            |x: f64| libm::exp(-(x - 2.0) * (x - 2.0)) + 1.2 * libm::exp(-(x - 8.0) * (x - 8.0));
        assert!((maximise(0.0, 10.0, 16, 32, two).at - 8.0).abs() < 1e-3);
    }

    #[test]
    fn says_so_where_nothing_is_feasible() {
        assert_eq!(maximise(0.0, 1.0, 8, 8, |_| f64::NEG_INFINITY).value, f64::NEG_INFINITY);
    }
}
