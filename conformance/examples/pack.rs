//! Packs raw recordings: `cargo run --release -p conformance --example pack -- RAW_DIR OUT_DIR`.

use conformance::compact;
use conformance::recording::{Form, Store};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(raw), Some(out), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: pack RAW_DIR OUT_DIR");
        return ExitCode::from(2);
    };
    match pack(raw, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("pack: {e}");
            ExitCode::FAILURE
        }
    }
}

fn pack(raw: PathBuf, out: PathBuf) -> Result<(), Box<dyn Error>> {
    let store = Store::open(raw)?;
    if store.form() != Form::Raw {
        return Err("the first directory must hold raw recordings".into());
    }
    let (mut bytes, mut read, mut unpack) = (0, Duration::ZERO, Duration::ZERO);
    for id in store.cases() {
        let start = Instant::now();
        let rec = store.load(id)?;
        read += start.elapsed();
        let packed = compact::write(&rec, &out).map_err(|e| format!("{id}: {e}"))?;
        bytes += packed.len();
        let start = Instant::now();
        let again = compact::decode(&packed).map_err(|e| format!("{id}: {e}"))?;
        unpack += start.elapsed();
        if again != rec {
            return Err(format!("{id}: the packed recording differs from the raw one").into());
        }
    }
    println!(
        "{} cases, {bytes} bytes; raw files read in {:.2} s, packed ones in {:.2} s, all equal",
        store.cases().len(),
        read.as_secs_f64(),
        unpack.as_secs_f64()
    );
    Ok(())
}
