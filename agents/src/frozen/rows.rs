//! A policy of rows in a world with more or fewer of them.

use super::{FrozenError, FrozenPolicy, Normaliser};
use crate::bounds::{Bounds, space};

impl FrozenPolicy {
    /// The same policy for observations with so many rows, where it reads rows as a set and answers for each by the same
    /// heads: what is no row, and what is decided for the whole, stay as they are.
    ///
    /// # Errors
    /// Its answers are not about rows, or it sees only some values of its rows.
    pub fn with_rows(self, room: usize) -> Result<Self, FrozenError> {
        let Some(set) = self.set.filter(|set| set.heads.is_some() && set.rows.room > 0) else {
            return Err(FrozenError::Empty { what: "heads of its rows' own" });
        };
        if let Some(view) = &self.view {
            let (tensor, expected) = ("the view".to_owned(), self.normaliser.mean.len());
            return Err(FrozenError::Shape { tensor, expected, got: view.width() });
        }
        let rows = set.rows;
        if rows.room == room {
            return Ok(Self { set: Some(set), ..self });
        }
        let (cells, first) = (rows.cells(), rows.start..rows.start + rows.width);
        let observed = |values: &[f32]| -> Vec<f32> {
            let each = values[first.clone()].iter().copied().cycle().take(room * rows.width);
            let (before, after) = (&values[..cells.start], &values[cells.end..]);
            before.iter().copied().chain(each).chain(after.iter().copied()).collect()
        };
        let normaliser = Normaliser {
            mean: observed(&self.normaliser.mean),
            var: observed(&self.normaliser.var),
            ..self.normaliser
        };
        let bounds = self.bounds.map(|bounds| {
            let [low, high] =
                [bounds.low(), bounds.high()].map(|of| repeated(of, rows.heads, rows.room, room));
            Bounds::new(&low, &high).map_err(FrozenError::Bounds)
        });
        let bounds = bounds.transpose()?;
        let heads = match bounds {
            Some(_) => Vec::new(),
            None => repeated(&self.heads, rows.heads, rows.room, room),
        };
        let action = space(heads, bounds.as_ref());
        let set = Some(set.with_room(room));
        let policy = Self::of(self.name, action, normaliser, (set, self.memory), self.layers)?;
        Ok(policy.with_activation(self.activation))
    }
}

/// What each of `was` rows has, `each` values of it, for `now` rows in their place; what comes after them is kept.
fn repeated<T: Copy>(values: &[T], each: usize, was: usize, now: usize) -> Vec<T> {
    let (rows, after) = values.split_at(each * was);
    let row = rows[..each].iter().copied().cycle().take(each * now);
    row.chain(after.iter().copied()).collect()
}
