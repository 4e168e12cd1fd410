//! Recorded ACKs through the model's sender: `cargo run -p conformance --example sender_replay -- DIR [KERNEL [CASE]]`.

use std::path::PathBuf;
use std::process::ExitCode;

use conformance::recording::Store;
use conformance::sender_replay::sender_replay;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(dir) = args.first() else {
        eprintln!("usage: sender_replay DIR [KERNEL [CASE]]");
        return ExitCode::from(2);
    };
    let wanted =
        |at: usize, name: &str| args.get(at).is_none_or(|a| a == "all" || name.starts_with(a.as_str()));
    let store = match Store::open(PathBuf::from(dir)) {
        Ok(s) => s,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::FAILURE;
        }
    };
    for id in store.cases().iter().filter(|id| wanted(1, &id.kernel) && wanted(2, &id.case)) {
        let Ok(rec) = store.load(id) else { continue };
        match sender_replay(&rec) {
            Ok(s) => {
                println!("{id}: {} of {} packets, {} sent", s.exact, s.packets, s.sent);
                if let Some((i, recorded, model)) = s.first {
                    println!("  packet {i}\n    recorded {recorded}\n    model    {model}");
                }
            }
            Err(e) => println!("{id}: {e}"),
        }
    }
    ExitCode::SUCCESS
}
