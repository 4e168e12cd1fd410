//! The sender's side of an end-to-end run beside the recording, packet by packet:
//! `cargo run --release -p conformance --example sender -- DIR KERNEL CASE [CONTEXT]`.
//!
//! Prints the lines around the first difference (or everything, with CONTEXT `all`).

use std::path::PathBuf;
use std::process::ExitCode;

use conformance::end_to_end::run_config;
use conformance::recording::{AckRow, Recording, Store, TxRow};
use sim_core::engine;
use sim_core::observer::{Observer, SenderState, Transmit};
use sim_core::segment::{SackList, Segment};
use sim_core::state::SocketState;
use sim_core::time::Now;

#[derive(Default)]
struct Sent(Vec<(u64, Segment, SenderState)>, Vec<(u64, Segment)>);

impl Observer for Sent {
    fn transmit(&mut self, now: Now, packet: &Transmit, _: &SocketState) {
        self.1.push((now.time.as_nanos(), packet.seg));
    }

    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        self.0.push((now.time.as_nanos(), *seg, *state));
    }
}

fn recorded(t: &TxRow) -> String {
    format!(
        "{:>10.3} {:>9} {:>6} cwnd {:>5} ss {:>10} out {:>4} rtx {:>3} sack {:>3} lost {:>3} ca {} srtt {:>8}",
        t.time_ns as f64 / 1e6,
        t.seq,
        t.len,
        t.cwnd,
        t.snd_ssthresh,
        t.packets_out,
        t.retrans_out,
        t.sacked_out,
        t.lost_out,
        t.ca_state,
        t.srtt8
    )
}

fn modelled((at, seg, s): &(u64, Segment, SenderState)) -> String {
    format!(
        "{:>10.3} {:>9} {:>6} cwnd {:>5} ss {:>10} out {:>4} rtx {:>3} sack {:>3} lost {:>3} ca {} srtt {:>8}",
        *at as f64 / 1e6,
        seg.seq.0,
        seg.len,
        s.cwnd,
        s.ssthresh,
        s.packets_out,
        s.retrans_out,
        s.sacked_out,
        s.lost_out,
        s.ca_state,
        s.srtt8
    )
}

fn differs(t: &TxRow, (_, seg, s): &(u64, Segment, SenderState)) -> bool {
    let a = (i64::from(t.seq as u32), i64::from(t.len), i64::from(t.cwnd), i64::from(t.snd_ssthresh));
    let b = (i64::from(seg.seq.0 as u32), i64::from(seg.len), i64::from(s.cwnd), i64::from(s.ssthresh));
    a != b
        || (i64::from(t.packets_out), i64::from(t.ca_state))
            != (i64::from(s.packets_out), i64::from(s.ca_state))
}

fn show(rec: &Recording, context: Option<usize>) {
    let config = match run_config(rec) {
        Ok(c) => c,
        Err(e) => return println!("{}: {e}", rec.case),
    };
    let mut sent = Sent::default();
    if let Err(e) = engine::run(&config, &mut sent) {
        println!("{}: {e}", rec.case);
    }
    let n = rec.tx.len().max(sent.0.len());
    let same = |i: usize| match (rec.tx.get(i), sent.0.get(i)) {
        (Some(t), Some(m)) => !differs(t, m),
        _ => false,
    };
    let first = (0..n).find(|&i| !same(i));
    let equal = (0..n).filter(|&i| same(i)).count();
    println!(
        "== {} {}: {equal} of {} packets equal, first difference {first:?}",
        rec.kernel,
        rec.case,
        rec.tx.len()
    );
    let other =
        |(a, (_, m)): &(&AckRow, &(u64, Segment))| a.ack as u32 != m.ack.0 as u32 || a.sack != m.sacks();
    if let Some(at) = rec.acks.iter().zip(&sent.1).position(|p| other(&p)) {
        for i in at.saturating_sub(4)..(at + 4).min(rec.acks.len()).min(sent.1.len()) {
            let (a, (t, m)) = (&rec.acks[i], &sent.1[i]);
            let blocks = |s: &SackList| s.as_slice().iter().map(|b| (b.start.0, b.end.0)).collect::<Vec<_>>();
            println!(
                "ack {i:>5} r {:>10.3} {:>9} win {:>6} {:?} | m {:>10.3} {:>9} win {:>6} {:?}",
                a.time_ns as f64 / 1e6,
                a.ack,
                a.win_raw,
                blocks(&a.sack),
                *t as f64 / 1e6,
                m.ack.0,
                m.window,
                blocks(&m.sacks())
            );
        }
    }
    let Some(first) = first.or(context.is_none().then_some(0)) else { return };
    let (from, to) = context.map_or((0, n), |c| (first.saturating_sub(c), (first + c).min(n)));
    for i in from..to {
        let mark = if same(i) { ' ' } else { '*' };
        if let Some(t) = rec.tx.get(i) {
            println!("{i:>5} r{mark}{}", recorded(t));
        }
        if let (Some(m), true) = (sent.0.get(i), mark == '*') {
            println!("{i:>5} m{mark}{}", modelled(m));
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, kernel, case, rest @ ..] = args.as_slice() else {
        eprintln!("usage: sender DIR KERNEL CASE [CONTEXT]");
        return ExitCode::from(2);
    };
    let context = match rest.first().map(String::as_str) {
        Some("all") => None,
        Some(n) => Some(n.parse().unwrap_or(4)),
        None => Some(4),
    };
    let store = match Store::open(PathBuf::from(dir)) {
        Ok(s) => s,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    for id in store.cases() {
        if (kernel == "all" || id.kernel == *kernel) && (case == "all" || id.case.starts_with(case.as_str()))
        {
            match store.load(id) {
                Ok(rec) => show(&rec, context),
                Err(e) => eprintln!("{e}"),
            }
        }
    }
    ExitCode::SUCCESS
}
