//! The product from outside: the command as a user types it, and the libraries through their public interfaces.

mod any_settings;
mod bad_input;
mod chart;
mod check;
mod command;
mod conform;
mod determinism;
mod diff;
mod documentation;
mod expectations;
mod flows;
mod hosts;
mod licences;
mod measures;
mod output;
mod overrun;
mod plot;
mod properties;
mod support;
mod sweep;
mod sweep_plans;
mod sweep_resume;
mod tune;
