//! How a command ends when it does not end well: what is said, and the exit code.

use std::io;
use std::process::ExitCode;

use results::OutputError;
use results::csv_write::WriteError;

use crate::terminal;

/// Exit code of a run, check or comparison that fell short.
const FELL_SHORT: u8 = 1;
/// Exit code of bad input.
const BAD_INPUT: u8 = 2;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A run, check or comparison fell short (exit code 1).
    FellShort(String),
    /// The input cannot be used (exit code 2).
    BadInput(String),
    /// The same, with a text that is complete already, such as diagnostics with their source lines.
    Diagnosed(String),
    /// The reader of the output has gone: nobody is left to tell (exit code 0).
    NobodyReads,
    /// The program was interrupted and what it had begun is removed; the process is about to end.
    Interrupted,
}

impl Failure {
    /// Says on stderr what happened, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::FellShort(text) => {
                terminal::error(&text);
                ExitCode::from(FELL_SHORT)
            }
            Self::BadInput(text) => {
                terminal::error(&text);
                ExitCode::from(BAD_INPUT)
            }
            Self::Diagnosed(text) => {
                terminal::note(&text);
                ExitCode::from(BAD_INPUT)
            }
            Self::NobodyReads => ExitCode::SUCCESS,
            Self::Interrupted => ExitCode::from(crate::claims::INTERRUPTED),
        }
    }
}

impl From<OutputError> for Failure {
    fn from(e: OutputError) -> Self {
        Self::BadInput(e.to_string())
    }
}

/// Makes an error of a CSV file's writer into a failure that names the file.
pub(crate) fn csv_failure(name: &str) -> impl FnOnce(WriteError) -> Failure + '_ {
    move |e| match e {
        WriteError::Column(e) => Failure::BadInput(e.to_string()),
        WriteError::Io(e) => write_failure(name)(e),
    }
}

/// Makes an I/O error into a failure that names the file.
pub(crate) fn write_failure(name: &str) -> impl FnOnce(io::Error) -> Failure + '_ {
    move |e| Failure::BadInput(format!("cannot write {name}: {e}"))
}
