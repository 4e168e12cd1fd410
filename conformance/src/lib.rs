//! Recordings of real kernels, and the model's score against them.
//!
//! * [`recording`]: what was recorded, typed: one [`recording::Recording`] per kernel and case, read from the
//!   recorder's CSV files or from the compact form;
//! * [`compact`]: the compact form, one small file per kernel and case, as `validation/recordings/` holds it;
//! * [`columns`] and [`compare`]: which columns a model must give, and the comparison of one state with another;
//! * [`replay`]: the recorded inputs through the model's receiver;
//! * [`end_to_end`]: recorded configurations through the whole model;
//! * [`sender_replay`]: recorded ACKs through the model's sender;
//! * [`export`]: an injection case as a scenario to edit and run;
//! * [`pressure`]: many sockets of one host under a tiny `tcp_mem`, recorded and replayed;
//! * [`script`]: the scripts of the injection cases, typed;
//! * [`score`]: tallies, tables, pictures and the committed floors.

pub mod columns;
pub mod compact;
pub mod compare;
pub mod end_to_end;
pub mod export;
pub mod pressure;
pub mod recording;
pub mod replay;
pub mod score;
pub mod script;
pub mod sender_replay;
