//! History that grows by a block at a time and is shared, not copied, with every frame.

use std::ops::Range;
use std::sync::Arc;

/// Elements per shared chunk.
const CHUNK: usize = 1024;

/// An append-only list in shared chunks: a clone copies pointers, an append copies at most one chunk.
#[derive(Clone, Debug, PartialEq)]
pub struct History<T> {
    chunks: Vec<Arc<Vec<T>>>,
}

/// One value per block, from block 0; NaN where there is none.
pub type Series = History<f64>;

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone> History<T> {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends.
    pub fn push(&mut self, value: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(value),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(value);
                self.chunks.push(Arc::new(chunk));
            }
        }
    }

    /// Keeps the first `len` elements.
    pub fn truncate(&mut self, len: usize) {
        self.chunks.truncate(len.div_ceil(CHUNK));
        let rest = len % CHUNK;
        if let Some(last) = self.chunks.last_mut()
            && rest != 0
            && last.len() > rest
        {
            Arc::make_mut(last).truncate(rest);
        }
    }

    /// The `i`-th element.
    #[must_use]
    pub fn get(&self, i: usize) -> Option<&T> {
        self.chunks.get(i / CHUNK)?.get(i % CHUNK)
    }

    /// The newest element.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.chunks.last()?.last()
    }

    /// All elements, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The elements of a range (clamped), with their indices.
    pub fn range(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &T)> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let first = start / CHUNK;
        self.chunks[first..end.div_ceil(CHUNK).max(first)].iter().enumerate().flat_map(
            move |(c, chunk)| {
                let base = (first + c) * CHUNK;
                let from = start.max(base) - base;
                let to = (end - base).min(chunk.len());
                chunk[from..to].iter().enumerate().map(move |(i, v)| (base + from + i, v))
            },
        )
    }
}

impl<T: Clone> FromIterator<T> for History<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut history = Self::default();
        for value in values {
            history.push(value);
        }
        history
    }
}

impl Series {
    /// The newest value that is a number.
    #[must_use]
    pub fn last_value(&self) -> Option<f64> {
        self.iter().rev().copied().find(|v| v.is_finite())
    }

    /// The oldest value that is a number.
    #[must_use]
    pub fn first_value(&self) -> Option<f64> {
        self.iter().copied().find(|v| v.is_finite())
    }

    /// Points `[block, value]` of a range of blocks, thinned to the lowest and highest value of each
    /// of `columns` pixel columns, so that no spike is lost. Values that are not numbers are left out.
    #[must_use]
    pub fn decimate(&self, blocks: Range<usize>, columns: usize) -> Vec<[f64; 2]> {
        let columns = columns.max(1);
        let end = blocks.end.min(self.len());
        let start = blocks.start.min(end);
        let finite = self.range(start..end).filter(|(_, v)| v.is_finite());
        if end - start <= 2 * columns {
            return finite.map(|(i, v)| [i as f64, *v]).collect();
        }
        let mut points = Vec::with_capacity(2 * columns + 2);
        let mut column = usize::MAX;
        let mut low = [0.0; 2];
        let mut high = [0.0; 2];
        let flush = |low: [f64; 2], high: [f64; 2], points: &mut Vec<[f64; 2]>| {
            if low[0] == high[0] {
                points.push(low);
            } else if low[0] < high[0] {
                points.extend([low, high]);
            } else {
                points.extend([high, low]);
            }
        };
        for (i, value) in finite {
            let point = [i as f64, *value];
            let at = (i - start) * columns / (end - start);
            if at != column {
                if column != usize::MAX {
                    flush(low, high, &mut points);
                }
                column = at;
                low = point;
                high = point;
            } else if *value < low[1] {
                low = point;
            } else if *value > high[1] {
                high = point;
            }
        }
        if column != usize::MAX {
            flush(low, high, &mut points);
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncate_then_push_continues_where_the_cut_was() {
        let mut series: Series = (0..3000).map(f64::from).collect();
        let before = series.clone();
        for len in [3000, 2048, 2047, 1025, 1024, 1, 0] {
            series.truncate(len);
            assert_eq!(series.len(), len);
            assert_eq!(series.last().copied(), len.checked_sub(1).map(|i| i as f64));
        }
        assert_eq!(before.len(), 3000, "a clone keeps its own past");
        series.push(7.0);
        assert_eq!(series.iter().copied().collect::<Vec<_>>(), [7.0]);
    }

    #[test]
    fn range_yields_indices_across_chunks() {
        let series: Series = (0..3000).map(f64::from).collect();
        let got: Vec<_> = series.range(1000..2100).map(|(i, v)| (i, *v)).collect();
        assert_eq!(got.len(), 1100);
        assert!(got.iter().all(|(i, v)| *i as f64 == *v));
        assert_eq!(series.range(2990..9999).count(), 10);
        assert_eq!(series.range(5000..6000).count(), 0);
        assert_eq!(Series::default().range(0..10).count(), 0);
    }

    #[test]
    fn decimation_keeps_the_lowest_and_highest_value_of_every_column() {
        let mut values = vec![1.0; 10_000];
        values[1234] = 9.0;
        values[8765] = -4.0;
        values[50] = f64::NAN;
        let series: Series = values.into_iter().collect();
        let points = series.decimate(0..10_000, 100);
        assert!(points.len() <= 200);
        assert!(points.contains(&[1234.0, 9.0]));
        assert!(points.contains(&[8765.0, -4.0]));
        assert!(points.windows(2).all(|w| w[0][0] < w[1][0]));
        assert!(points.iter().all(|p| p[1].is_finite()));
    }
}
