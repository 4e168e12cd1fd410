//! The one list of columns: name, unit, meaning and comparison class of everything a trace file holds.
//!
//! Every sink and every reader asks this list; its version is [`SCHEMA_VERSION`]. Recordings of real kernels use
//! partly other names (`rcvbuf`, `recvq`, `rmem`, `win`); each column knows its recorded name.

mod packets;
mod segments;
mod state;

use std::borrow::Cow;

use sim_core::state::SocketState;

use crate::record::{AckRow, ReadRow, TraceRow, TxRecord};

/// Version of the list. It changes when a column changes its name, unit or meaning, or disappears.
pub const SCHEMA_VERSION: u32 = 1;

/// How a column takes part in a comparison of two traces.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// It was given to the model: it identifies the row or the segment.
    Input,
    /// The model must give it.
    Compared,
    /// It depends on the recorder, or the model does not define it.
    Undefined,
}

impl Class {
    /// `input`, `compared` or `undefined`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Compared => "compared",
            Self::Undefined => "undefined",
        }
    }
}

/// What a column counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Things: packets, skbs, calls.
    Count,
    /// Nanoseconds since the start of the run.
    Nanoseconds,
    /// Microseconds since the start of the run.
    Microseconds,
    /// Microseconds shifted left by 3.
    Microseconds8,
    /// A point on the scale of the kernel's tick counter.
    Jiffies,
    /// A span in ticks.
    Ticks,
    /// A sequence number relative to the initial one of its direction.
    Sequence,
    /// 256ths.
    Of256,
    /// 0 or 1.
    Bool,
    /// A number without unit, as the kernel or the header holds it.
    Number,
    /// Text.
    Text,
}

impl Unit {
    /// The unit in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Nanoseconds => "ns",
            Self::Microseconds => "us",
            Self::Microseconds8 => "us << 3",
            Self::Jiffies => "jiffies",
            Self::Ticks => "ticks",
            Self::Sequence => "sequence number",
            Self::Of256 => "of 256",
            Self::Bool => "0 or 1",
            Self::Number => "number",
            Self::Text => "text",
        }
    }
}

/// How recordings of kernels name a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// The name there.
    pub name: &'static str,
    /// Recordings count it since the previous row, a trace for the row itself: what a trace says in row `n` a
    /// recording says in row `n + 1`.
    pub since_previous: bool,
}

/// One column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Its name in trace files.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// How it is compared.
    pub class: Class,
    /// Whether it is written unless other columns are asked for.
    pub standard: bool,
    /// Its counterpart in recordings, if there is one.
    pub recorded: Option<Recorded>,
    /// What it means.
    pub meaning: &'static str,
}

/// A compared column that recordings know by the same name.
const fn col(name: &'static str, unit: Unit, meaning: &'static str) -> Column {
    let recorded = Some(Recorded { name, since_previous: false });
    Column { name, unit, class: Class::Compared, standard: false, recorded, meaning }
}

impl Column {
    const fn input(mut self) -> Self {
        self.class = Class::Input;
        self
    }

    const fn undefined(mut self) -> Self {
        self.class = Class::Undefined;
        self
    }

    const fn standard(mut self) -> Self {
        self.standard = true;
        self
    }

    const fn recorded(mut self, name: &'static str) -> Self {
        self.recorded = Some(Recorded { name, since_previous: false });
        self
    }

    const fn since_previous(mut self, name: &'static str) -> Self {
        self.recorded = Some(Recorded { name, since_previous: true });
        self
    }

    const fn unrecorded(mut self) -> Self {
        self.recorded = None;
        self
    }
}

/// The content of one cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Nothing: unknown to this kernel, or not applicable to this row.
    Empty,
    /// An integer.
    Int(i64),
    /// Text.
    Text(Cow<'static, str>),
}

impl Cell {
    /// The integer, if it is one.
    pub const fn int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Empty | Self::Text(_) => None,
        }
    }
}

impl From<Option<i64>> for Cell {
    fn from(n: Option<i64>) -> Self {
        n.map_or(Self::Empty, Self::Int)
    }
}

macro_rules! cell_from {
    ($($t:ty),*) => {$(
        impl From<$t> for Cell {
            fn from(n: $t) -> Self {
                Self::Int(i64::from(n))
            }
        }
    )*};
}
cell_from!(bool, u8, u16, u32, i32, i64);

/// An unsigned 64-bit quantity. Nanoseconds reach the signed limit after 292 years; [`SimTime::NEVER`] shows as it.
///
/// [`SimTime::NEVER`]: sim_core::time::SimTime::NEVER
fn wide(n: u64) -> Cell {
    Cell::Int(i64::try_from(n).unwrap_or(i64::MAX))
}

fn opt<T: Into<i64>>(n: Option<T>) -> Cell {
    n.map(Into::into).into()
}

/// A column and where its value comes from.
pub struct Field<R> {
    /// The column.
    pub column: Column,
    get: fn(&R) -> Cell,
}

impl<R> Field<R> {
    const fn new(column: Column, get: fn(&R) -> Cell) -> Self {
        Self { column, get }
    }
}

/// A record that carries the state of the receiving socket, or does not.
pub trait Record: Sized + 'static {
    /// The columns of the record itself, in file order.
    fn own() -> &'static [Field<Self>];

    /// The socket's state, if the record carries it.
    fn state(&self) -> Option<&SocketState>;

    /// Whether the file holds columns of the socket's state.
    const HAS_STATE: bool;

    /// Names of the columns that are written unless others are asked for, in file order.
    fn standard() -> Vec<&'static str> {
        let own = Self::own().iter().map(|f| &f.column);
        let state = state_fields::<Self>().iter().map(|f| &f.column);
        own.chain(state).filter(|c| c.standard).map(|c| c.name).collect()
    }
}

fn state_fields<R: Record>() -> &'static [Field<SocketState>] {
    if R::HAS_STATE { state::FIELDS } else { &[] }
}

/// One column of a file of `R`s.
pub enum FileColumn<R: Record> {
    /// A column of the record itself.
    Own(&'static Field<R>),
    /// A column of the socket's state.
    State(&'static Field<SocketState>),
}

impl<R: Record> Clone for FileColumn<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R: Record> Copy for FileColumn<R> {}

impl<R: Record> FileColumn<R> {
    /// Name, unit, class.
    pub const fn column(&self) -> &'static Column {
        match self {
            Self::Own(f) => &f.column,
            Self::State(f) => &f.column,
        }
    }

    /// Its value in `row`.
    pub fn value(&self, row: &R) -> Cell {
        match self {
            Self::Own(f) => (f.get)(row),
            Self::State(f) => row.state().map_or(Cell::Empty, f.get),
        }
    }
}

/// Which columns a file gets.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum ColumnSet {
    /// The standard ones.
    #[default]
    Standard,
    /// All: the standard ones first.
    All,
    /// These, in this order.
    Named(Vec<String>),
}

/// A name that is not in the list.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no column `{name}`; known are: {known}")]
pub struct UnknownColumn {
    /// The name.
    pub name: String,
    /// The names there are, separated by commas.
    pub known: String,
}

impl ColumnSet {
    /// Reads `all`, `standard`, or names separated by commas.
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "all" => Self::All,
            "standard" | "" => Self::Standard,
            names => Self::Named(names.split(',').map(|n| n.trim().to_owned()).collect()),
        }
    }

    /// The columns of a file of `R`s.
    ///
    /// # Errors
    /// [`UnknownColumn`] if a name is neither a column's nor the recorded name of one.
    pub fn resolve<R: Record>(&self) -> Result<Vec<FileColumn<R>>, UnknownColumn> {
        let standard = R::standard();
        let named = |name: &str| {
            find::<R>(name).ok_or_else(|| UnknownColumn {
                name: name.to_owned(),
                known: all::<R>().map(|c| c.column().name).collect::<Vec<_>>().join(", "),
            })
        };
        match self {
            Self::Standard => standard.iter().map(|n| named(n)).collect(),
            Self::Named(names) => names.iter().map(|n| named(n)).collect(),
            Self::All => {
                let mut columns: Vec<_> = standard.iter().map(|n| named(n)).collect::<Result<_, _>>()?;
                columns.extend(all::<R>().filter(|c| !standard.contains(&c.column().name)));
                Ok(columns)
            }
        }
    }
}

/// All columns of a file of `R`s, the record's own first.
pub fn all<R: Record>() -> impl Iterator<Item = FileColumn<R>> {
    R::own().iter().map(FileColumn::Own).chain(state_fields::<R>().iter().map(FileColumn::State))
}

/// The column with this name; recorded names are understood where no column bears them itself.
pub fn find<R: Record>(name: &str) -> Option<FileColumn<R>> {
    all::<R>()
        .find(|c| c.column().name == name)
        .or_else(|| all::<R>().find(|c| c.column().recorded.is_some_and(|r| r.name == name)))
}

impl Record for TraceRow {
    const HAS_STATE: bool = true;

    fn own() -> &'static [Field<Self>] {
        segments::FIELDS
    }

    fn state(&self) -> Option<&SocketState> {
        Some(&self.state)
    }

    fn standard() -> Vec<&'static str> {
        segments::STANDARD.to_vec()
    }
}

impl Record for AckRow {
    const HAS_STATE: bool = true;

    fn own() -> &'static [Field<Self>] {
        packets::ACKS
    }

    fn state(&self) -> Option<&SocketState> {
        Some(&self.state)
    }
}

impl Record for ReadRow {
    const HAS_STATE: bool = true;

    fn own() -> &'static [Field<Self>] {
        packets::READS
    }

    fn state(&self) -> Option<&SocketState> {
        Some(&self.state)
    }
}

impl Record for TxRecord {
    const HAS_STATE: bool = false;

    fn own() -> &'static [Field<Self>] {
        packets::TX
    }

    fn state(&self) -> Option<&SocketState> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn standard_columns_of_the_trace_are_the_documented_ones() {
        let names: Vec<_> =
            ColumnSet::Standard.resolve::<TraceRow>().unwrap().iter().map(|c| c.column().name).collect();
        assert_eq!(
            names.join(","),
            "idx,time_ns,seq,len,truesize,rcv_ssthresh,window_clamp,skmem_rb,recv_q,skmem_r,rcv_win,rcv_wup,\
             acked,scaling_ratio,coalesced,collapsed,pruned,dropped,drop_reason"
        );
        assert!(all::<TraceRow>().all(|c| c.column().standard == names.contains(&c.column().name)));
    }

    #[test]
    fn names_are_unique_within_a_file() {
        fn check<R: Record>() {
            let names: Vec<_> = all::<R>().map(|c| c.column().name).collect();
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        }
        check::<TraceRow>();
        check::<AckRow>();
        check::<ReadRow>();
        check::<TxRecord>();
    }

    #[test]
    fn recorded_names_find_their_columns() {
        for (recorded, ours) in
            [("rcvbuf", "skmem_rb"), ("recvq", "recv_q"), ("rmem", "skmem_r"), ("win", "rcv_win")]
        {
            assert_eq!(find::<TraceRow>(recorded).unwrap().column().name, ours);
        }
        assert_eq!(find::<AckRow>("win").unwrap().column().name, "window");
        assert!(find::<TraceRow>("coal_ok").unwrap().column().recorded.unwrap().since_previous);
    }

    #[test]
    fn an_unknown_column_is_an_error_that_lists_the_known_ones() {
        let e = ColumnSet::parse("idx, rmen").resolve::<TraceRow>().err().unwrap();
        assert_eq!(e.name, "rmen");
        assert!(e.to_string().contains("skmem_rb"));
    }
}
