use insta::assert_snapshot;
use results::Summary;
use results::report::{ReportOptions, SendHalfFigures, report, ss_block};

use crate::fixture::{info, trace};

#[test]
fn the_report_reads_like_ss_and_nstat() {
    let t = trace();
    let s = Summary::new(&t, &info());
    let options = ReportOptions {
        congestion: Some("cubic"),
        send_half: Some(SendHalfFigures {
            sndbuf: 46080,
            rto_ms: 604,
            srtt8_us: 1_600_768,
            rttvar4_us: 400_192,
            mss: 1024,
            pmtu: 65535,
            cwnd: 10,
            ..SendHalfFigures::default()
        }),
        local: "receiver:5001".into(),
        peer: "sender:40000".into(),
        ..ReportOptions::default()
    };
    assert_snapshot!(report(&t.measured, &s, &options), @r#"
budget-overrun: kernel 6.1, seed 1, 5 s simulated

State      Recv-Q  Send-Q  Local Address:Port  Peer Address:Port
ESTAB      5144    0       receiver:5001       sender:40000
        skmem:(r8448,rb8192,t0,tb46080,f-512,w0,o0,bl0,d1) cubic wscale:7,1 rto:604
        rtt:200.096/100.048 ato:40 mss:1024 pmtu:65535 rcvmss:1024 advmss:1024 cwnd:10
        bytes_received:6144 segs_out:2 segs_in:6 data_segs_in:5 lastrcv:2100 lastack:2100
        rcv_rtt:200.2 rcv_space:10240 rcv_ssthresh:2048 snd_wnd:65536 rcv_wnd:8192

#kernel
TcpInSegs                       8                  0.0
TcpOutSegs                      6                  0.0
TcpExtTCPRcvCoalesce            1                  0.0
TcpExtTCPRcvQDrop               1                  0.0
TcpExtPruneCalled               2                  0.0
TcpExtTCPTimeouts               1                  0.0

How much data fitted?  6144 bytes (5144 in the receive queue, 1000 read)
In how many bursts?    2 (bytes: 2048, 4096); full after 1.5 s and 2 bursts
Memory                 skmem_r at most 8448, 256 bytes over the budget; skmem_rb 8192 at the end
Payload                60.8 % of skmem_r is data at the end, 60.8 % at its peak, 52.8 % of truesize
                       on arrival; the first skb cost 2304 bytes
Packets                6 arrived, 5 with data (20.0 % merged into an older skb); 2 ACKs; 1 collapse
                       copied 6144 bytes and freed 256
Drops                  1; 4096 bytes of window were still open at the first; 1 more because the
                       backlog was full
Speed                  throughput 9.832 kbit/s, goodput 1.6 kbit/s; 3.9 % of min(rate, window / RTT)
Waits for reads        median 300 ms, p90 300 ms, p99 300 ms, at most 300 ms
Digest                 80168e8b0eecac4d213491f02236e4b7
Warning                tcp_adv_win_scale has no effect from kernel 6.6 on
"#);
}

#[test]
fn a_narrow_terminal_breaks_lines_between_words_and_unknown_figures_are_left_out() {
    let t = trace();
    let text = ss_block(&t.measured, &ReportOptions { width: 60, ..ReportOptions::default() });
    assert!(text.lines().skip(2).all(|l| l.len() <= 60), "{text}");
    assert!(!text.contains("cwnd") && !text.contains("rto:"));
}
