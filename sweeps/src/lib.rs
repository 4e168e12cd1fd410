//! `sweeps`: from a plan to rows.
//!
//! A [`Plan`] names a scenario, axes over its keys, and the figures to take. Every [`Point`] is a pure function of the
//! plan and its number; so is its seed. Points are run in parallel and their rows handed on in order, so that what is
//! on disk is always a prefix of the whole, whoever stops the sweep and when. A [`Shard`] is every N-th point, and
//! [`Merge`] puts shards together to the bytes of the whole.

mod advice;
mod axis;
mod chart_spec;
mod evaluate;
mod filter;
mod format;
mod frame;
mod gallery;
mod manifest;
mod merge;
mod mistakes;
mod objective;
mod parallel;
#[cfg(feature = "parquet")]
mod parquet_rows;
mod plan;
mod range;
mod run;
mod sample;
mod shard;
mod statistics;
mod store;
mod table;
mod tune;
mod warnings;

pub use advice::{Advice, advice, candidates_csv, shortfall};
pub use axis::{Axis, AxisValue, Pick, Setting};
pub use chart_spec::{ChartKind, ChartSpec, FEW, Goal, default_charts, files};
pub use evaluate::{Figures, Row, figures, measure, row};
pub use filter::Filter;
pub use format::{Format, columns};
pub use frame::{Frame, FrameAxis, FrameMeasure, FramePoint, FrameValue};
pub use gallery::{plan_text, plans};
pub use manifest::{Done, MANIFEST, Manifest, model};
pub use merge::Merge;
pub use objective::{Constraint, Over, TunePlan};
#[cfg(feature = "parquet")]
pub use parquet_rows::write_parquet;
pub use plan::{Base, Plan, base_of};
pub use range::{Range, Scale};
pub use run::{Ended, sweep};
pub use sample::{Point, Sample, Space};
pub use shard::Shard;
pub use statistics::{Spread, student_95};
pub use store::{Store, StoreError, digest, work};
pub use table::Table;
pub use tune::{Candidate, Tuned, condition_names, search};
pub use warnings::{point_warnings, tune_warnings, warnings};
