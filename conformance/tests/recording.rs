//! A small synthetic recording through every form: raw files, types, packed file.

use conformance::compact::{self, DecodeError};
use conformance::recording::{
    AckCause, AckRow, AppAction, AppEvent, AppWhat, CaseKind, Clock, Entry, EventRef, Form, Hex32, MergeRow,
    MergeWhy, Pass, RecordedQueue, RecordedState, Recording, Row, RowSegment, Step, Store, Summary, TxRow,
    describe, load, write_raw,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use sim_core::segment::{Flags, SackBlock};
use sim_core::seq::Seq;
use std::fs;
use std::io::Write as _;
use std::path::Path;

fn state(i: i64) -> RecordedState {
    RecordedState {
        rcv_ssthresh: Some(64512),
        rcvbuf: Some(65536),
        rmem: Some(2304 + i as i32 * 1024),
        rcv_nxt: Some(1 + i * 1024),
        copied_seq: Some(1),
        recvq: Some(i * 1024),
        ack_pending: Some((i % 4) as u8),
        delack_expires: (i > 2).then_some(10 + i),
        drs_time: Some(-3 + i),
        fwd_alloc: Some(-4352),
        pred_flags: Some(Hex32(0x5010_0200)),
        ofo: Some(i % 2 == 1),
        tcp_mstamp: Some(i * 25),
        ..RecordedState::default()
    }
}

/// A recording in which every type of cell, blanks included, occurs.
fn synthetic() -> Recording {
    let mut rec = Recording {
        kernel: "6.1".into(),
        case: "x_small".into(),
        kind: CaseKind::Injection,
        summary: Summary {
            case: "x_small".into(),
            kind: CaseKind::Injection,
            clock: Clock { hz: 250, tick_ns: 4_000_000, jiffy0_time_ns: -1_535_000, ..Clock::default() },
            script: Some(vec!["syn 1460 7 s".into(), "d 0 1024".into(), "r 4096".into()]),
            passes: vec![Pass { seed: 1, end: state(9), ..Pass::default() }],
            ..Summary::default()
        },
        ..Recording::default()
    };
    for i in 0..40i64 {
        let (ev, time_ns) = (10 * i as u64 + 1, 25_000 * i as u64);
        let segment = RowSegment {
            seq: 1 + i * 1024,
            end_seq: 1025 + i * 1024,
            len: 1024,
            flags: Flags::ACK,
            wnd: 65535,
            truesize: 2304,
            nr_frags: (i % 3 > 0).then_some(1),
            tsval: Some(3_905_493_372),
            tsecr: Some(7),
            ..RowSegment::default()
        };
        rec.rows.push(Row {
            idx: i as u32 + 1,
            ev,
            time_ns,
            segment: Some(segment),
            drop_reasons: (i == 7).then(|| "PROTO_MEM@tcp_data_queue 2".into()),
            state: state(i),
            ..Row::default()
        });
        let mut ack = AckRow {
            ev: ev + 3,
            time_ns: time_ns + 9_000,
            after_idx: i as u32 + 1,
            flags: Flags::ACK,
            ack: 1025 + i * 1024,
            win_raw: 504,
            win: 64512,
            reason: (i > 0).then_some(AckCause::Rx),
            tsval: Some(5),
            tsecr: Some(6),
            state: RecordedState { win: Some(1), ..state(i) },
            ..AckRow::default()
        };
        for b in 0..i % 5 {
            ack.sack.push(SackBlock { start: Seq(b * 10), end: Seq(b * 10 + 5) });
        }
        rec.acks.push(ack);
        rec.merges.push(MergeRow {
            ev: ev + 1,
            time_ns: time_ns + 4_000,
            ret: i % 4 > 0,
            why: (i % 4 == 0).then_some(MergeWhy::FragsUnknown),
            delta: (i % 4 != 3).then_some(1024),
            to_frags: None,
            rmem: 2304,
            ..MergeRow::default()
        });
        rec.tx.push(TxRow {
            ev: ev + 4,
            time_ns: time_ns + 9_500,
            seq: i,
            flags: Flags::PSH,
            ..TxRow::default()
        });
    }
    let event = |ev, what| AppEvent { ev, time_ns: ev * 2_500, step: 2, what, ..AppEvent::default() };
    rec.app = vec![
        AppEvent { text: Some("d 0 1024".into()), ..event(0, AppWhat::Step) },
        AppEvent { queue: Some(RecordedQueue::OutOfOrder), ..event(3, AppWhat::Collapse) },
        AppEvent { ret: Some(-11), state: state(1), ..event(5, AppWhat::RecvRet) },
        AppEvent { level: Some(6), opt: Some(10), value: Some(8192), ..event(6, AppWhat::SetSockOpt) },
    ];
    rec.steps.push(Step {
        ev: 6,
        step: 2,
        time_ns: 15_500,
        cmd: "d 0 1024".into(),
        emitted: 1,
        state: state(2),
        ..Step::default()
    });
    rec.rows.push(Row {
        idx: 41,
        ev: 999,
        time_ns: 2_000_000,
        entry: Entry::End,
        state: state(40),
        ..Row::default()
    });
    rec
}

#[test]
fn raw_files_and_packed_file_give_the_same_recording() {
    let dir = tempfile::tempdir().unwrap();
    let rec = synthetic();
    write_raw(&rec, &dir.path().join("raw")).unwrap();
    let store = Store::open(dir.path().join("raw")).unwrap();
    assert_eq!(store.form(), Form::Raw);
    let from_raw = load(dir.path().join("raw")).unwrap();
    assert_eq!(from_raw, [rec]);
    compact::write(&from_raw[0], &dir.path().join("packed")).unwrap();
    assert_eq!(Store::open(dir.path().join("packed")).unwrap().form(), Form::Compact);
    assert_eq!(load(dir.path().join("packed")).unwrap(), from_raw);
}

#[test]
fn events_of_all_files_come_in_one_order() {
    let rec = synthetic();
    let events = rec.events();
    assert_eq!(events.len(), 41 + 40 * 3 + 4 + 1);
    assert!(events.windows(2).all(|w| w[0].0 <= w[1].0));
    let step = events.iter().position(|(_, e)| matches!(e, EventRef::Step(_))).unwrap();
    assert!(matches!(events[step - 1], (6, EventRef::App(a)) if a.what == AppWhat::SetSockOpt));
    assert!(matches!(events.last(), Some((999, EventRef::Row(r))) if r.entry == Entry::End));
}

#[test]
fn an_event_has_its_arguments_and_a_missing_one_is_named() {
    let rec = synthetic();
    assert_eq!(rec.app[1].action(), Ok(AppAction::Collapse(RecordedQueue::OutOfOrder)));
    assert_eq!(rec.app[2].action(), Ok(AppAction::RecvRet(-11)));
    assert_eq!(AppEvent { what: AppWhat::Recv, ..AppEvent::default() }.action(), Err("arg"));
}

#[test]
fn a_line_is_described_by_its_own_columns_and_the_state_columns_asked_for() {
    let rec = synthetic();
    let text = describe(EventRef::Ack(&rec.acks[1]), &["rmem"]);
    assert_eq!(
        text,
        "ack ev=14 time_ns=34000 after_idx=2 flags=A seq=0 ack=2049 win_raw=504 win=64512 reason=rx ts=5/6 \
         sack=0-5 rmem=3328"
    );
}

fn gzip(from: &Path, to: &Path) {
    let mut gz = GzEncoder::new(fs::File::create(to).unwrap(), Compression::fast());
    gz.write_all(&fs::read(from).unwrap()).unwrap();
    gz.finish().unwrap();
}

#[test]
fn a_gzipped_file_stands_for_a_plain_one_and_optional_files_may_be_missing() {
    let dir = tempfile::tempdir().unwrap();
    let mut rec = synthetic();
    write_raw(&rec, dir.path()).unwrap();
    let file = |name: &str| dir.path().join("6.1").join(format!("x_small.{name}"));
    gzip(&file("summary.json"), &file("summary.json.gz"));
    fs::remove_file(file("summary.json")).unwrap();
    let tx = if file("tx.csv").exists() { file("tx.csv") } else { file("tx.csv.gz") };
    fs::remove_file(tx).unwrap();
    rec.tx.clear();
    assert_eq!(load(dir.path()).unwrap(), [rec]);
}

#[test]
fn an_empty_directory_and_a_bad_summary_are_errors_with_a_path() {
    let dir = tempfile::tempdir().unwrap();
    let message = load(dir.path()).unwrap_err().to_string();
    assert!(message.contains("no recordings here"), "{message}");
    fs::create_dir(dir.path().join("6.1")).unwrap();
    fs::write(dir.path().join("6.1/a.summary.json"), "{\"case\": 1}").unwrap();
    let message = load(dir.path()).unwrap_err().to_string();
    assert!(message.contains("a.summary.json, line 1, column 10"), "{message}");
}

#[test]
fn a_kernel_nobody_knows_loads_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let rec = Recording { kernel: "bpf-next".into(), ..synthetic() };
    write_raw(&rec, dir.path()).unwrap();
    compact::write(&rec, &dir.path().join("packed")).unwrap();
    assert_eq!(load(dir.path().join("packed")).unwrap(), [rec]);
}

#[test]
fn every_cut_of_a_packed_file_is_refused() {
    let bytes = compact::encode(&synthetic()).unwrap();
    assert_eq!(compact::decode(&bytes).unwrap(), synthetic());
    for end in 0..bytes.len() {
        assert!(compact::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(compact::decode(&longer).is_err());
}

#[test]
fn another_version_and_a_foreign_file_are_told_apart() {
    let mut bytes = compact::encode(&synthetic()).unwrap();
    assert_eq!(compact::decode(b"PK\x03\x04 something else entirely"), Err(DecodeError::NotARecording));
    bytes[10] ^= 1;
    assert_eq!(compact::decode(&bytes), Err(DecodeError::Columns));
    bytes[8] = 9;
    assert_eq!(compact::decode(&bytes), Err(DecodeError::Version(9)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_damaged_packed_file_never_panics(at in 0usize..1 << 20, with: u8) {
        let mut bytes = compact::encode(&synthetic()).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= with;
        let _ = compact::decode(&bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        prop_assert!(compact::decode(&bytes).is_err());
    }
}
