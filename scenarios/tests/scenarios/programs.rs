//! What the programs of a scenario write, read and answer, and how they end.

use scenarios::{Overrides, Source, resolve, resolved_yaml};
use sim_core::config::{Change, Ending, ReadConfig, ReadMode, Stall, WriteConfig, WriteMode};
use sim_core::time::SimDuration;

use super::{good, refused};

/// A scenario whose second line is `line`.
fn with(line: &str) -> String {
    format!("kernel: 6.1\n{line}\n")
}

fn write(line: &str) -> WriteConfig {
    good(&with(&format!("sender: {{write: {{{line}}}}}"))).config.sender.write
}

fn read(line: &str) -> ReadConfig {
    good(&with(&format!("receiver: {{read: {{{line}}}}}"))).config.receiver.read
}

fn ms(n: u64) -> SimDuration {
    SimDuration::from_millis(n)
}

#[test]
fn a_constant_rate_has_calls_of_16_kib_unless_it_says_otherwise() {
    let w = write("mode: paced, rate: 80mbit, bytes: 1MiB, start: 5ms");
    assert_eq!(w.mode, WriteMode::Paced { rate_bps: 80_000_000, call: 16_384 });
    assert_eq!((w.total, w.start, w.ending), (Some(1 << 20), ms(5), Ending::Stay));
}

#[test]
fn a_file_is_closed_after_its_last_piece_unless_it_says_otherwise() {
    let w = write("mode: file, bytes: 1MiB");
    assert_eq!((w.mode, w.total), (WriteMode::File { piece: 65_536 }, Some(1 << 20)));
    assert_eq!(w.ending, Ending::Close);
    assert_eq!(write("mode: file, bytes: 1MiB, close: off").ending, Ending::Stay);
    assert_eq!(write("mode: file, bytes: 1MiB, half_close: on").ending, Ending::HalfClose);
}

#[test]
fn requests_make_the_receiver_read_and_answer_and_the_sender_read() {
    let c = good(&with(
        "sender: {write: {mode: request-response, request: 200, response: 4KiB, think: 3ms, service: 1ms, count: 7}}",
    ))
    .config;
    let (request, response) = (200, 4_096);
    assert_eq!(c.sender.write.mode, WriteMode::RequestResponse { request, response, think: ms(3) });
    assert_eq!(c.sender.write.total, Some(1_400));
    assert_eq!(c.receiver.write.mode, WriteMode::Respond { request, response, service: ms(1) });
    assert_eq!((c.receiver.read, c.sender.read), (ReadConfig::asap(65_536), ReadConfig::asap(65_536)));
}

#[test]
fn an_echo_makes_the_sender_read() {
    let c = good(&with("receiver: {read: echo}")).config;
    assert_eq!(c.receiver.read.mode, ReadMode::Echo { buffer: 16_384 });
    assert_eq!((c.sender.read, c.receiver.write), (ReadConfig::asap(65_536), WriteConfig::NEVER));
}

#[test]
fn readers_have_rates_and_pauses_and_ends() {
    let r =
        read("mode: asap, buffer: 8KiB, rate: 10mbit, stall: {every: 1s, for: 200ms}, close: on, start: 1s");
    let ReadMode::Asap { buffer: 8_192, work, stall } = r.mode else { panic!("{r:?}") };
    assert_eq!(work.rate_bps, Some(10_000_000));
    assert_eq!(stall, Some(Stall { every: ms(1_000), length: ms(200) }));
    assert_eq!((r.start, r.close_at_end, r.close_after), (ms(1_000), true, None));
    assert_eq!(read("mode: fixed, bytes: 1, every: 1ms, close_after: 64KiB").close_after, Some(65_536));
}

#[test]
fn both_ends_may_be_closed_at_a_given_time() {
    let c = good(&with(
        "events:\n- {at: 1s, sender.shutdown: write}\n- {at: 2s, receiver.close: on}\n- {at: 3s, sender.close: on}",
    ))
    .config;
    let changes: Vec<_> = c.events.into_iter().map(|e| e.change).collect();
    assert_eq!(
        changes,
        [
            Change::SenderEnding(Ending::HalfClose),
            Change::ReceiverEnding(Ending::Close),
            Change::SenderEnding(Ending::Close),
        ]
    );
}

#[test]
fn a_resolved_program_resolves_to_itself() {
    for line in [
        "sender: {write: {mode: paced, rate: 1mbit, bytes: 5000, close: on}}",
        "sender: {write: {mode: request-response, request: 9, response: 10, service: 2ms, count: 3, half_close: on}}",
        "sender: {write: {mode: file, bytes: 70000, close: off}}",
        "receiver: {read: {mode: echo, buffer: 1KiB, close: on}}",
        "receiver: {write: {mode: burst, bytes: 9KiB}, read: {mode: asap, stall: {every: 2s, for: 1s}, close_after: 5}}",
        "host: {call_cost: 12us, one_thread: on, threadirqs: on}\nstop: {returned: 7, bytes: 8}",
        "events: [{at: 1s, receiver.shutdown: write}, {at: 2s, sender.close: on}]",
    ] {
        let first = good(&with(line));
        let text = resolved_yaml(&first);
        let again = resolve(&Source::new("again.yaml", &text), &Overrides::default());
        let again = again.unwrap_or_else(|e| panic!("{}\n{text}", e.render(false)));
        assert_eq!(again.config, first.config, "{text}");
    }
}

#[test]
fn a_rate_of_zero_and_one_without_end_are_refused() {
    refused(&with("sender: {write: {mode: paced, rate: 0mbit}}"), (2, 37), &["at a rate of zero"]);
    refused(&with("sender: {write: {mode: paced, rate: 0}}"), (2, 37), &["at a rate of zero"]);
    refused(&with("receiver: {read: {mode: asap, rate: 0bit}}"), (2, 37), &["at a rate of zero"]);
    refused(&with("sender: {write: {mode: paced, rate: unlimited}}"), (2, 37), &["burst"]);
    refused(&with("sender: {write: {mode: paced}}"), (2, 17), &["`mode: paced` needs `rate`"]);
}

#[test]
fn a_response_without_a_request_is_refused() {
    let line = "sender: {write: {mode: request-response, response: 4KiB}}";
    refused(&with(line), (2, 17), &["`mode: request-response` needs `request`"]);
    let line = "sender: {write: {mode: request-response, request: 0, response: 4KiB}}";
    refused(&with(line), (2, 51), &["out of range"]);
    let line = "receiver: {write: {mode: request-response, request: 1, response: 4KiB}}";
    refused(&with(line), (2, 19), &["the requests are the sender's"]);
}

#[test]
fn requests_that_nobody_reads_or_answers_are_refused() {
    let asks = "sender: {write: {mode: request-response, request: 1, response: 2}}";
    refused(&with(&format!("{asks}\nreceiver: {{read: never}}")), (3, 18), &["never sees a request"]);
    refused(&with(&format!("{asks}\nreceiver: {{read: echo}}")), (3, 18), &["no answers"]);
    refused(
        &with(&format!("{asks}\nreceiver: {{write: burst}}")),
        (3, 19),
        &["answers the sender's requests"],
    );
    refused(&with("receiver: {read: echo, write: burst}"), (2, 31), &["nothing else"]);
    refused(&with("sender: {read: echo}"), (2, 16), &["receiver.read"]);
}

#[test]
fn a_plan_out_of_order_is_refused() {
    let line = "receiver: {read: {mode: plan, reads: [{at: 2s, bytes: 1}, {at: 1s, bytes: 1}]}}";
    refused(&with(line), (2, 64), &["earlier than the one before it", "2s"]);
}

#[test]
fn a_pause_that_never_ends_is_refused() {
    let line = "receiver: {read: {mode: asap, stall: {every: 1s, for: 1s}}}";
    refused(&with(line), (2, 55), &["never read", "shorter than `every`"]);
    let line = "receiver: {read: {mode: asap, stall: {every: 1s}}}";
    refused(&with(line), (2, 38), &["needs `for`"]);
}

#[test]
fn an_end_without_a_last_byte_is_refused() {
    refused(&with("sender: {write: {mode: burst, close: on}}"), (2, 38), &["`close` needs `bytes`"]);
    let line = "sender: {write: {mode: request-response, request: 1, response: 1, half_close: on}}";
    refused(&with(line), (2, 79), &["`half_close` needs `count`"]);
    let line = "sender: {write: {mode: burst, bytes: 1MiB, close: on, half_close: on}}";
    refused(&with(line), (2, 67), &["keep one"]);
    refused(&with("sender: {write: {mode: file}}"), (2, 17), &["`mode: file` needs `bytes`"]);
}

#[test]
fn a_key_of_another_mode_says_whose_it_is() {
    refused(&with("receiver: {read: {mode: never, rate: 1mbit}}"), (2, 32), &["`mode: asap`"]);
    refused(&with("sender: {write: {mode: burst, request: 1}}"), (2, 31), &["`mode: request-response`"]);
}

#[test]
fn a_pacing_rate_needs_a_unit_counts_bits_and_survives_the_round_trip() {
    let rate = |v: &str| format!("sender: {{sockopt: {{SO_MAX_PACING_RATE: {v}}}}}");
    let scenario = good(&with(&rate("2mbit")));
    assert_eq!(scenario.config.sender.sockopt.max_pacing_rate, Some(250_000));
    assert_eq!(good(&resolved_yaml(&scenario)).config, scenario.config);
    assert_eq!(good(&with(&rate("unlimited"))).config.sender.sockopt.max_pacing_rate, Some(u64::MAX));
    assert_eq!(good(&with("sender: {}")).config.sender.sockopt.max_pacing_rate, None);
    refused(&with(&rate("250000")), (2, 40), &["SO_MAX_PACING_RATE"]);
    refused(&with(&rate("0mbit")), (2, 40), &["nothing would ever arrive"]);
    let near = "sender: {sockopt: {SO_MAX_PACING_RAT: 2mbit}}";
    refused(&with(near), (2, 20), &["did you mean `SO_MAX_PACING_RATE`?"]);
}

#[test]
fn a_direction_goes_down_and_up_and_a_qdisc_can_be_the_hosts_own() {
    let text = "path: {rtt: 40ms, limit: 60, forward: {local_qdisc: on}}\nevents:\n  - {at: 3s, path.forward: down, path.reverse: down}\n  - {at: 4s, path.reverse: up}";
    let scenario = good(&with(text));
    let changes: Vec<_> = scenario.config.events.iter().map(|e| e.change.clone()).collect();
    assert_eq!(changes, [Change::ForwardDown(true), Change::ReverseDown(true), Change::ReverseDown(false)]);
    assert!(scenario.config.forward.in_host && !scenario.config.reverse.in_host);
    assert_eq!(good(&resolved_yaml(&scenario)).config, scenario.config);
    refused(&with("events: [{at: 3s, path.forward: dwon}]"), (2, 33), &["did you mean `down`?"]);
    let two = "path: {rate: 1mbit, queue: {kind: drop-tail, limit: 10}, local_qdisc: on}";
    refused(&with(two), (2, 71), &["keep one of the two"]);
}
