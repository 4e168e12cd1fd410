//! What each kernel computes from the size of its machine.

use std::fmt::Write as _;

use sim_core::host::MemoryDefaults;
use sim_core::linux::ALL;

use crate::terminal;

/// Sizes of machines that are shown when none is asked for, MiB.
const SIZES: [u64; 7] = [512, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10];

const HEAD: [&str; 7] = [
    "memory",
    "kernel",
    "tcp_mem (pages)",
    "tcp_mem[1]",
    "tcp_rmem[2]",
    "tcp_wmem[2]",
    "tcp_max_orphans, tcp_max_tw_buckets",
];

/// What the numbers mean.
const MEANING: &str = "\
tcp_mem counts pages of 4096 bytes that the sockets of a host hold together: below the first number there is no pressure,
above the second it begins, above the third nothing is granted. Everything follows from the pages that buffers could take
when TCP began (a sixteenth of them is tcp_mem[1]), which is computed for a machine with one processor; 19 real ones with
512 MiB to 16 GiB lie within 0.2 %. `host: {ram: 4GiB}` puts these defaults into a scenario.
";

/// One line per machine: of `ram` bytes, or of some usual sizes.
fn rows(ram: Option<u64>) -> Vec<[String; 7]> {
    let sizes = ram.map_or_else(|| SIZES.map(|mib| mib << 20).to_vec(), |bytes| vec![bytes]);
    let row = |bytes: u64, kernel: &sim_core::linux::KernelProfile| {
        let d = MemoryDefaults::of_ram(kernel, bytes);
        let [low, pressure, high] = d.tcp_mem;
        [
            size(bytes),
            kernel.name.to_owned(),
            format!("{low} {pressure} {high}"),
            size(pressure * 4096),
            d.rmem_max.to_string(),
            d.wmem_max.to_string(),
            d.max_orphans.to_string(),
        ]
    };
    sizes.into_iter().flat_map(|bytes| ALL.into_iter().map(move |k| row(bytes, k))).collect()
}

/// The table for the terminal.
pub(super) fn text(ram: Option<u64>) -> String {
    let mut table = terminal::table(&HEAD);
    for row in rows(ram) {
        table.add_row(row);
    }
    format!("{}\n{MEANING}", terminal::table_text(&table))
}

/// The table as a page for the documentation.
pub(super) fn markdown(ram: Option<u64>) -> String {
    let mut text = format!(
        "# Memory of a host\n\nWhat each kernel sets by itself (`skmem list memory --markdown`).\n\n{MEANING}\n"
    );
    let line = |cells: &[&str]| format!("| {} |\n", cells.join(" | ").replace('_', "\\_"));
    text.push_str(&line(&HEAD));
    let _ = writeln!(text, "|{}", "---|".repeat(HEAD.len()));
    for row in rows(ram) {
        text.push_str(&line(&row.each_ref().map(String::as_str)));
    }
    text
}

/// A size in the largest unit that leaves a number from 1 on, with one digit behind the point if there is one.
fn size(bytes: u64) -> String {
    let (unit, name) = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit)
        .unwrap_or((1 << 10, "KiB"));
    let tenths = bytes * 10 / unit;
    if tenths.is_multiple_of(10) {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_line_for_every_size() {
        assert_eq!(rows(None).len(), SIZES.len() * ALL.len());
        assert_eq!(rows(Some(4 << 30)).len(), ALL.len());
        assert_eq!(size((1 << 30) * 3 / 2), "1.5 GiB");
    }

    #[test]
    fn the_page_in_docs_is_what_the_command_writes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/memory.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page == markdown(None), "write it again: skmem list memory --markdown > docs/memory.md");
    }
}
