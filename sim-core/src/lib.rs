//! `sim-core`: the engine and the model of a Linux TCP receiver, its peer and the path between them.
//!
//! The crate does no I/O, reads no clock and iterates over nothing in random order: the same configuration
//! gives the same bytes on every platform. Time is an argument ([`time::Now`]) of every entry point.
//!
//! * [`linux`]: what differs between kernel versions;
//! * [`skb`]: what a packet costs and when two become one;
//! * [`receiver`]: the receiving half of a socket;
//! * [`sender`], [`path`], [`app`], [`host`]: what surrounds it;
//! * [`engine`]: a whole run from a [`config::RunConfig`];
//! * [`inject`]: the receiver alone, under a plan of segments and calls.

pub mod app;
mod calendar;
pub mod config;
pub mod counters;
pub mod engine;
pub mod host;
pub mod inject;
pub mod linux;
pub mod observer;
pub mod path;
pub mod queue;
pub mod receiver;
pub mod rng;
pub mod segment;
pub mod send_half;
pub mod sender;
pub mod seq;
pub mod skb;
pub mod state;
pub mod time;
pub mod timer_wheel;
