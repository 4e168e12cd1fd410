//! Recordings of many sockets under a tiny `tcp_mem`: the model enters and leaves pressure with the same pages, and every
//! socket has the same memory, windows and drops.

use std::path::{Path, PathBuf};

use conformance::pressure::{PressureRecording, Score, replay};

const KERNELS: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.2"];
const CASES: [&str; 4] = ["m_fill", "m_ofo", "m_over", "m_share"];

fn file(kernel: &str, case: &str) -> PathBuf {
    let root = std::env::var_os("SKMEM_PRESSURE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation/pressure"), PathBuf::from);
    root.join(kernel).join(format!("{case}.rec"))
}

#[track_caller]
fn load(kernel: &str, case: &str) -> PressureRecording {
    PressureRecording::load(&file(kernel, case)).unwrap_or_else(|e| panic!("{e}"))
}

fn described(kernel: &str, case: &str, s: &Score) -> String {
    let mut text = format!(
        "{kernel} {case}: sockets {:?} host {:?} acks {:?} counters {:?} returns {:?} pressure {:?}\n",
        s.sockets, s.host, s.acks, s.counters, s.returns, s.pressure
    );
    for d in s.differences.iter().take(3) {
        text += &format!("  line {}\n    recorded {}\n    model    {}\n", d.step, d.recorded, d.model);
    }
    text
}

/// One line of `floors.csv`: how many of each kind were compared, and how many of the ACKs and counters are exact.
fn floor_line(kernel: &str, case: &str, s: &Score) -> String {
    let all = [s.sockets, s.host, s.returns, s.pressure].map(|[_, all]| all.to_string()).join(",");
    format!("{kernel},{case},{all},{},{},{},{}", s.acks[0], s.acks[1], s.counters[0], s.counters[1])
}

/// Sockets, pages, pressure and what calls return admit no difference. An ACK of the delayed-ACK timer may fall on the
/// other side of a segment that arrives at the same tick; how many do is a floor.
#[test]
fn every_pressure_recording_is_replayed_without_a_difference_in_memory() {
    let floors = std::fs::read_to_string(file(".", "x").with_file_name("floors.csv")).unwrap_or_default();
    let (mut wrong, mut lines) = (String::new(), String::new());
    for kernel in KERNELS {
        for case in CASES {
            let score = replay(&load(kernel, case)).unwrap();
            assert!(score.sockets[1] > 600 && score.acks[1] > 400 && score.host[1] > 600, "{kernel} {case}");
            let memory = [score.sockets, score.host, score.returns, score.pressure];
            let line = floor_line(kernel, case, &score);
            if memory.iter().any(|[exact, all]| exact != all) || !floors.lines().any(|l| l == line) {
                wrong += &described(kernel, case, &score);
            }
            lines += &line;
            lines.push('\n');
        }
    }
    assert!(wrong.is_empty(), "{wrong}\nfloors.csv would be\n{lines}");
}

#[test]
fn the_recordings_enter_and_leave_pressure_and_refuse_memory() {
    for kernel in KERNELS {
        let entered: u64 = CASES.iter().map(|case| replay(&load(kernel, case)).unwrap().pressure[1]).sum();
        assert!(entered >= 3, "{kernel}: pressure changed {entered} times in all");
        let drops: u64 = CASES
            .iter()
            .flat_map(|case| load(kernel, case).steps)
            .filter_map(|s| {
                ["TcpExtTCPRcvQDrop", "TcpExtTCPOFODrop"].iter().find_map(|c| s.counters.get(*c).copied())
            })
            .max()
            .unwrap_or(0);
        assert!(drops >= 30, "{kernel}: {drops} segments dropped for want of memory");
    }
}

#[test]
fn a_damaged_pressure_recording_is_refused_with_its_line() {
    let good = "kernel 6.12.107\ncase x\ntick -100\n> 0 open 0 1460 7 s\n= 0 0 131072 46080 0 0 0 64076 1\n";
    assert_eq!(PressureRecording::parse(good).unwrap().steps.len(), 1);
    for bad in ["> x s 1", "= 0 0", "! 1 2", "> 0 jump 3", "? 1"] {
        let text = format!("{good}{bad}\n");
        assert!(PressureRecording::parse(&text).unwrap_err().to_string().starts_with("line 6:"), "{bad}");
    }
}
