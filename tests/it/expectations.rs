//! Every scenario that comes with the program shows what it says it shows.

use results::metric;
use scenarios::evaluate;

use crate::support::{simulate, whole_gallery};

#[test]
fn every_gallery_scenario_meets_its_expectations() {
    let mut missed = Vec::new();
    for scenario in whole_gallery() {
        let name = &scenario.name;
        assert!(!scenario.expectations.is_empty(), "{name} expects nothing");
        let (_, _, summary) = simulate(&scenario);
        let outcomes = evaluate(&scenario.expectations, |m| metric(&summary, m));
        missed.extend(outcomes.iter().filter(|o| !o.passed()).map(|o| format!("{name}: {o}")));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
