//! One direction of a path as YAML, every default written out.

use sim_core::config::{
    Chance, Discipline, Distribution, Jitter, LinkConfig, Loss, Overhead, QueueConfig, QueueLimit, Shaper,
};

use crate::keys::UNLIMITED;
use crate::path_keys::format_percent;
use crate::units::{format_rate, format_size, format_time};

/// Its keys and values, in the order of the reference. What a link does not have is left out.
pub(crate) fn link_lines(l: &LinkConfig) -> Vec<(&'static str, String)> {
    // `drop_every`, `drop_run` and `behind_host` have no key: only the replay of recordings uses them. What both ways share is the
    // path's.
    let LinkConfig {
        delay,
        limit,
        mtu,
        rate_bps,
        overhead,
        drop_every: _,
        drop_run: _,
        jitter,
        loss,
        duplicate,
        reorder,
        queue,
        both_ways: _,
        in_host,
        behind_host: _,
        shaper,
    } = l;
    let mut lines = vec![
        ("delay", format_time(delay.as_nanos())),
        ("limit", limit.to_string()),
        ("mtu", mtu.to_string()),
        ("rate", rate_bps.map_or(UNLIMITED.to_owned(), format_rate)),
    ];
    if *overhead != Overhead::default() {
        let Overhead { packet, cell, cell_overhead } = overhead;
        lines.push((
            "overhead",
            format!("{{packet: {packet}, cell: {cell}, cell_overhead: {cell_overhead}}}"),
        ));
    }
    lines.extend(loss_text(loss).map(|text| ("loss", text)));
    lines.extend(jitter.map(|j| ("jitter", jitter_text(j))));
    lines.extend(reorder.map(|r| ("reorder", format!("{{{}, gap: {}}}", chance(r.chance), r.gap))));
    if *duplicate != Chance::default() {
        lines.push(("duplicate", format!("{{{}}}", chance(*duplicate))));
    }
    lines.extend(queue.map(|q| ("queue", queue_text(q))));
    if *in_host {
        lines.push(("local_qdisc", "on".to_owned()));
    }
    lines.extend(shaper.map(|s| match s {
        Shaper::Tokens(t) => {
            let (rate, limit) = (format_rate(t.rate_bps), format_size(t.limit));
            ("tbf", format!("{{rate: {rate}, burst: {}, limit: {limit}}}", format_size(t.burst.into())))
        }
        Shaper::Fair(f) => {
            let rate = f.max_rate.map_or(UNLIMITED.to_owned(), |bytes| format_rate(bytes.saturating_mul(8)));
            ("fq", format!("{{limit: {}, flow_limit: {}, maxrate: {rate}}}", f.limit, f.flow_limit))
        }
    }));
    lines
}

fn chance(c: Chance) -> String {
    format!("probability: {}, correlation: {}", format_percent(c.probability), format_percent(c.correlation))
}

fn loss_text(loss: &Loss) -> Option<String> {
    Some(match loss {
        Loss::None => return None,
        Loss::Random(c) => format!("{{{}}}", chance(*c)),
        Loss::Every(n) => format!("{{every: {n}}}"),
        Loss::Listed(numbers) => {
            let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
            format!("{{packets: [{}]}}", numbers.join(", "))
        }
        Loss::GilbertElliott { p, r, h, k } => {
            let [p, r, h, k] = [p, r, h, k].map(|v| format_percent(*v));
            format!("{{gilbert-elliott: {{p: {p}, r: {r}, h: {h}, k: {k}}}}}")
        }
    })
}

fn jitter_text(j: Jitter) -> String {
    let shape = match j.distribution {
        Distribution::Uniform => "uniform",
        Distribution::Normal => "normal",
        Distribution::Pareto => "pareto",
        Distribution::ParetoNormal => "paretonormal",
    };
    let (mean, correlation) = (format_time(j.mean.as_nanos()), format_percent(j.correlation));
    format!("{{mean: {mean}, correlation: {correlation}, distribution: {shape}}}")
}

fn queue_text(q: QueueConfig) -> String {
    let limit = match q.limit {
        QueueLimit::Packets(n) => n.to_string(),
        QueueLimit::Bytes(n) => format_size(n),
    };
    let times = |c: sim_core::config::CodelConfig| {
        format!(
            "target: {}, interval: {}",
            format_time(c.target.as_nanos()),
            format_time(c.interval.as_nanos())
        )
    };
    let burst = q.burst.map_or(String::new(), |bytes| format!(", burst: {bytes}"));
    let ecn = if q.ecn { "on" } else { "off" };
    match q.discipline {
        Discipline::DropTail => format!("{{kind: drop-tail, limit: {limit}{burst}}}"),
        Discipline::Codel(c) => format!("{{kind: codel, limit: {limit}, {}, ecn: {ecn}{burst}}}", times(c)),
        Discipline::FqCodel { codel, quantum, flows } => {
            format!(
                "{{kind: fq_codel, limit: {limit}, {}, quantum: {quantum}, flows: {flows}, ecn: {ecn}{burst}}}",
                times(codel)
            )
        }
    }
}
