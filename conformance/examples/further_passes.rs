//! What further passes of recorded cases say of the sender's state, and of the figures of the whole:
//! `cargo run -p conformance --example further_passes -- DIR PASSES... > DIR/further-passes.csv`, where each of `PASSES` is
//! a folder with one more pass of cases of `DIR`. Cases of which there is none are left out.

use std::process::ExitCode;

use conformance::end_to_end::figures_outside;
use conformance::recording::{Further, FurtherPasses, LoadError, Store};

fn further(dirs: &[String]) -> Result<Further, LoadError> {
    let stores: Vec<Store> = dirs.iter().map(Store::open).collect::<Result<_, _>>()?;
    let mut out = Further::default();
    let Some((first, others)) = stores.split_first() else { return Ok(out) };
    for id in first.cases() {
        let rec = first.load(id)?;
        let mut further = FurtherPasses::default();
        for store in others.iter().filter(|s| s.cases().contains(id)) {
            let other = store.load(id)?;
            if let Some(pass) = other.summary.passes.first() {
                further.add(&rec, &other, figures_outside(&rec, pass));
            }
        }
        if !further.figures_outside.is_empty() {
            out.insert(id, further);
        }
    }
    Ok(out)
}

fn main() -> ExitCode {
    let dirs: Vec<String> = std::env::args().skip(1).collect();
    if dirs.len() < 2 {
        eprintln!("usage: further_passes DIR PASSES...");
        return ExitCode::from(2);
    }
    match further(&dirs) {
        Ok(further) => {
            print!("{}", further.render());
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
    }
}
