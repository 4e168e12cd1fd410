//! The path of a loop case, from the `tc` lines of its set-up.

use sim_core::config::{
    Chance, Distribution, FairQueue, Jitter, LinkConfig, Loss, Overhead, Probability, Reorder, Shaper, Tokens,
};
use sim_core::time::SimDuration;

use super::config::ConfigError;
use crate::recording::Recording;
use crate::replay::setup::{Setup, time, with_unit, word_after, words_of};

/// The queueing discipline of a device on the way in.
const BEHIND: &str = "dev ifb0 root netem";
/// Packets that fit a link without a queueing discipline.
const NO_LIMIT: u32 = u32::MAX;
/// The client's address if a case does not name it.
const CLIENT: &str = "127.0.0.2";
/// What fits into netem if nothing is said (`tc netem limit`), packets.
const NETEM_LIMIT: u32 = 1_000;

/// The two directions. Where a queueing discipline keeps them apart, data takes its first band.
///
/// # Errors
/// If a line says something that the engine does not have.
pub(super) fn links(rec: &Recording, setup: &Setup) -> Result<(LinkConfig, LinkConfig), ConfigError> {
    let has = |needle: &str| rec.summary.setup.iter().any(|l| l.contains(needle));
    // Data may also be delayed on the way in, behind the sending host, by a device of its own.
    let both = if has(BEHIND) {
        [BEHIND, "parent 1:2 "]
    } else if has("root handle 1: prio") {
        ["parent 1:1 ", "parent 1:2 "]
    } else {
        [if has("netem") { "netem" } else { "root" }; 2]
    };
    let [forward, reverse] = both.map(|needle| link(rec, setup, needle));
    let (drop_every, drop_run) = dropped_on_arrival(rec, true)?;
    // One discipline at the root of `lo` serves both directions. The disciplines of the recorded device are the sending
    // host's own; a device on the way in is not.
    let both_ways = both[0] == both[1];
    let forward = LinkConfig { drop_every, drop_run, both_ways, in_host: !has(BEHIND), ..forward? };
    let forward = LinkConfig {
        in_host: forward.in_host && forward.shaper.is_none(),
        behind_host: has(BEHIND),
        ..forward
    };
    let (drop_every, drop_run) = dropped_on_arrival(rec, false)?;
    Ok((forward, LinkConfig { drop_every, drop_run, in_host: true, ..reverse? }))
}

/// One direction: what the last `tc qdisc` line with `needle` says.
fn link(rec: &Recording, setup: &Setup, needle: &str) -> Result<LinkConfig, ConfigError> {
    let lines: Vec<String> = rec.summary.setup.iter().filter(|l| l.contains("tc qdisc")).cloned().collect();
    let words = words_of(&lines, needle);
    let link = if words.contains(&"tbf") {
        tbf(&words)
    } else if words.contains(&"fq") {
        fq(&words)
    } else if let Some(at) = words.iter().position(|w| *w == "netem") {
        netem(&words[at + 1..])
    } else {
        Ok(LinkConfig { limit: NO_LIMIT, ..LinkConfig::default() })
    };
    link.map(|link| LinkConfig { mtu: setup.mtu, ..link }).map_err(|what| unsupported(rec, what))
}

fn unsupported(rec: &Recording, what: String) -> ConfigError {
    ConfigError::Unsupported { case: rec.case.clone(), what }
}

fn tbf(words: &[&str]) -> Result<LinkConfig, String> {
    let missing = |what: &str| format!("tbf without {what}");
    let rate_bps = word_after::<String>(words, "rate").as_deref().and_then(rate);
    let shaper = Shaper::Tokens(Tokens {
        rate_bps: rate_bps.ok_or_else(|| missing("rate"))?,
        burst: word_after(words, "burst").ok_or_else(|| missing("burst"))?,
        limit: word_after(words, "limit").ok_or_else(|| missing("limit"))?,
    });
    Ok(LinkConfig { limit: NO_LIMIT, shaper: Some(shaper), ..LinkConfig::default() })
}

fn fq(words: &[&str]) -> Result<LinkConfig, String> {
    // `tc` counts bytes.
    let max_rate = match word_after::<String>(words, "maxrate") {
        None => None,
        Some(text) => Some(rate(&text).ok_or_else(|| format!("maxrate {text}"))? / 8),
    };
    let fair = FairQueue {
        limit: word_after(words, "limit").unwrap_or(10_000),
        flow_limit: word_after(words, "flow_limit").unwrap_or(100),
        max_rate,
    };
    Ok(LinkConfig { limit: NO_LIMIT, shaper: Some(Shaper::Fair(fair)), ..LinkConfig::default() })
}

/// The words behind `netem`, in the grammar of `tc-netem(8)`: a keyword, then as many values as there are.
fn netem(words: &[&str]) -> Result<LinkConfig, String> {
    let mut link = LinkConfig { limit: NETEM_LIMIT, ..LinkConfig::default() };
    let mut distribution = Distribution::Uniform;
    let mut gap = None;
    let mut rest = words;
    while let Some((&key, behind)) = rest.split_first() {
        let (values, next) = behind.split_at(behind.iter().take_while(|w| is_value(w)).count());
        rest = next;
        let all = || [&[key], values].concat().join(" ");
        let done = match (key, values) {
            ("limit", [n]) => n.parse().ok().map(|n| link.limit = n),
            ("delay" | "latency", [mean]) => time(mean).map(|d| link.delay = d),
            ("delay" | "latency", [mean, spread @ ..]) => time(mean).zip(jitter(spread)).map(|(d, j)| {
                link.delay = d;
                link.jitter = Some(j).filter(|j| j.mean > SimDuration::ZERO);
            }),
            ("distribution", []) => {
                let (&name, behind) = rest.split_first().ok_or_else(all)?;
                rest = behind;
                shape(name).map(|d| distribution = d)
            }
            ("loss" | "drop" | "random", []) => Some(()),
            ("loss" | "drop" | "random", p) => chance(p).map(|c| link.loss = Loss::Random(c)),
            ("duplicate", p) => chance(p).map(|c| link.duplicate = c),
            ("reorder", p) => chance(p).map(|c| link.reorder = Some(Reorder { chance: c, gap: 1 })),
            ("gap", [n]) => n.parse().ok().map(|n| gap = Some(n)),
            ("rate", [r, more @ ..]) => rate(r)
                .zip(overhead(more))
                .map(|(bps, overhead)| (link.rate_bps, link.overhead) = (Some(bps), overhead)),
            // The engine draws with a seed of its own.
            ("seed", [_]) => Some(()),
            _ => None,
        };
        done.ok_or_else(all)?;
    }
    if let Some(jitter) = &mut link.jitter {
        jitter.distribution = distribution;
    }
    match (&mut link.reorder, gap) {
        (Some(reorder), Some(gap)) => reorder.gap = gap,
        (None, Some(_)) => return Err("gap without reorder".to_owned()),
        _ => {}
    }
    Ok(link)
}

/// Whether a word is a value and no keyword: numbers come first in all of them.
fn is_value(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
}

/// A rate, bits per second; `bps` counts bytes.
fn rate(text: &str) -> Option<u64> {
    let (n, unit) = with_unit(text)?;
    let unit = unit.to_ascii_lowercase();
    let (prefix, bits) = match (unit.strip_suffix("bit"), unit.strip_suffix("bps")) {
        (Some(prefix), _) => (prefix, 1.0),
        (_, Some(prefix)) => (prefix, 8.0),
        _ if unit.is_empty() => ("", 1.0),
        _ => return None,
    };
    let scale = match prefix {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        _ => return None,
    };
    Some((n * scale * bits).round() as u64).filter(|&bps| bps > 0)
}

/// A share in percent.
fn share(text: &str) -> Option<Probability> {
    let (n, _) = with_unit(text).filter(|(_, unit)| *unit == "%")?;
    Some(Probability::of((n * 1e6).round() as u64, 100_000_000))
}

/// A probability, and its correlation if there is one.
fn chance(values: &[&str]) -> Option<Chance> {
    let (probability, correlation) = match values {
        [p] => (share(p)?, Probability::NEVER),
        [p, c] => (share(p)?, share(c)?),
        _ => return None,
    };
    Some(Chance { probability, correlation })
}

/// The variation of the delay, and its correlation if there is one.
fn jitter(values: &[&str]) -> Option<Jitter> {
    let (mean, correlation) = match values {
        [mean] => (time(mean)?, Probability::NEVER),
        [mean, c] => (time(mean)?, share(c)?),
        _ => return None,
    };
    Some(Jitter { mean, correlation, distribution: Distribution::Uniform })
}

fn shape(name: &str) -> Option<Distribution> {
    Some(match name {
        "uniform" => Distribution::Uniform,
        "normal" => Distribution::Normal,
        "pareto" => Distribution::Pareto,
        "paretonormal" => Distribution::ParetoNormal,
        _ => return None,
    })
}

/// What follows the rate: overhead of a packet, payload of a cell, overhead of a cell, bytes.
fn overhead(values: &[&str]) -> Option<Overhead> {
    let mut bytes = [0; 3];
    if values.len() > bytes.len() {
        return None;
    }
    for (slot, text) in bytes.iter_mut().zip(values) {
        *slot = text.parse().ok()?;
    }
    let [packet, cell, cell_overhead] = bytes;
    Some(Overhead { packet, cell, cell_overhead })
}

/// Of every so many segments to the server, or to the client, the last ones are dropped on arrival; nothing: `(0, 0)`.
fn dropped_on_arrival(rec: &Recording, to_server: bool) -> Result<(u32, u32), ConfigError> {
    let client = rec.summary.options.as_ref().and_then(|o| o.get("caddr")).map_or(CLIENT, String::as_str);
    dropped_by_filters(&rec.summary.setup, client, to_server).map_err(|words| unsupported(rec, words))
}

/// The same, as the commands of `setup` say it: `tc filter ... match ip dst ... action gact pass random determ drop N`. Several in
/// a row are as many actions, each of which counts what the ones before let pass. An error names what was not understood.
fn dropped_by_filters(setup: &[String], client: &str, to_server: bool) -> Result<(u32, u32), String> {
    let matches_client = |l: &str| {
        let words: Vec<&str> = l.split_whitespace().collect();
        let dst: Option<String> = word_after(&words, "dst");
        dst.is_some_and(|dst| dst.split('/').next() == Some(client))
    };
    let lines: Vec<String> = setup.iter().filter(|l| matches_client(l) != to_server).cloned().collect();
    let words = words_of(&lines, "action gact");
    let Some(first) = words.iter().position(|w| *w == "action") else { return Ok((0, 0)) };
    let actions: Vec<&[&str]> = words[first..].split(|w| *w == "action").skip(1).collect();
    let period = |a: &[&str]| match a {
        ["gact", "pass" | "pipe", "random", "determ", "drop", n] => n.parse::<u32>().ok(),
        _ => None,
    };
    let periods: Option<Vec<u32>> = actions.iter().map(|a| period(a)).collect();
    periods
        .filter(|p| p.windows(2).all(|w| w[0] == w[1] + 1))
        .and_then(|p| Some((*p.first()?, p.len() as u32)))
        .ok_or_else(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<LinkConfig, String> {
        netem(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn percent(n: u64) -> Chance {
        Chance { probability: Probability::of(n, 100), correlation: Probability::NEVER }
    }

    #[test]
    fn netem_is_understood_as_tc_understands_it() {
        let link =
            parsed("limit 80 delay 2.5ms 500us 25% distribution normal loss random 1% duplicate 2%").unwrap();
        assert_eq!((link.limit, link.delay), (80, SimDuration::from_micros(2_500)));
        let jitter = link.jitter.unwrap();
        assert_eq!(
            (jitter.mean, jitter.correlation, jitter.distribution),
            (SimDuration::from_micros(500), Probability::of(1, 4), Distribution::Normal)
        );
        assert_eq!((link.loss, link.duplicate), (Loss::Random(percent(1)), percent(2)));
        assert_eq!(parsed("delay 20ms").unwrap().limit, 1_000, "as the kernel's");
    }

    #[test]
    fn a_filter_drops_what_goes_to_the_address_that_it_matches() {
        let filter = |dst: &str, n: u32| {
            format!(
                "tc filter add dev lo ingress protocol ip u32 match ip dst {dst}/32 action gact pass random determ drop {n}"
            )
        };
        let setup = [filter("127.0.0.3", 100), filter("127.0.0.2", 7)];
        let dropped = |client, to_server| dropped_by_filters(&setup, client, to_server).unwrap();
        assert_eq!((dropped(CLIENT, true), dropped(CLIENT, false)), ((100, 1), (7, 1)));
        assert_eq!(dropped_by_filters(&setup[1..], CLIENT, true).unwrap(), (0, 0));
        assert_eq!(dropped("127.0.0.3", false), (100, 1), "another client");
    }

    #[test]
    fn rates_count_bits_or_bytes() {
        let of = |rate| parsed(&format!("rate {rate}")).unwrap().rate_bps;
        assert_eq!(
            ["100mbit", "1.5Mbit", "2gbit", "40kbit", "10kbps", "9600"].map(of),
            [100_000_000, 1_500_000, 2_000_000_000, 40_000, 80_000, 9_600].map(Some)
        );
        let link = parsed("rate 1mbit 10 48 5").unwrap();
        assert_eq!(link.overhead, Overhead { packet: 10, cell: 48, cell_overhead: 5 });
    }

    #[test]
    fn packets_overtake_by_chance_or_by_their_number() {
        let reorder = |line| parsed(line).unwrap().reorder.unwrap();
        assert_eq!(reorder("delay 10ms reorder 25%"), Reorder { chance: percent(25), gap: 1 });
        let every = Chance { probability: Probability::ALWAYS, ..Chance::default() };
        assert_eq!(reorder("delay 10ms reorder 100% gap 5"), Reorder { chance: every, gap: 5 });
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for line in ["corrupt 1%", "loss 1", "delay fast", "delay 10ms 1ms 5% 3", "loss gemodel 1%", "gap 5"]
        {
            assert!(parsed(line).is_err(), "{line}");
        }
        assert_eq!(parsed("delay 1ms slot 1ms 2ms").unwrap_err(), "slot 1ms 2ms");
    }
}
