//! Correlated normals by a Cholesky factor.

use super::PriceError;
use serde::{Deserialize, Serialize};

/// The lower-triangular factor of a correlation matrix, packed by rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cholesky {
    order: usize,
    rows: Vec<f64>,
}

impl Cholesky {
    /// Factors a correlation matrix given by rows. Semi-definite matrices (perfect correlation) are
    /// accepted: a pivot within 10⁻¹² of zero counts as zero.
    ///
    /// # Errors
    /// [`PriceError`]: not square, not symmetric with unit diagonal, not positive semi-definite.
    pub fn new(correlation: &[Vec<f64>]) -> Result<Self, PriceError> {
        const TOLERANCE: f64 = 1e-12;
        let order = correlation.len();
        let mut rows: Vec<f64> = Vec::with_capacity(order * (order + 1) / 2);
        let at = |row: usize, column: usize| row * (row + 1) / 2 + column;
        for (row, entries) in correlation.iter().enumerate() {
            if entries.len() != order {
                let found = entries.len();
                return Err(PriceError::Length { what: "correlation row", found, expected: order });
            }
            for column in 0..=row {
                let value = entries[column];
                let mirrored = correlation[column].get(row).copied().unwrap_or(f64::NAN);
                let diagonal_ok = row != column || (value - 1.0).abs() <= TOLERANCE;
                if !(value.abs() <= 1.0 && (value - mirrored).abs() <= TOLERANCE && diagonal_ok) {
                    return Err(PriceError::NotCorrelation { row, column, value });
                }
                let known: f64 = (0..column).map(|k| rows[at(row, k)] * rows[at(column, k)]).sum();
                let rest = value - known;
                let entry = if row == column {
                    if rest < -TOLERANCE {
                        return Err(PriceError::NotPositiveSemiDefinite { row });
                    }
                    rest.max(0.0).sqrt()
                } else {
                    let pivot = rows[at(column, column)];
                    if pivot > TOLERANCE {
                        rest / pivot
                    } else if rest.abs() <= 1e-6 {
                        0.0
                    } else {
                        return Err(PriceError::NotPositiveSemiDefinite { row });
                    }
                };
                rows.push(entry);
            }
        }
        Ok(Self { order, rows })
    }

    /// How many normals it correlates.
    #[must_use]
    pub const fn order(&self) -> usize {
        self.order
    }

    /// Replaces independent normals by correlated ones, in place: z ← L·z.
    #[inline]
    pub(super) fn correlate(&self, normals: &mut [f64]) {
        // From the last row up: a row reads only entries at or before its own.
        let mut end = self.rows.len();
        for row in (0..self.order).rev() {
            let start = end - (row + 1);
            normals[row] =
                self.rows[start..end].iter().zip(normals.iter()).map(|(l, z)| l * z).sum();
            end = start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_times_itself_is_the_matrix() {
        let matrix = vec![vec![1.0, 0.8, 0.3], vec![0.8, 1.0, -0.2], vec![0.3, -0.2, 1.0]];
        let factor = Cholesky::new(&matrix).expect("a correlation matrix");
        // Columns of L, by correlating unit vectors.
        let column = |i: usize| {
            let mut unit = vec![0.0; 3];
            unit[i] = 1.0;
            factor.correlate(&mut unit);
            unit
        };
        let columns = [column(0), column(1), column(2)];
        for (i, row) in matrix.iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let product: f64 = columns.iter().map(|c| c[i] * c[j]).sum();
                assert!((product - value).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn perfect_correlation_is_accepted_and_impossible_ones_are_not() {
        assert!(Cholesky::new(&[vec![1.0, 1.0], vec![1.0, 1.0]]).is_ok());
        let impossible = [vec![1.0, 0.9, -0.9], vec![0.9, 1.0, 0.9], vec![-0.9, 0.9, 1.0]];
        assert_eq!(Cholesky::new(&impossible), Err(PriceError::NotPositiveSemiDefinite { row: 2 }));
        let lopsided = [vec![1.0, 0.5], vec![0.4, 1.0]];
        assert!(matches!(Cholesky::new(&lopsided), Err(PriceError::NotCorrelation { .. })));
        let ragged = [vec![1.0, 0.5], vec![0.5]];
        assert!(Cholesky::new(&ragged).is_err());
    }
}
