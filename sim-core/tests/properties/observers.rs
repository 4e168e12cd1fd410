//! Watching changes nothing.

use proptest::prelude::*;
use sim_core::observer::Silent;

use super::support::{Bench, Tally, ops, setup};

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_connection_is_the_same_whether_or_not_somebody_watches(setup in setup(), ops in ops()) {
        let mut watched = Bench::new(setup.clone(), Tally::default());
        let mut alone = Bench::new(setup, Silent);
        for op in ops {
            watched.op(op);
            alone.op(op);
            prop_assert_eq!(watched.state(), alone.state());
        }
        prop_assert_eq!(&watched.host.counters, &alone.host.counters);
        prop_assert_eq!(&watched.out, &alone.out);
    }
}
