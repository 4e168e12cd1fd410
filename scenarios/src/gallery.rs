//! The scenarios that come with the program, and the one to start from.

/// Name and text of every gallery scenario, in the order in which to read them.
pub fn gallery() -> &'static [(&'static str, &'static str)] {
    &[
        ("budget-overrun", include_str!("../gallery/budget-overrun.yaml")),
        ("normal-window", include_str!("../gallery/normal-window.yaml")),
        ("quickack", include_str!("../gallery/quickack.yaml")),
        ("default-128k", include_str!("../gallery/default-128k.yaml")),
        ("slow-opening", include_str!("../gallery/slow-opening.yaml")),
        ("spaghetti", include_str!("../gallery/spaghetti.yaml")),
        ("tiny-writes", include_str!("../gallery/tiny-writes.yaml")),
        ("kernel-upgrade", include_str!("../gallery/kernel-upgrade.yaml")),
        ("hole-and-sack", include_str!("../gallery/hole-and-sack.yaml")),
        ("zero-window", include_str!("../gallery/zero-window.yaml")),
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
