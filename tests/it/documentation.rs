//! The generated pages of the documentation are what the program writes now.

use std::fs;
use std::path::Path;

use crate::support::skmem;

#[track_caller]
fn current(page: &str, args: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let written = fs::read_to_string(path).unwrap();
    let now = skmem(args).exits(0).out;
    let differs = written.lines().zip(now.lines()).find(|(w, n)| w != n);
    assert!(
        written == now,
        "docs/{page} is not current, first at {differs:?}: write it again with skmem {} > docs/{page}",
        args.join(" ")
    );
}

#[test]
fn the_gallery_page_is_current_and_has_all_its_charts() {
    current("gallery.md", &["list", "--markdown"]);
    for (name, _) in scenarios::gallery() {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/images/gallery/{name}.png"));
        assert!(chart.is_file(), "{} is missing: docs/generate.sh charts", chart.display());
    }
}

#[test]
fn the_page_of_claims_is_current() {
    current("claims.md", &["check", "--format", "markdown"]);
}
