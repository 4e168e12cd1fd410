//! Whatever the settings are, a run comes to an end or says why not, and means the same when it is run again.

use proptest::prelude::*;
use results::{Setup, TraceRecorder};
use scenarios::{Overrides, Source, resolve};
use sim_core::engine::{RunError, Workspace};
use sim_core::observer::Silent;

mod text;

/// Numbers in turn.
struct Numbers(std::vec::IntoIter<u32>);

impl text::Pick for Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0.next().unwrap_or_default() as usize % n
    }
}

fn scenario() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u32>(), 400)
        .prop_map(|numbers| text::scenario(&mut Numbers(numbers.into_iter()), 20_000))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_and_can_be_repeated(text in scenario()) {
        let s = match resolve(&Source::new("any.yaml", &text), &Overrides::default()) {
            Ok(s) => s,
            Err(refused) => {
                prop_assert!(refused.errors().count() > 0, "{text}");
                return Ok(());
            }
        };
        let mut workspace = Workspace::default();
        let first = workspace.run(&s.config, &mut Silent);
        if let Ok(r) = &first {
            for f in &r.flows {
                prop_assert!(f.read <= f.written, "{} of {} bytes read\n{text}", f.read, f.written);
                prop_assert!(f.receiver.rmem >= 0 && f.receiver.recvq() >= 0, "{text}");
                prop_assert!(f.receiver.copied_seq <= f.receiver.rcv_nxt, "{text}");
            }
        }
        prop_assert_eq!(&workspace.run(&s.config, &mut Silent), &first, "in used memory\n{}", text);
        let mut trace = TraceRecorder::new(Setup::of(&s.config));
        let watched = workspace.run(&s.config, &mut trace);
        prop_assert_eq!(&watched, &first, "watched\n{}", text);
    }
}

#[test]
fn most_settings_are_accepted_and_most_runs_come_to_their_end() {
    let mut numbers = 1_u32;
    let mut count = [0; 3];
    for _ in 0..200 {
        let drawn = (0..400).map(|_| {
            numbers = numbers.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            numbers >> 8
        });
        let text = text::scenario(&mut Numbers(drawn.collect::<Vec<_>>().into_iter()), 20_000);
        let Ok(s) = resolve(&Source::new("any.yaml", &text), &Overrides::default()) else { continue };
        count[0] += 1;
        match Workspace::default().run(&s.config, &mut Silent) {
            Ok(_) => count[1] += 1,
            Err(RunError::Budget(_)) => count[2] += 1,
            Err(RunError::NotEstablished { .. }) => {}
        }
    }
    assert!(count[0] > 120 && count[1] > 60, "{count:?}: accepted, ended, longer than allowed");
}
