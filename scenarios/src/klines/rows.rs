//! Rows of cells from CSV and Parquet, each with its place.

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// Rows with their places: the line of a CSV, the row of a Parquet file, from 1. The header is a row.
type Rows = Vec<(usize, Vec<String>)>;

/// Rows of a CSV; `#` begins a comment, the separator is what the first row has most of. A row of one cell
/// before the header (an exchange's address) is no row.
pub(super) fn csv(bytes: &[u8]) -> Result<Rows, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = str::from_utf8(bytes)
        .map_err(|error| format!("neither Parquet nor UTF-8 text ({error})"))?;
    let is_row = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let many = |line: &&str| line.contains([',', ';', '\t']);
    let first = text.lines().filter(is_row).find(many).unwrap_or("");
    let count = |c: &char| first.matches(*c).count();
    let separator = [',', ';', '\t'].into_iter().max_by_key(count).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .delimiter(separator as u8)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let mut rows = Rows::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if record.len() == 1 && rows.is_empty() {
            continue;
        }
        let line = record.position().map_or(0, |position| position.line() as usize);
        rows.push((line, record.iter().map(str::to_owned).collect()));
    }
    Ok(rows)
}

/// Rows of a Parquet file, after one of its column names.
pub(super) fn parquet(bytes: &[u8]) -> Result<Rows, String> {
    let broken = |error: parquet::errors::ParquetError| error.to_string();
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes)).map_err(broken)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let names = schema.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut rows = vec![(0, names)];
    for (i, row) in reader.get_row_iter(None).map_err(broken)?.enumerate() {
        let row = row.map_err(broken)?;
        rows.push((i + 1, row.get_column_iter().map(|(_, field)| cell(field)).collect()));
    }
    Ok(rows)
}

/// A value as a CSV would have it.
fn cell(field: &Field) -> String {
    match field {
        Field::Str(text) => text.clone(),
        Field::Float(value) => value.to_string(),
        Field::Double(value) => value.to_string(),
        Field::Int(value) => value.to_string(),
        Field::Long(value) | Field::TimestampMillis(value) | Field::TimestampMicros(value) => {
            value.to_string()
        }
        Field::UInt(value) => value.to_string(),
        Field::ULong(value) => value.to_string(),
        Field::Date(days) => (i64::from(*days) * 86_400).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use crate::klines::{from_bytes, read};
    use crate::table::{Table, Values};
    use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};

    #[test]
    fn parquet_reads_as_csv_does() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("k.parquet");
        let numbers = |values: [f64; 2]| Values::Numbers(values.to_vec());
        let table = Table::default()
            .with("close", numbers([2.0, 3.0]))
            .with("open_time", Values::Integers(vec![1_583_971_200_000, 1_583_974_800_000]))
            .with("symbol", Values::Words(vec!["ETH".into(), "ETH".into()]))
            .with("open", numbers([1.0, 2.0]))
            .with("high", numbers([3.0, 4.0]))
            .with("low", numbers([0.5, 1.0]));
        let csv = "1583971200,1,3,0.5,2\n1583974800,2,4,1,3\n";
        let expected = from_bytes("x.csv", csv.as_bytes()).expect("reads");
        // What pandas, Polars and Spark write, by default or if asked.
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::ZSTD(ZstdLevel::default()),
            Compression::GZIP(GzipLevel::default()),
            Compression::LZ4_RAW,
            Compression::BROTLI(BrotliLevel::default()),
        ] {
            table.write_as(&path, compression).expect("writes");
            let found = read(&path).expect("reads");
            assert_eq!(found.times, expected.times, "{compression}");
            assert!(found.bars == expected.bars && found.flaws.is_empty(), "{compression}");
        }
    }
}
