//! The scenarios that come with the program, and the one to start from.

/// Name and text of every gallery scenario, in the order in which to read them.
pub fn gallery() -> &'static [(&'static str, &'static str)] {
    &[
        ("budget-overrun", include_str!("../gallery/budget-overrun.yaml")),
        ("normal-window", include_str!("../gallery/normal-window.yaml")),
        ("adv-win-scale-minus-2", include_str!("../gallery/adv-win-scale-minus-2.yaml")),
        ("adv-win-scale-minus-1", include_str!("../gallery/adv-win-scale-minus-1.yaml")),
        ("adv-win-scale-2", include_str!("../gallery/adv-win-scale-2.yaml")),
        ("adv-win-scale-3", include_str!("../gallery/adv-win-scale-3.yaml")),
        ("quickack", include_str!("../gallery/quickack.yaml")),
        ("default-128k", include_str!("../gallery/default-128k.yaml")),
        ("slow-opening", include_str!("../gallery/slow-opening.yaml")),
        ("slow-opening-patched", include_str!("../gallery/slow-opening-patched.yaml")),
        ("spaghetti", include_str!("../gallery/spaghetti.yaml")),
        ("tiny-writes", include_str!("../gallery/tiny-writes.yaml")),
        ("websocket", include_str!("../gallery/websocket.yaml")),
        ("tiny-sends-unbounded", include_str!("../gallery/tiny-sends-unbounded.yaml")),
        ("page-per-packet", include_str!("../gallery/page-per-packet.yaml")),
        ("half-page-per-packet", include_str!("../gallery/half-page-per-packet.yaml")),
        ("page-16k-per-packet", include_str!("../gallery/page-16k-per-packet.yaml")),
        ("header-room", include_str!("../gallery/header-room.yaml")),
        ("cache-line-128", include_str!("../gallery/cache-line-128.yaml")),
        ("pathological-truesize", include_str!("../gallery/pathological-truesize.yaml")),
        ("huge-segments", include_str!("../gallery/huge-segments.yaml")),
        ("jumbo-receiver", include_str!("../gallery/jumbo-receiver.yaml")),
        ("kernel-upgrade", include_str!("../gallery/kernel-upgrade.yaml")),
        ("ingest-rule", include_str!("../gallery/ingest-rule.yaml")),
        ("strict-budget-stall", include_str!("../gallery/strict-budget-stall.yaml")),
        ("hole-and-sack", include_str!("../gallery/hole-and-sack.yaml")),
        ("zero-window", include_str!("../gallery/zero-window.yaml")),
        ("echo-loopback", include_str!("../gallery/echo-loopback.yaml")),
        ("echo-zero-window", include_str!("../gallery/echo-zero-window.yaml")),
        ("late-reader", include_str!("../gallery/late-reader.yaml")),
        ("blocked-writer", include_str!("../gallery/blocked-writer.yaml")),
        ("window-of-two-segments", include_str!("../gallery/window-of-two-segments.yaml")),
        ("small-window-and-loss", include_str!("../gallery/small-window-and-loss.yaml")),
        ("small-window-and-loss-sack", include_str!("../gallery/small-window-and-loss-sack.yaml")),
        ("eight-segments-and-loss", include_str!("../gallery/eight-segments-and-loss.yaml")),
        ("odd-buffer", include_str!("../gallery/odd-buffer.yaml")),
        ("messages-small", include_str!("../gallery/messages-small.yaml")),
        ("messages-medium", include_str!("../gallery/messages-medium.yaml")),
        ("messages-large", include_str!("../gallery/messages-large.yaml")),
        ("gigabit-2ms", include_str!("../gallery/gigabit-2ms.yaml")),
        ("gigabit-2ms-small", include_str!("../gallery/gigabit-2ms-small.yaml")),
        ("gigabit-2ms-large", include_str!("../gallery/gigabit-2ms-large.yaml")),
        ("gigabit-50ms", include_str!("../gallery/gigabit-50ms.yaml")),
        ("gigabit-50ms-small", include_str!("../gallery/gigabit-50ms-small.yaml")),
        ("gigabit-50ms-large", include_str!("../gallery/gigabit-50ms-large.yaml")),
        ("ten-gigabit-100ms", include_str!("../gallery/ten-gigabit-100ms.yaml")),
        ("no-window-scaling", include_str!("../gallery/no-window-scaling.yaml")),
        ("rcvbuf-before-connect", include_str!("../gallery/rcvbuf-before-connect.yaml")),
        ("rcvbuf-after-connect", include_str!("../gallery/rcvbuf-after-connect.yaml")),
        ("rcvbuf-on-a-long-path", include_str!("../gallery/rcvbuf-on-a-long-path.yaml")),
        ("autotuned-on-a-long-path", include_str!("../gallery/autotuned-on-a-long-path.yaml")),
        ("autotuning-bulk", include_str!("../gallery/autotuning-bulk.yaml")),
        ("fixed-64k", include_str!("../gallery/fixed-64k.yaml")),
        ("right-sizing-2mb", include_str!("../gallery/right-sizing-2mb.yaml")),
        ("drs-50ms-before", include_str!("../gallery/drs-50ms-before.yaml")),
        ("drs-50ms-after", include_str!("../gallery/drs-50ms-after.yaml")),
        ("low-rtt-autotuning", include_str!("../gallery/low-rtt-autotuning.yaml")),
        ("fin-out-of-order", include_str!("../gallery/fin-out-of-order.yaml")),
        ("zero-window-fin", include_str!("../gallery/zero-window-fin.yaml")),
        ("duplicate-sack", include_str!("../gallery/duplicate-sack.yaml")),
        ("budget-grows-out-of-order", include_str!("../gallery/budget-grows-out-of-order.yaml")),
        ("packet-too-big", include_str!("../gallery/packet-too-big.yaml")),
        ("beyond-the-window", include_str!("../gallery/beyond-the-window.yaml")),
        ("window-retracted", include_str!("../gallery/window-retracted.yaml")),
        ("memory-squeeze", include_str!("../gallery/memory-squeeze.yaml")),
        ("loss-and-reordering", include_str!("../gallery/loss-and-reordering.yaml")),
        ("bufferbloat", include_str!("../gallery/bufferbloat.yaml")),
        ("bufferbloat-small-queue", include_str!("../gallery/bufferbloat-small-queue.yaml")),
        ("bufferbloat-small-window", include_str!("../gallery/bufferbloat-small-window.yaml")),
        ("ecn-instead-of-loss", include_str!("../gallery/ecn-instead-of-loss.yaml")),
        ("memory-500-connections", include_str!("../gallery/memory-500-connections.yaml")),
        ("memory-2000-connections", include_str!("../gallery/memory-2000-connections.yaml")),
        ("memory-orphans", include_str!("../gallery/memory-orphans.yaml")),
        ("pressure-blocks-writers", include_str!("../gallery/pressure-blocks-writers.yaml")),
        ("collapse-stall", include_str!("../gallery/collapse-stall.yaml")),
        ("small-queues", include_str!("../gallery/small-queues.yaml")),
        ("paced-sender", include_str!("../gallery/paced-sender.yaml")),
        ("burst-after-idle", include_str!("../gallery/burst-after-idle.yaml")),
        ("burst-after-idle-fq", include_str!("../gallery/burst-after-idle-fq.yaml")),
    ]
}

/// The text of the gallery scenario of this name.
pub fn gallery_text(name: &str) -> Option<&'static str> {
    gallery().iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// A scenario to start from, under a new name: small, complete, with the usual settings to change.
///
/// # Errors
/// A sentence that says why `name` cannot be the name of a scenario.
pub fn template(name: &str) -> Result<String, String> {
    if !crate::resolve::is_name(name) {
        let name = crate::units::shorten(name);
        return Err(format!(
            "`{name}` cannot be the name of a scenario: use up to 64 letters, digits, `-`, `_` and `.`"
        ));
    }
    Ok(include_str!("../gallery/template.txt").replace("NAME", name))
}
