//! Every crate that the product is built from may be used under its licence, and the licence is there.

use std::path::Path;
use std::process::Command;

/// Licences that ask for no more than to be named.
const FREE: [&str; 14] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "WTFPL",
    "Zlib",
];

/// Whether the expression can be met with [`FREE`] licences alone: of `OR` one side, of `AND` both.
fn acceptable(expression: &str) -> bool {
    let e = expression.trim();
    // The slash is the old way to write OR.
    let inner = |s: &str| s.trim().trim_start_matches('(').trim_end_matches(')').to_owned();
    if let Some(parts) = split(e, " AND ") {
        return parts.iter().all(|p| acceptable(&inner(p)));
    }
    if let Some(parts) = split(e, " OR ").or_else(|| split(e, "/")) {
        return parts.iter().any(|p| acceptable(&inner(p)));
    }
    FREE.contains(&inner(e).as_str())
}

/// The parts of `e` at `by` outside parentheses; `None` if there is only one.
fn split(e: &str, by: &str) -> Option<Vec<String>> {
    let (mut depth, mut start, mut parts) = (0_i32, 0, Vec::new());
    for (at, c) in e.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && at >= start && e[at..].starts_with(by) => {
                parts.push(e[start..at].to_owned());
                start = at + by.len();
            }
            _ => {}
        }
    }
    parts.push(e[start..].to_owned());
    (parts.len() > 1).then_some(parts)
}

#[test]
fn expressions_are_understood() {
    assert!(acceptable("MIT OR Apache-2.0") && acceptable("MIT/Apache-2.0") && acceptable("GPL-3.0 OR MIT"));
    assert!(acceptable("(MIT OR Apache-2.0) AND Unicode-3.0") && acceptable("BSD-3-Clause AND MIT"));
    assert!(!acceptable("GPL-2.0") && !acceptable("MIT AND GPL-2.0") && !acceptable(""));
}

#[test]
fn all_dependencies_have_a_free_licence() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = json["packages"].as_array().unwrap();
    assert!(packages.len() > 20);
    let bad: Vec<String> = packages
        .iter()
        .filter(|p| !acceptable(p["license"].as_str().unwrap_or("")))
        .map(|p| format!("{} {}: {}", p["name"], p["version"], p["license"]))
        .collect();
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_licences_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, words) in
        [("LICENSE-MIT", "Permission is hereby granted"), ("LICENSE-APACHE", "Apache License")]
    {
        assert!(std::fs::read_to_string(root.join(file)).unwrap().contains(words), "{file}");
    }
}
