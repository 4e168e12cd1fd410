//! Programs of a resolved scenario as YAML.

use sim_core::config::{Ending, ReadConfig, ReadMode, WriteConfig, WriteMode};

use crate::emit::{Writer, on_off};
use crate::keys::UNLIMITED;
use crate::units::{format_rate, format_size, format_time};

fn total(total: Option<u64>) -> String {
    total.map_or(UNLIMITED.to_owned(), format_size)
}

/// `write`. `answer` is what the other end's program writes: the answers, if these are requests.
pub(crate) fn write_text(out: &mut Writer, write: &WriteConfig, answer: &WriteConfig) {
    let WriteConfig { mode, total: bytes, start, ending } = write;
    let size = |v: u32| format_size(u64::from(v));
    match mode {
        // The answers stand with the requests.
        WriteMode::Respond { .. } => return,
        _ => out.open(1, "write"),
    }
    match mode {
        WriteMode::Never | WriteMode::Respond { .. } => {
            out.line(2, "mode", "never");
            return;
        }
        WriteMode::Burst { call, retry } => {
            out.line(2, "mode", "burst");
            out.line(2, "bytes", &total(*bytes));
            out.line(2, "call", &size(*call));
            out.line(2, "retry", &format_time(retry.as_nanos()));
        }
        WriteMode::Chunks { sizes, every, in_flight, prefill, receiver_quickack } => {
            let sizes: Vec<_> = sizes.iter().map(u32::to_string).collect();
            out.line(2, "mode", "chunks");
            out.line(2, "sizes", &format!("[{}]", sizes.join(", ")));
            out.line(2, "every", &format_time(every.as_nanos()));
            out.line(2, "in_flight", &in_flight.to_string());
            out.line(2, "prefill", &size(*prefill));
            out.line(2, "bytes", &total(*bytes));
            out.line(2, "receiver_quickack", on_off(*receiver_quickack));
        }
        WriteMode::Paced { rate_bps, call } => {
            out.line(2, "mode", "paced");
            out.line(2, "rate", &format_rate(*rate_bps));
            out.line(2, "call", &size(*call));
            out.line(2, "bytes", &total(*bytes));
        }
        WriteMode::RequestResponse { request, response, think } => {
            out.line(2, "mode", "request-response");
            out.line(2, "request", &size(*request));
            out.line(2, "response", &size(*response));
            out.line(2, "think", &format_time(think.as_nanos()));
            if let WriteMode::Respond { service, .. } = answer.mode {
                out.line(2, "service", &format_time(service.as_nanos()));
            }
            if let Some(bytes) = bytes {
                out.line(2, "count", &(bytes / u64::from((*request).max(1))).to_string());
            }
        }
        WriteMode::File { piece } => {
            out.line(2, "mode", "file");
            out.line(2, "bytes", &total(*bytes));
            out.line(2, "piece", &size(*piece));
        }
    }
    out.line(2, "start", &format_time(start.as_nanos()));
    out.line(2, "close", on_off(*ending == Ending::Close));
    if *ending == Ending::HalfClose {
        out.line(2, "half_close", on_off(true));
    }
}

/// `read`.
pub(crate) fn read_text(out: &mut Writer, read: &ReadConfig) {
    let ReadConfig { mode, start, close_at_end, close_after } = read;
    let size = |v: u32| format_size(u64::from(v));
    out.open(1, "read");
    match mode {
        ReadMode::Never => {
            out.line(2, "mode", "never");
            return;
        }
        ReadMode::Fixed { bytes, every } => {
            out.line(2, "mode", "fixed");
            out.line(2, "bytes", &size(*bytes));
            out.line(2, "every", &format_time(every.as_nanos()));
        }
        ReadMode::Asap { buffer, work, stall } => {
            out.line(2, "mode", "asap");
            out.line(2, "buffer", &size(*buffer));
            out.line(2, "cost", &format_time(work.per_call.as_nanos()));
            out.line(2, "rate", &work.rate_bps.map_or(UNLIMITED.to_owned(), format_rate));
            if let Some(s) = stall {
                let (every, length) = (format_time(s.every.as_nanos()), format_time(s.length.as_nanos()));
                out.line(2, "stall", &format!("{{every: {every}, for: {length}}}"));
            }
        }
        ReadMode::Plan(reads) if reads.is_empty() => {
            out.line(2, "mode", "plan");
            out.line(2, "reads", "[]");
        }
        ReadMode::Plan(reads) => {
            out.line(2, "mode", "plan");
            out.open(2, "reads");
            for r in reads {
                out.item(3, &format!("{{at: {}, bytes: {}}}", format_time(r.at.as_nanos()), r.bytes));
            }
        }
        ReadMode::Echo { buffer } => {
            out.line(2, "mode", "echo");
            out.line(2, "buffer", &size(*buffer));
        }
    }
    if !matches!(mode, ReadMode::Plan(_)) {
        out.line(2, "start", &format_time(start.as_nanos()));
    }
    out.line(2, "close", on_off(*close_at_end));
    if let Some(bytes) = close_after {
        out.line(2, "close_after", &bytes.to_string());
    }
}
