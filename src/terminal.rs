//! What goes to stdout and stderr, for people and for pipes.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use crate::failure::Failure;

/// Columns of a text that no terminal shows.
const DEFAULT_WIDTH: usize = 100;
/// Columns beyond which lines are hard to read.
const MAX_WIDTH: usize = 120;

/// Writes data to stdout.
///
/// # Errors
/// [`Failure::NobodyReads`] if the reader closed the pipe, which is no error; [`Failure::BadInput`] if stdout
/// cannot be written for another reason, such as a full disk.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(stdout_failure)
}

/// What it means that stdout cannot be written; see [`data`].
pub(crate) fn stdout_failure(e: io::Error) -> Failure {
    if e.kind() == io::ErrorKind::BrokenPipe {
        return Failure::NobodyReads;
    }
    Failure::BadInput(format!("cannot write to stdout: {e}"))
}

/// Writes a note to stderr, as it is; if that fails there is nowhere left to say so.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes an error to stderr.
pub(crate) fn error(text: &str) {
    let label = if stderr_colored() { "\u{1b}[1;31merror\u{1b}[0m" } else { "error" };
    note(&format!("{label}: {text}"));
}

/// Help and version go to stdout with exit code 0, mistakes in the arguments to stderr with exit code 2.
pub(crate) fn usage_error(e: &clap::Error) -> ExitCode {
    // A closed pipe is not an error, and there is nobody else to tell.
    let _ = e.print();
    ExitCode::from(if e.use_stderr() { 2 } else { 0 })
}

/// Whether colours are wanted on stdout.
pub(crate) fn stdout_colored() -> bool {
    io::stdout().is_terminal() && colors_wanted()
}

/// Whether colours are wanted on stderr.
pub(crate) fn stderr_colored() -> bool {
    io::stderr().is_terminal() && colors_wanted()
}

/// `NO_COLOR` with any text in it turns colours off (no-color.org), and so does a terminal that has none.
fn colors_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Columns of stdout; a fixed number if it is not a terminal, so that a pipe always gets the same bytes.
pub(crate) fn width() -> usize {
    if !io::stdout().is_terminal() {
        return DEFAULT_WIDTH;
    }
    let columns = terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(w, _)| usize::from(w.0));
    columns.clamp(48, MAX_WIDTH)
}

/// `1 thing`, `2 things`.
pub(crate) fn count(n: usize, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

/// A table with two spaces between its columns and no frame, fit for `cut`, `grep` and a narrow terminal.
pub(crate) fn table(head: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(head);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// The lines of a table, without blanks at their ends.
pub(crate) fn table_text(table: &comfy_table::Table) -> String {
    table.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}
