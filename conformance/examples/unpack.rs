//! Writes packed recordings back as CSV and JSON: `cargo run --release -p conformance --example unpack -- DIR OUT_DIR`.

use conformance::recording::{Store, write_raw};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(dir), Some(out), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: unpack DIR OUT_DIR");
        return ExitCode::from(2);
    };
    match unpack(dir, out) {
        Ok(cases) => {
            println!("{cases} cases written");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("unpack: {e}");
            ExitCode::FAILURE
        }
    }
}

fn unpack(dir: PathBuf, out: PathBuf) -> Result<usize, Box<dyn Error>> {
    let store = Store::open(dir)?;
    for id in store.cases() {
        write_raw(&store.load(id)?, &out).map_err(|e| format!("{id}: {e}"))?;
    }
    Ok(store.cases().len())
}
