//! Which kernel a name means.

use sim_core::linux::{ALIASES, ALL, KernelProfile, VARIANTS, by_name};

use crate::nearest::nearest;
use crate::units::shorten;

/// `uname -r` of the recorded kernels: distributions number their packages apart from the stable release.
const RECORDED: [(&str, &str); 5] = [
    ("5.10.0-32-cloud-amd64", "5.10"),
    ("6.1.0-53-cloud-amd64", "6.1"),
    ("6.12.107+deb12-cloud-amd64", "6.12"),
    ("6.18.15+deb13-cloud-amd64", "6.18"),
    ("7.2.13+deb14-cloud-amd64", "7.2"),
];

/// A kernel as a scenario names it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct KernelName {
    /// The profile that stands for it.
    pub profile: &'static KernelProfile,
    /// Whether this very release was recorded; otherwise its behaviour is inferred from another release of the
    /// same series.
    pub recorded: bool,
    /// On what grounds the profile stands for it, if it is not the recorded release.
    pub why: Option<&'static str>,
}

/// The release after which 6.18.y changed within itself.
const LATER_6_18: &str =
    "releases from about 10 March 2026 on take one segment more, as 6.18-ingest-relaxed does";

/// Why a kernel name means no kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownKernel {
    /// What is wrong.
    pub message: String,
    /// The nearest kernel there is.
    pub help: String,
}

/// The kernel that `name` means: one of the five series (`6.1`), a variant of one (`6.18-ingest-relaxed`), an alias, or
/// a full `uname -r` of one of these series (`6.1.0-53-cloud-amd64`, `6.1.55`).
///
/// # Errors
/// Everything else: kernels of other series behave differently, and none stands in for another.
pub fn resolve_kernel(name: &str) -> Result<KernelName, UnknownKernel> {
    let name = name.trim();
    if let Some(profile) = by_name(name) {
        let why = profile.is_variant().then_some("a variant that was not recorded");
        return Ok(KernelName { profile, recorded: why.is_none(), why });
    }
    let numbers: Vec<&str> = name.splitn(3, ['.', '-', '+']).collect();
    let series = match numbers.as_slice() {
        [major, minor, ..] => Some((major.parse::<u32>(), minor.parse::<u32>())),
        _ => None,
    };
    if let Some((Ok(major), Ok(minor))) = series {
        let short = format!("{major}.{minor}");
        // `6.1.` and `6.1.x` are no releases: the third part begins with a number.
        let patch = numbers.get(2).map(|p| p.starts_with(|c: char| c.is_ascii_digit()));
        if let (Some(profile), Some(true)) = (by_name(&short), patch) {
            let recorded = name == profile.release || RECORDED.contains(&(name, profile.name));
            let later = profile.name == "6.18" && !recorded;
            return Ok(KernelName { profile, recorded, why: later.then_some(LATER_6_18) });
        }
        let alias = ALIASES.iter().find(|a| a.series == short && patch != Some(false));
        if let Some((alias, profile)) = alias.and_then(|a| Some((a, by_name(a.stands_for_it)?))) {
            return Ok(KernelName { profile, recorded: false, why: Some(alias.why) });
        }
        let distance =
            |k: &&&KernelProfile| version(k.name).abs_diff(u64::from(major) * 100 + u64::from(minor));
        let near = ALL.iter().min_by_key(distance).map_or("6.1", |k| k.name);
        return Err(UnknownKernel {
            message: format!("there is no model of kernel {}", shorten(name)),
            help: format!(
                "the nearest recorded kernel is {near}; others may differ from it. There are {}",
                list()
            ),
        });
    }
    let known = ALL.iter().chain(&VARIANTS).map(|k| k.name);
    let help = match nearest(name, known) {
        Some(near) => format!("did you mean {near}? There are {}", list()),
        None => format!("there are {}", list()),
    };
    Err(UnknownKernel { message: format!("`{}` is not a kernel", shorten(name)), help })
}

/// A number that grows with the version, about 20 minor releases to a major one.
fn version(name: &str) -> u64 {
    let mut parts = name.split('.').map(|p| p.parse::<u64>().unwrap_or(0));
    parts.next().unwrap_or(0) * 100 + parts.next().unwrap_or(0)
}

fn list() -> String {
    let names: Vec<_> = ALL.iter().chain(&VARIANTS).map(|k| k.name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_and_its_recorded_release_are_recorded() {
        for name in ["6.1", "6.1.187", "6.1.0-53-cloud-amd64", "5.10", "5.10.223", "7.2.13+deb14-cloud-amd64"]
        {
            assert!(resolve_kernel(name).unwrap().recorded, "{name}");
        }
    }

    #[test]
    fn another_release_of_a_series_is_inferred() {
        let k = resolve_kernel("6.12.30-1-lts").unwrap();
        assert_eq!((k.profile.name, k.recorded), ("6.12", false));
        assert!(resolve_kernel("6.18.44").unwrap().why.unwrap().contains("6.18-ingest-relaxed"));
    }

    #[test]
    fn variants_and_aliases_are_not_recorded() {
        for (name, profile) in [
            ("6.18-ingest-relaxed", "6.18-ingest-relaxed"),
            ("6.1-initrwnd", "6.1-initrwnd"),
            ("6.18-plain-doubling", "6.18-plain-doubling"),
            ("7.3", "7.2"),
            ("7.3.1", "7.2"),
        ] {
            let k = resolve_kernel(name).unwrap();
            assert_eq!((k.profile.name, k.recorded, k.why.is_some()), (profile, false, true), "{name}");
        }
        assert!(resolve_kernel("7.3.x").is_err());
        assert!(resolve_kernel("6.18-ingest").unwrap_err().help.contains("6.18-ingest-relaxed"));
    }

    #[test]
    fn a_series_without_recording_is_refused_with_the_nearest() {
        let e = resolve_kernel("6.17.4").unwrap_err();
        assert!(e.help.contains("nearest recorded kernel is 6.18"), "{e:?}");
        assert!(e.help.contains("5.10, 6.1, 6.12, 6.18, 7.2"), "{e:?}");
        assert!(resolve_kernel("5.1").unwrap_err().help.contains("5.10"));
        assert!(resolve_kernel("5.15").is_err());
        assert!(resolve_kernel("linux").is_err());
        assert!(resolve_kernel("6.1.").is_err());
    }
}
