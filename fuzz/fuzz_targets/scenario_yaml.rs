//! Any bytes: the text of a scenario, and after a zero byte an override. Nothing may panic, every refusal can be
//! shown, and what is accepted means the same when it is written out and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scenarios::{Overrides, Source, resolve, resolved_yaml};

fuzz_target!(|data: &[u8]| {
    let (text, set) = match data.iter().position(|b| *b == 0) {
        Some(at) => (&data[..at], Some(&data[at + 1..])),
        None => (data, None),
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let set = set.and_then(|s| std::str::from_utf8(s).ok()).map(str::to_owned);
    let overrides = Overrides { set: set.into_iter().collect(), ..Overrides::default() };
    match resolve(&Source::new("fuzz.yaml", text), &overrides) {
        Err(error) => assert!(!error.render(false).is_empty() && error.errors().count() > 0),
        Ok(scenario) => {
            for warning in &scenario.warnings {
                assert!(!warning.render(true).is_empty());
            }
            let yaml = resolved_yaml(&scenario);
            match resolve(&Source::new("resolved.yaml", yaml), &Overrides::default()) {
                Ok(again) => {
                    assert_eq!(again.config, scenario.config);
                    assert_eq!(again.about, scenario.about);
                }
                Err(error) => panic!("{}", error.render(false)),
            }
        }
    }
});
