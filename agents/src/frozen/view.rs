//! Which values of a row a policy sees, where the row has more than it was trained with.

use super::{FrozenError, FrozenPolicy};

/// Columns of a wider row, in the order in which a policy was given them in training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    columns: Vec<usize>,
    width: usize,
}

impl View {
    /// These columns of a row of `width` values.
    ///
    /// # Errors
    /// A column that the row does not have.
    pub fn new(columns: Vec<usize>, width: usize) -> Result<Self, FrozenError> {
        match columns.iter().find(|column| **column >= width) {
            None => Ok(Self { columns, width }),
            Some(column) => Err(FrozenError::Column { column: *column, width }),
        }
    }

    /// Values in the row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }
    /// The values of a row `[width]` that are seen, `[columns]`.
    pub(super) fn of<'a>(&'a self, row: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
        self.columns.iter().map(|column| row[*column])
    }
}

impl FrozenPolicy {
    /// Values in the rows that it is given: of these it sees [`FrozenPolicy::obs_dim`].
    #[must_use]
    pub fn row_dim(&self) -> usize {
        self.view.as_ref().map_or(self.obs_dim(), View::width)
    }

    /// The same policy in a world whose rows are wider: `view` says where the values of the rows that it is given
    /// now, [`FrozenPolicy::row_dim`] of them, lie there.
    ///
    /// # Errors
    /// A view of more or fewer columns.
    pub fn seeing(mut self, view: View) -> Result<Self, FrozenError> {
        if view.columns.len() != self.row_dim() {
            return Err(FrozenError::Shape {
                tensor: "the view".to_owned(),
                expected: self.row_dim(),
                got: view.columns.len(),
            });
        }
        let View { columns, width } = view;
        let columns = match self.view {
            None => columns,
            Some(View { columns: own, width: _ }) => own.iter().map(|i| columns[*i]).collect(),
        };
        self.view = Some(View { columns, width });
        Ok(self)
    }
}
