//! `rows.parquet`: the finished rows as typed columns, for data frames and databases.
//!
//! Rows stream to text, of which every prefix is whole; a Parquet file is only complete with its footer. So it is made of the
//! finished text, row group by row group, and holds the same figures: numbers as 64-bit integers, words as UTF-8, no
//! figure as null. The units of the columns are in its metadata.

use std::io::{Read, Write};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::manifest::Manifest;

/// Rows of one group: what is held in memory at a time.
const GROUP: usize = 1 << 16;

/// One column.
struct Column {
    name: String,
    numbers: bool,
    required: bool,
}

impl Column {
    fn of(name: &str, manifest: &Manifest) -> Self {
        let words = matches!(name, "digest" | "error") || manifest.words.iter().any(|w| w == name);
        Self { name: name.to_owned(), numbers: !words, required: matches!(name, "point" | "repeat" | "seed") }
    }

    fn schema(&self) -> Result<Arc<Type>, ParquetError> {
        let physical = if self.numbers { Physical::INT64 } else { Physical::BYTE_ARRAY };
        let repetition = if self.required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let kind = (!self.numbers).then_some(LogicalType::String);
        let built = Type::primitive_type_builder(&self.name, physical)
            .with_repetition(repetition)
            .with_logical_type(kind)
            .build()?;
        Ok(Arc::new(built))
    }

    /// Adds the cells of a group; an empty one is null.
    fn write<W: Write + Send>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        cells: &[String],
    ) -> Result<(), ParquetError> {
        let Some(mut column) = group.next_column()? else {
            return Err(ParquetError::General(format!("no column is left for {}", self.name)));
        };
        let levels: Vec<i16> = cells.iter().map(|c| i16::from(!c.is_empty())).collect();
        let levels = (!self.required).then_some(levels.as_slice());
        let filled = || cells.iter().filter(|c| self.required || !c.is_empty());
        if self.numbers {
            let number = |c: &String| {
                c.parse::<i64>()
                    .map_err(|_| ParquetError::General(format!("`{c}` in column {} is no number", self.name)))
            };
            let values: Vec<i64> = filled().map(number).collect::<Result<_, _>>()?;
            column.typed::<Int64Type>().write_batch(&values, levels, None)?;
        } else {
            let values: Vec<ByteArray> = filled().map(|c| ByteArray::from(c.as_str())).collect();
            column.typed::<ByteArrayType>().write_batch(&values, levels, None)?;
        }
        column.close()
    }
}

/// Writes the rows of a CSV file of this sweep as Parquet; returns how many there are.
///
/// # Errors
/// A sentence: the rows cannot be read, are not those of the sweep, or cannot be written.
pub fn write_parquet(rows: impl Read, manifest: &Manifest, out: impl Write + Send) -> Result<u64, String> {
    let mut reader = csv::Reader::from_reader(rows);
    let head = reader.headers().map_err(|e| e.to_string())?.clone();
    if head.iter().ne(manifest.columns.iter()) {
        return Err("the rows have other columns than the sweep".to_owned());
    }
    let columns: Vec<Column> = head.iter().map(|name| Column::of(name, manifest)).collect();
    written(&mut reader, &columns, manifest, out).map_err(|e| e.to_string())
}

fn written(
    reader: &mut csv::Reader<impl Read>,
    columns: &[Column],
    manifest: &Manifest,
    out: impl Write + Send,
) -> Result<u64, ParquetError> {
    let fields = columns.iter().map(Column::schema).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder("rows").with_fields(fields).build()?;
    let said = |key: &str, value: &str| KeyValue::new(key.to_owned(), value.to_owned());
    let mut about = vec![said("plan", &manifest.plan), said("model", &manifest.model)];
    about.extend(manifest.units.iter().map(|(name, unit)| said(&format!("unit.{name}"), unit)));
    let properties = WriterProperties::builder()
        .set_created_by(format!("skmem {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(about))
        .build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); columns.len()];
    let mut total = 0;
    let mut flush = |cells: &mut Vec<Vec<String>>| -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        for (column, cells) in columns.iter().zip(cells) {
            column.write(&mut group, cells)?;
            cells.clear();
        }
        group.close()?;
        Ok(())
    };
    for record in reader.records() {
        let record = record.map_err(|e| ParquetError::General(e.to_string()))?;
        for (list, cell) in cells.iter_mut().zip(&record) {
            list.push(cell.to_owned());
        }
        total += 1;
        if cells[0].len() == GROUP {
            flush(&mut cells)?;
        }
    }
    if !cells[0].is_empty() {
        flush(&mut cells)?;
    }
    writer.close()?;
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn manifest(columns: &[&str], axes: &[&str], words: &[&str]) -> Manifest {
        let texts = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        Manifest {
            schema: 1,
            plan: "p".to_owned(),
            model: "m".to_owned(),
            decides: BTreeMap::new(),
            shard: "1/1".to_owned(),
            columns: texts(columns),
            axes: texts(axes),
            words: texts(words),
            conditions: Vec::new(),
            units: [("fitted".to_owned(), "bytes".to_owned())].into(),
            done: None,
        }
    }

    /// The columns of one row: name and text.
    type Row = Vec<(String, String)>;

    /// Every field as text, `null` for none, read with the library's own reader.
    fn read(bytes: Vec<u8>) -> (Vec<Row>, BTreeMap<String, String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.parquet");
        std::fs::write(&path, bytes).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let about = reader.metadata().file_metadata().key_value_metadata().unwrap();
        let about = about.iter().map(|kv| (kv.key.clone(), kv.value.clone().unwrap_or_default())).collect();
        let text = |f: &Field| match f {
            Field::Null => "null".to_owned(),
            Field::Long(n) => n.to_string(),
            Field::Str(s) => format!("'{s}'"),
            other => panic!("{other:?}"),
        };
        let rows = reader.get_row_iter(None).unwrap().map(|row| {
            row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), text(field))).collect()
        });
        (rows.collect(), about)
    }

    const CSV: &str = "point,repeat,seed,rx.SO_RCVBUF,kernel,fitted,digest,error\n\
        0,0,17,65536,5.10,-3,abc,\n1,0,18,8192,6.1,,,\"no, never\"\n";

    #[test]
    fn what_is_written_is_read_back_with_types_and_units() {
        let columns = ["point", "repeat", "seed", "rx.SO_RCVBUF", "kernel", "fitted", "digest", "error"];
        let m = manifest(&columns, &["rx.SO_RCVBUF", "kernel"], &["kernel"]);
        let mut bytes = Vec::new();
        assert_eq!(write_parquet(CSV.as_bytes(), &m, &mut bytes), Ok(2));
        let mut again = Vec::new();
        write_parquet(CSV.as_bytes(), &m, &mut again).unwrap();
        assert!(bytes == again, "the same rows give the same bytes");
        let (rows, about) = read(bytes);
        let values: Vec<Vec<&str>> =
            rows.iter().map(|r| r.iter().map(|(_, v)| v.as_str()).collect()).collect();
        assert_eq!(values[0], ["0", "0", "17", "65536", "'5.10'", "-3", "'abc'", "null"]);
        assert_eq!(values[1], ["1", "0", "18", "8192", "'6.1'", "null", "null", "'no, never'"]);
        assert!(rows[0].iter().map(|(name, _)| name.as_str()).eq(columns));
        assert_eq!(about["unit.fitted"], "bytes");
        let other = write_parquet(CSV.as_bytes(), &manifest(&["point"], &[], &[]), Vec::new());
        assert_eq!(other, Err("the rows have other columns than the sweep".to_owned()));
    }

    #[test]
    fn rows_of_several_groups_keep_their_order() {
        let n = GROUP * 2 + 5;
        let mut csv = "point,repeat,seed,fitted,digest,error\n".to_owned();
        for i in 0..n {
            csv.push_str(&format!("{i},0,{i},{},d,\n", i * 3));
        }
        let m = manifest(&["point", "repeat", "seed", "fitted", "digest", "error"], &[], &[]);
        let mut bytes = Vec::new();
        assert_eq!(write_parquet(csv.as_bytes(), &m, &mut bytes), Ok(n as u64));
        let (rows, _) = read(bytes);
        assert_eq!(rows.len(), n);
        assert!(
            rows.iter().enumerate().all(|(i, r)| r[0].1 == i.to_string() && r[3].1 == (i * 3).to_string())
        );
    }
}
