//! Columnar files: a table of named columns, written as Parquet that any reader opens in one line.

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A column's values.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Numbers.
    Numbers(Vec<f64>),
    /// Words.
    Words(Vec<String>),
}

impl Values {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Integers(v) => v.len(),
            Self::Numbers(v) => v.len(),
            Self::Words(v) => v.len(),
        }
    }
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Named columns of equal length, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    columns: Vec<(String, Values)>,
}

impl Table {
    /// Adds a column.
    ///
    /// # Panics
    /// Where its length differs from the first column's.
    #[must_use]
    pub fn with(mut self, name: &str, values: Values) -> Self {
        if let Some((first, existing)) = self.columns.first() {
            assert_eq!(
                existing.len(),
                values.len(),
                "Invariant: column {name} is as long as {first}"
            );
        }
        self.columns.push((name.to_owned(), values));
        self
    }
    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &[(String, Values)] {
        &self.columns
    }
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, values)| values.len())
    }

    /// Writes the table as Parquet (Snappy, one row group).
    ///
    /// # Errors
    /// Those of the file system and the writer.
    pub fn write(&self, path: &Path) -> Result<(), ParquetError> {
        self.write_as(path, Compression::SNAPPY)
    }

    /// The same with any compression.
    pub(crate) fn write_as(
        &self,
        path: &Path,
        compression: Compression,
    ) -> Result<(), ParquetError> {
        let mut fields = Vec::with_capacity(self.columns.len());
        for (name, values) in &self.columns {
            let (physical, logical) = match values {
                Values::Integers(_) => (Physical::INT64, None),
                Values::Numbers(_) => (Physical::DOUBLE, None),
                Values::Words(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            };
            let field = Type::primitive_type_builder(name, physical)
                .with_repetition(Repetition::REQUIRED)
                .with_logical_type(logical)
                .build()?;
            fields.push(Arc::new(field));
        }
        let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
        let properties = WriterProperties::builder()
            .set_compression(compression)
            .set_created_by("ballast".to_owned())
            .build();
        let file = File::create(path)?;
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        let mut group = writer.next_row_group()?;
        for (_, values) in &self.columns {
            match values {
                Values::Integers(v) => column::<Int64Type>(&mut group, v)?,
                Values::Numbers(v) => column::<DoubleType>(&mut group, v)?,
                Values::Words(v) => {
                    let bytes: Vec<ByteArray> =
                        v.iter().map(|w| ByteArray::from(w.as_str())).collect();
                    column::<ByteArrayType>(&mut group, &bytes)?;
                }
            }
        }
        group.close()?;
        writer.close()?;
        Ok(())
    }
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    let mut writer = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("more columns than the schema has".to_owned()))?;
    writer.typed::<T>().write_batch(values, None, None)?;
    writer.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    #[test]
    fn a_table_reads_back_as_written() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("t.parquet");
        let table = Table::default()
            .with("block", Values::Integers(vec![1, 2]))
            .with("price_usd", Values::Numbers(vec![0.5, -1.0]))
            .with("kind", Values::Words(vec!["swap".into(), "borrow".into()]));
        table.write(&path).expect("writes");
        let reader = SerializedFileReader::new(File::open(&path).expect("opens")).expect("reads");
        let rows: Vec<_> = reader.get_row_iter(None).expect("rows").flatten().collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1].get_long(0).expect("long"), 2);
        assert_eq!(rows[1].get_double(1).expect("double"), -1.0);
        assert_eq!(rows[1].get_string(2).expect("string"), "borrow");
    }
}
