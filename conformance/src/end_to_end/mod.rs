//! Recorded configurations through the whole model.
//!
//! Only the configuration of a loop case goes in: sysctls, routes, queueing discipline, socket options, what the
//! traffic program does, and how the machine's clock stood. Sender, path, applications and receiver are the
//! model's.
//!
//! Kernels differ from themselves between two passes of the same case, because a reader wakes a moment earlier or
//! a timer falls on the other side of a segment. So a run is compared in two ways:
//!
//! * **line by line** up to the kernel's own first divergence between its passes (all lines if it has none), on
//!   the columns on which the recorder itself compares its passes, since the divergence is defined on them:
//!   * rows: `fn seq len flags truesize rcv_ssthresh window_clamp rcvbuf recvq rmem win rcv_wnd rcv_wup rcv_nxt
//!     copied_seq scaling_ratio quick pingpong rcv_mss ofo num_sacks coal_ok coal_fail n_collapse`, PSH aside
//!     (`coal_fail` not on 5.10, where it is undefined);
//!   * ACKs: `flags ack win_raw sack len`, PSH aside;
//!   * packets of the client: `seq len flags ack win_raw`, PSH aside, and beyond what the recorder compares
//!     `cwnd snd_ssthresh packets_out ca_state`, where [further passes](crate::recording::FurtherPasses) are known up to
//!     the first packet at which they differ in these. `srtt` must lie within the 19 us that probes take of a
//!     segment; it is counted by itself;
//! * **as a whole**: counters, final state, maxima and the numbers of rows, ACKs and packets lie within what the
//!   passes gave, from the least to the greatest.
//!
//! In the score the packets of the client stand under `steps` (loop cases have no script), and the figures of the
//! whole under `counters`. A case is exact if its lines are; the figures are counted beside that, and both have floors.
//!
//! | file | concern |
//! |---|---|
//! | `config` | the configuration, from the summary |
//! | `path` | its path, from the `tc` lines |
//! | `machine` | what the recorded machine takes for things |
//! | `trace` | gathers what the model did |
//! | `compare` | line by line |
//! | `envelope` | as a whole |

mod compare;
mod config;
mod envelope;
mod machine;
mod path;
mod trace;

use sim_core::engine;

pub use config::{ConfigError, Times, run_config, run_config_with};
pub use envelope::figures_outside;

use crate::recording::Recording;
use crate::score::CaseScore;
use trace::Trace;

/// The sender's packets of a run from the configuration, beside those of the recording's first pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SentPackets {
    /// Packets recorded.
    pub recorded: usize,
    /// Packets of the run that are the recorded ones, with `cwnd`, `ssthresh`, `packets_out` and the state.
    pub equal: usize,
    /// The first packet that differs, or is too many.
    pub first_difference: Option<usize>,
}

/// Runs the configuration of one loop case, and compares every packet of the client with the first pass, to the end.
///
/// # Errors
/// If the case cannot be expressed as a configuration of the engine, or the run fails.
pub fn sent_packets(rec: &Recording, times: Times) -> Result<SentPackets, String> {
    let config = run_config_with(rec, times).map_err(|e| e.to_string())?;
    let mut trace = Trace::new();
    engine::run(&config, &mut trace).map_err(|e| e.to_string())?;
    let (equal, first_difference) = compare::packets(rec, &trace);
    Ok(SentPackets { recorded: rec.tx.len(), equal, first_difference })
}

/// Runs the configuration of one loop case and compares the run with the recording.
///
/// A run that fails stands in the score as an error; its lines count as compared.
///
/// # Errors
/// If the case cannot be expressed as a configuration of the engine.
pub fn end_to_end(rec: &Recording) -> Result<CaseScore, ConfigError> {
    end_to_end_with(rec, Times::default())
}

/// The same with these times of the recorded machine.
///
/// # Errors
/// As those of [`end_to_end`].
pub fn end_to_end_with(rec: &Recording, times: Times) -> Result<CaseScore, ConfigError> {
    let config = run_config_with(rec, times)?;
    let mut score = CaseScore::new(&rec.kernel, &rec.case);
    let mut trace = Trace::new();
    match engine::run(&config, &mut trace) {
        Ok(outcome) => {
            trace.close(&outcome);
            compare::lines(rec, &trace, &mut score);
            envelope::compare(rec, &trace, &outcome, &mut score);
        }
        Err(e) => {
            compare::lines(rec, &trace, &mut score);
            score.error = Some(e.to_string());
        }
    }
    Ok(score)
}
