use insta::assert_snapshot;
use results::csv_write::{write_acks, write_reads, write_trace, write_tx};
use results::{ColumnSet, Digest, Setup, Summary, TraceError, TraceRecorder, TraceTable, metric, metrics};
use sim_core::counters::Counters;
use sim_core::state::SocketState;
use sim_core::time::SimTime;

use crate::fixture::{arrive, info, state, trace};

fn csv(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn trace_csv_holds_the_state_before_each_segment_and_what_became_of_it() {
    let t = trace();
    assert_snapshot!(csv(|o| write_trace(o, &t, &ColumnSet::Standard).unwrap()), @r#"
idx,time_ns,seq,len,truesize,rcv_ssthresh,window_clamp,skmem_rb,recv_q,skmem_r,rcv_win,rcv_wup,acked,scaling_ratio,coalesced,collapsed,pruned,dropped,drop_reason
1,200000000,1,0,1280,64512,64512,8192,0,0,8192,1,0,,0,0,0,0,
2,1400000000,1,1024,2304,64512,64512,8192,0,0,8192,1,0,,0,0,0,0,
3,1401000000,1025,1024,2304,64512,64512,8192,1024,2304,7168,1,0,,1,0,0,0,
4,1650000000,2049,4096,5376,64512,64512,8192,2048,3328,8192,2049,2048,,0,1,1,0,
5,2400000000,6145,512,1792,2048,64512,8192,5144,8448,4096,2049,2048,,0,0,0,0,
6,2900000000,6145,512,1792,2048,64512,8192,5144,8448,4096,2049,2048,,0,0,1,1,PROTO_MEM
7,5000000000,,0,,2048,64512,8192,5144,8448,4096,2049,2048,,0,0,0,0,
"#);
}

#[test]
fn acks_reads_and_tx_have_their_own_files() {
    let t = trace();
    assert_snapshot!(csv(|o| write_acks(o, &t, &ColumnSet::Standard).unwrap()), @r#"
time_ns,after_idx,flags,seq,ack,len,window,win_raw,sack,reason,rcv_ssthresh,window_clamp,skmem_rb,recv_q,skmem_r,rcv_win,rcv_wup,scaling_ratio
1402000000,3,A,1,2049,0,8192,4096,,full_segments,64512,64512,8192,2048,3328,6144,1,
1700000000,4,A,1,6145,0,8192,4096,5-9,dup_ack,2048,64512,8192,5144,8448,4096,2049,
"#);
    assert_snapshot!(csv(|o| write_reads(o, &t, &ColumnSet::Standard).unwrap()), @r#"
time_ns,after_idx,bytes,rcv_ssthresh,window_clamp,skmem_rb,recv_q,skmem_r,rcv_win,rcv_wup,scaling_ratio
1700000000,4,1000,2048,64512,8192,5144,8448,4096,2049,
"#);
    assert_snapshot!(csv(|o| write_tx(o, &t, &ColumnSet::Standard).unwrap()), @r#"
time_ns,seq,len,flags,ack,cwnd,ssthresh,snd_una,snd_nxt,snd_wnd,packets_out,retrans_out,sacked_out,lost_out,ca_state,srtt8,mss_cache,rto,retransmission
1000000,1,1024,PA,1,10,2147483647,1,1,64512,1,0,0,0,4,1600768,1024,151,0
1025000000,1025,1024,PA,1,10,2147483647,1,2049,64512,1,0,0,0,4,1600768,1024,151,1
"#);
}

#[test]
fn all_columns_begin_with_the_standard_ones() {
    let t = trace();
    let standard = csv(|o| write_trace(o, &t, &ColumnSet::Standard).unwrap());
    let all = csv(|o| write_trace(o, &t, &ColumnSet::parse("all")).unwrap());
    for (s, a) in standard.lines().zip(all.lines()) {
        assert!(a.starts_with(&format!("{s},")));
    }
    let named = csv(|o| write_trace(o, &t, &ColumnSet::parse("rmem, flags,pred_flags")).unwrap());
    assert_eq!(named.lines().take(2).collect::<Vec<_>>(), ["skmem_r,flags,pred_flags", "0,A,00000000"]);
}

#[test]
fn a_written_trace_reads_back_unchanged() {
    let t = trace();
    let text = csv(|o| write_trace(o, &t, &ColumnSet::All).unwrap());
    let table = TraceTable::read(text.as_bytes(), "trace.csv").unwrap();
    assert_eq!(table.len(), t.rows.len() + 1);
    for (i, row) in t.rows_and_closing().enumerate() {
        assert_eq!(table.int(i, "skmem_r"), Some(i64::from(row.state.rmem)));
        assert_eq!(table.int(i, "recv_q"), Some(row.state.recvq()));
        assert_eq!(table.int(i, "dropped"), Some(i64::from(row.outcome.dropped)));
        assert_eq!(table.int(i, "seq"), row.arrival.map(|a| a.seq.0));
    }
}

#[test]
fn the_digest_has_a_known_value_and_moves_with_any_field() {
    let t = trace();
    let digest = Digest::of(&t);
    assert_eq!(Digest::of(&trace()), digest);
    // The same on every platform; a change of the model's records or of the layout changes it, and is noted in
    // the change log.
    assert_snapshot!(digest, @"80168e8b0eecac4d213491f02236e4b7");
    let mut other = t.clone();
    other.rows[3].state.drs_space += 1;
    assert_ne!(Digest::of(&other), digest);
    let mut other = t.clone();
    other.sender.timeouts += 1;
    assert_ne!(Digest::of(&other), digest);
    let mut other = t.clone();
    other.closing.state.scaling_ratio = Some(0);
    assert_ne!(Digest::of(&other), digest);
    let mut other = t;
    other.tx[1].retransmission = false;
    assert_ne!(Digest::of(&other), digest);
}

#[test]
fn the_summary_answers_the_questions_and_survives_json() {
    let s = Summary::new(&trace(), &info());
    let json = s.to_json().unwrap();
    assert_eq!(Summary::from_json(&json).unwrap(), s);
    for (name, value) in [
        ("final.recv_q", Some(5144)),
        ("final.skmem_r", Some(8448)),
        ("final.rmem", Some(8448)),
        ("final.acked", Some(2048)),
        ("final.time_ns", Some(5_000_000_000)),
        ("peak.skmem_r", Some(8448)),
        ("peak.recv_q", Some(5144)),
        ("peak.over_budget", Some(256)),
        ("counters.TcpInSegs", Some(8)),
        ("counters.TCPRcvQDrop", Some(1)),
        ("receiver_counters.TcpInSegs", Some(6)),
        ("sender_counters.TCPTimeouts", Some(1)),
        ("packets", Some(6)),
        ("data_packets", Some(5)),
        ("acks", Some(2)),
        ("dropped", Some(1)),
        ("backlog_dropped", Some(1)),
        ("window_at_first_drop", Some(4096)),
        ("truesize_first", Some(2304)),
        ("fitted", Some(6144)),
        ("bytes_read", Some(1000)),
        ("coalesced_permille", Some(200)),
        ("payload_permille", Some(608)),
        ("final.scaling_ratio", None),
        ("final.nothing", None),
        ("nothing", None),
    ] {
        assert_eq!(metric(&s, name), value, "{name}");
    }
    // The second burst starts 249 ms after the first one's last segment; the retries that follow add nothing.
    assert_eq!(s.burst_bytes, [2048, 4096]);
}

#[test]
fn the_summary_has_what_the_table_of_metrics_lists() {
    let t = trace();
    let s = Summary::new(&t, &info());
    let mut lacking = Vec::new();
    for m in metrics::all() {
        let value = m.value(&t.measured);
        if value.is_none() && !m.name.contains('.') {
            lacking.push(m.name.as_ref());
        }
        assert_eq!(metric(&s, &m.name), value, "{}", m.name);
    }
    // The transfer has no end, and the fixture tells nothing of round trips, of the path and of
    // other connections.
    let path = ["queue_delay_p50_ns", "queue_delay_p90_ns", "queue_delay_p99_ns", "queue_delay_max_ns"];
    let rtt = ["rtt_mean_ns", "rtt_sd_ns", "rtt_min_ns", "rtt_max_ns"];
    let writer = ["sndbuf_wait_p50_ns", "sndbuf_wait_p90_ns", "sndbuf_wait_p99_ns"];
    assert_eq!(lacking, [["finish_ns"].as_slice(), &writer, &rtt, &path, &["fairness_permille"]].concat());
}

#[test]
fn a_trace_above_its_limit_is_an_error_not_a_shorter_trace() {
    let mut r = TraceRecorder::with_limit(2, Setup::default());
    for i in 0..3 {
        assert!(!r.is_full());
        arrive(&mut r, i, 1, 10, &state(0, 0));
    }
    assert!(r.is_full());
    let c = Counters::default();
    let e = r.finish(SimTime::ZERO, &state(0, 0), &c, &c).unwrap_err();
    assert_eq!(e, TraceError::TooManyRows { kind: "segments", limit: 2 });
    assert!(e.to_string().starts_with("the trace has more than 2 segments"));
}

#[test]
fn a_run_without_segments_has_a_summary_too() {
    let c = Counters::default();
    let t =
        TraceRecorder::new(Setup::default()).finish(SimTime::ZERO, &SocketState::default(), &c, &c).unwrap();
    let s = Summary::new(&t, &info());
    let m = |name| metric(&s, name);
    assert_eq!(
        (m("packets"), m("bursts"), m("fitted"), m("payload_permille")),
        (Some(0), Some(0), Some(0), None)
    );
    assert_eq!(metric(&s, "window_at_first_drop"), None);
}
