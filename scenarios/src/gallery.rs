//! The scenarios that come with the program, and the one to start from.

/// Name and text of every gallery scenario, in the order in which to read them.
pub fn gallery() -> &'static [(&'static str, &'static str)] {
    &[
        ("budget-overrun", include_str!("../gallery/budget-overrun.yaml")),
        ("normal-window", include_str!("../gallery/normal-window.yaml")),
        ("quickack", include_str!("../gallery/quickack.yaml")),
        ("default-128k", include_str!("../gallery/default-128k.yaml")),
        ("slow-opening", include_str!("../gallery/slow-opening.yaml")),
        ("slow-opening-patched", include_str!("../gallery/slow-opening-patched.yaml")),
        ("spaghetti", include_str!("../gallery/spaghetti.yaml")),
        ("tiny-writes", include_str!("../gallery/tiny-writes.yaml")),
        ("websocket", include_str!("../gallery/websocket.yaml")),
        ("page-per-packet", include_str!("../gallery/page-per-packet.yaml")),
        ("huge-segments", include_str!("../gallery/huge-segments.yaml")),
        ("jumbo-receiver", include_str!("../gallery/jumbo-receiver.yaml")),
        ("kernel-upgrade", include_str!("../gallery/kernel-upgrade.yaml")),
        ("ingest-rule", include_str!("../gallery/ingest-rule.yaml")),
        ("hole-and-sack", include_str!("../gallery/hole-and-sack.yaml")),
        ("zero-window", include_str!("../gallery/zero-window.yaml")),
        ("late-reader", include_str!("../gallery/late-reader.yaml")),
        ("blocked-writer", include_str!("../gallery/blocked-writer.yaml")),
        ("window-of-two-segments", include_str!("../gallery/window-of-two-segments.yaml")),
        ("small-window-and-loss", include_str!("../gallery/small-window-and-loss.yaml")),
        ("odd-buffer", include_str!("../gallery/odd-buffer.yaml")),
        ("messages-small", include_str!("../gallery/messages-small.yaml")),
        ("messages-medium", include_str!("../gallery/messages-medium.yaml")),
        ("messages-large", include_str!("../gallery/messages-large.yaml")),
        ("gigabit-2ms", include_str!("../gallery/gigabit-2ms.yaml")),
        ("gigabit-50ms", include_str!("../gallery/gigabit-50ms.yaml")),
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
        ("fin-out-of-order", include_str!("../gallery/fin-out-of-order.yaml")),
        ("loss-and-reordering", include_str!("../gallery/loss-and-reordering.yaml")),
        ("bufferbloat", include_str!("../gallery/bufferbloat.yaml")),
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
