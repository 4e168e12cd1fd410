//! A recorded loop case and the model's run of its configuration, in the order of time:
//! `cargo run -p conformance --example end_to_end -- DIR KERNEL CASE`. Lines of the recording begin with
//! `R`, those of the model with `M`; `--proportions` takes round proportions of the cost of a segment
//! instead of each kernel's measured times, `--rules` shows which rules the model applied; the number counts the lines of a kind.

use std::path::PathBuf;
use std::process::ExitCode;

use conformance::end_to_end::{Times, end_to_end_with, run_config_with};
use conformance::recording::{CaseId, Store};
use sim_core::engine;
use sim_core::observer::{Observer, Rule, SendEvent, SenderState, Transmit};
use sim_core::segment::Segment;
use sim_core::skb::Skb;
use sim_core::state::SocketState;
use sim_core::time::Now;

#[derive(Default)]
struct Lines {
    lines: Vec<(u64, String)>,
    counts: [u32; 4],
    /// Which rules the model applied is shown, too.
    rules: bool,
}

impl Lines {
    fn add(&mut self, side: char, kind: usize, at: u64, text: &str) {
        self.counts[kind] += 1;
        let name = ["row", "ack", "tx", "app"][kind];
        self.lines.push((at, format!("{side} {at:>12} {name:<4}{:>5} {text}", self.counts[kind])));
    }
}

impl Observer for Lines {
    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, s: &SocketState) {
        let text = format!(
            "{} +{} t{} | ssth {} rmem {} recvq {} copied {} win {} rcvbuf {} fwd {}",
            seg.seq.0,
            seg.len,
            skb.buf.truesize,
            s.rcv_ssthresh,
            s.rmem,
            s.recvq(),
            s.copied_seq.0,
            s.win(),
            s.rcvbuf,
            s.fwd_alloc
        );
        self.add('M', 0, now.time.as_nanos(), &text);
    }

    fn transmit(&mut self, now: Now, p: &Transmit, _: &SocketState) {
        let text =
            format!("{} +{} ack {} win {} {:?}", p.seg.seq.0, p.seg.len, p.seg.ack.0, p.seg.window, p.reason);
        self.add('M', 1, now.time.as_nanos(), &text);
    }

    fn sent(&mut self, now: Now, seg: &Segment, s: &SenderState) {
        let text = format!(
            "{} +{} ack {} | cwnd {} ssth {} out {} sacked {} lost {} retr {} ca {} srtt8 {} snd_wnd {} una {}",
            seg.seq.0,
            seg.len,
            seg.ack.0,
            s.cwnd,
            s.ssthresh,
            s.packets_out,
            s.sacked_out,
            s.lost_out,
            s.retrans_out,
            s.ca_state,
            s.srtt8,
            s.snd_wnd,
            s.snd_una.0
        );
        self.add('M', 2, now.time.as_nanos(), &text);
    }

    fn sending(&mut self, now: Now, event: SendEvent) {
        if !matches!(event, SendEvent::Pushed { .. } | SendEvent::Acked) {
            self.add('M', 3, now.time.as_nanos(), &format!("client {event:?}"));
        }
    }

    fn read(&mut self, now: Now, bytes: u32, s: &SocketState) {
        self.add('M', 3, now.time.as_nanos(), &format!("read {bytes} copied {}", s.copied_seq.0));
    }

    fn rule(&mut self, now: Now, rule: Rule) {
        if self.rules {
            self.add('M', 3, now.time.as_nanos(), &format!("rule {rule:?}"));
        }
    }
}

fn show<T: std::fmt::Display>(cell: Option<T>) -> String {
    cell.map_or_else(|| "-".to_owned(), |v| v.to_string())
}

/// One line per case that differs, and per case with figures outside what the passes gave.
fn board(dir: &str, times: Times) -> ExitCode {
    let Ok(store) = Store::open(PathBuf::from(dir)) else {
        eprintln!("{dir}: no recordings");
        return ExitCode::FAILURE;
    };
    let (mut cases, mut exact, mut within) = (0, 0, 0);
    let mut totals = [(0, 0); 4];
    for id in store.cases() {
        let Ok(score) =
            store.load(id).map_err(|_| ()).and_then(|r| end_to_end_with(&r, times).map_err(|_| ()))
        else {
            continue;
        };
        cases += 1;
        exact += u32::from(score.is_exact());
        within += u32::from(score.counters.exact == score.counters.compared);
        let tallies = [&score.rows, &score.acks, &score.steps, &score.counters];
        for (total, tally) in totals.iter_mut().zip(tallies) {
            total.0 += tally.exact;
            total.1 += tally.compared;
        }
        let first = score.first_difference.as_ref().map_or_else(String::new, |d| {
            let columns: Vec<_> = d.columns.iter().map(|c| format!("{c:?}")).collect();
            format!("{:?} {}: {}", d.file, d.line, columns.join(", "))
        });
        if !score.is_exact() {
            println!(
                "{id}: rows {}/{} acks {}/{} tx {}/{} unexpected {} | {first}",
                score.rows.exact,
                score.rows.compared,
                score.acks.exact,
                score.acks.compared,
                score.steps.exact,
                score.steps.compared,
                score.unexpected
            );
        }
        for note in &score.notes {
            println!("    {id}: {note}");
        }
    }
    let [rows, acks, tx, figures] = totals.map(|(exact, of)| format!("{exact}/{of}"));
    println!(
        "{exact} of {cases} exact, figures within in {within} | rows {rows} acks {acks} tx {tx} figures {figures}"
    );
    ExitCode::SUCCESS
}

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let round = args.iter().position(|a| a == "--proportions").map(|at| args.remove(at));
    let rules = args.iter().position(|a| a == "--rules").map(|at| args.remove(at));
    let times = if round.is_some() { Times::Proportions } else { Times::default() };
    if let [dir] = &args[..] {
        return board(dir, times);
    }
    let [dir, kernel, case] = &args[..] else {
        eprintln!("usage: end_to_end [--proportions] [--rules] DIR [KERNEL CASE]");
        return ExitCode::from(2);
    };
    let id = CaseId { kernel: kernel.clone(), case: case.clone() };
    let rec = match Store::open(PathBuf::from(dir)).and_then(|s| s.load(&id)) {
        Ok(r) => r,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    let mut all = Lines::default();
    for r in &rec.rows {
        let s = &r.state;
        let seg =
            r.segment.as_ref().map_or_else(String::new, |g| format!("{} +{} t{}", g.seq, g.len, g.truesize));
        all.add(
            'R',
            0,
            r.time_ns,
            &format!(
                "{seg} | ssth {} rmem {} recvq {} copied {} win {} rcvbuf {} fwd {}",
                show(s.rcv_ssthresh),
                show(s.rmem),
                show(s.recvq),
                show(s.copied_seq),
                show(s.win),
                show(s.rcvbuf),
                show(s.fwd_alloc)
            ),
        );
    }
    for r in &rec.acks {
        all.add(
            'R',
            1,
            r.time_ns,
            &format!("{} +{} ack {} win {} {:?}", r.seq, r.len, r.ack, r.win_raw, r.reason),
        );
    }
    for r in &rec.tx {
        let text = format!(
            "{} +{} ack {} | cwnd {} ssth {} out {} sacked {} lost {} retr {} ca {} srtt8 {} snd_wnd {} una {}",
            r.seq,
            r.len,
            r.ack,
            r.cwnd,
            r.snd_ssthresh,
            r.packets_out,
            r.sacked_out,
            r.lost_out,
            r.retrans_out,
            r.ca_state,
            r.srtt8,
            r.snd_wnd,
            r.snd_una
        );
        all.add('R', 2, r.time_ns, &text);
    }
    for r in &rec.app {
        all.add(
            'R',
            3,
            r.time_ns,
            &format!("{:?} {} {} {}", r.what, show(r.arg), show(r.ret), r.text.as_deref().unwrap_or("")),
        );
    }
    let mut run = Lines { rules: rules.is_some(), ..Lines::default() };
    match run_config_with(&rec, times) {
        Ok(config) => {
            if let Err(e) = engine::run(&config, &mut run) {
                eprintln!("{e}");
            }
        }
        Err(e) => eprintln!("{e}"),
    }
    all.lines.extend(run.lines);
    all.lines.sort_by_key(|l| l.0);
    for (_, line) in &all.lines {
        println!("{line}");
    }
    ExitCode::SUCCESS
}
