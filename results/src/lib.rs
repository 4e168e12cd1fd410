//! `results`: what a run leaves behind.
//!
//! * [`columns`]: the one versioned list of columns, with units and comparison classes, that every sink uses;
//! * [`record`] and [`recorder`]: the trace of a run and the observer that gathers it;
//! * [`measures`] and [`metrics`]: what a run is asked for, gathered in constant memory, and the table of names;
//! * [`csv_write`] and [`csv_read`]: `trace.csv`, `acks.csv`, `tx.csv`, `reads.csv`;
//! * [`digest`]: one number for a whole trace;
//! * [`flows`]: several connections side by side;
//! * [`hosts`]: sockstat, `ss -s` and the log of both hosts;
//! * [`surroundings`]: what became of packets outside the sockets;
//! * [`summary`]: the run in figures, `summary.json`;
//! * [`cells`]: single numbers of a trace by name, [`autotuning`]: the steps of the budget;
//! * [`report`]: text shaped like `ss -tmi` and `nstat`;
//! * [`output`]: folders and files that are whole or absent.
//!
//! Nothing here influences a run: data flows from the model to these sinks only.

pub mod autotuning;
pub mod cells;
pub mod columns;
pub mod compare;
pub mod csv_read;
pub mod csv_write;
pub mod digest;
pub mod figures;
pub mod flows;
pub mod hosts;
pub mod measures;
pub mod metrics;
pub mod output;
pub mod record;
pub mod recorder;
pub mod report;
pub mod summary;
pub mod surroundings;

pub use columns::{Class, ColumnSet, SCHEMA_VERSION};
pub use csv_read::{ReadError, TraceTable};
pub use digest::Digest;
pub use measures::{Measured, Meter, Setup};
pub use metrics::{Metric, MetricUnit};
pub use output::{OutputDir, OutputError};
pub use record::{AckRow, Outcome, ReadRow, Trace, TraceRow, TxRecord};
pub use recorder::{TraceError, TraceRecorder};
pub use summary::{RunInfo, Summary, metric};
