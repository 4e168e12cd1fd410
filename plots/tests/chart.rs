//! Whole charts of hand-made rows.

use plots::{
    Chart, ChartError, ChartRow, ChartSettings, Picture as _, Rect, rows_from_table, rows_from_trace,
};
use results::{Setup, TraceRecorder, TraceTable};
use sim_core::counters::Counters;
use sim_core::state::SocketState;
use sim_core::time::SimTime;

/// A budget that is overrun: memory and data grow, the window closes, the last packets are dropped.
fn overrun(n: i64) -> Vec<ChartRow> {
    (0..n)
        .map(|i| ChartRow {
            packet: i + 1,
            skmem_rb: 65536,
            recv_q: (i * 1024).min(62464),
            skmem_r: (i * 1100).min(73984),
            rcv_win: (65536 - i * 1024).max(3072),
            rcv_ssthresh: if i > 63 { 2048 } else { 64512 },
            acked: (i * 1024).min(16384),
            coalesced: i % 17 > 0 && i < 62,
            collapsed: i > 62,
            dropped: i > 64,
        })
        .collect()
}

fn settings() -> ChartSettings {
    ChartSettings {
        title: "budget-overrun".into(),
        settings: ["kernel 6.1", "SO_RCVBUF 32 KiB", "rtt 200 ms", "<tcp_adv_win_scale & 0>"]
            .map(String::from)
            .into(),
        ..ChartSettings::default()
    }
}

fn chart(rows: Vec<ChartRow>) -> Chart {
    Chart::from(rows, settings()).unwrap()
}

/// Width, height and RGB pixels.
fn decode(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

/// Whether a picture shows (nearly) this colour inside `r`.
fn shows(picture: &(u32, u32, Vec<u8>), r: Rect, color: [u8; 3]) -> bool {
    let (w, _, pixels) = picture;
    (r.y..r.bottom()).any(|y| {
        (r.x..r.right()).any(|x| {
            let at = (y as usize * *w as usize + x as usize) * 3;
            pixels[at..at + 3].iter().zip(color).all(|(a, b)| a.abs_diff(b) < 12)
        })
    })
}

const ORANGE: [u8; 3] = [0xe6, 0x9f, 0x00];
const BLUE: [u8; 3] = [0x00, 0x72, 0xb2];
const GREEN: [u8; 3] = [0x00, 0x9e, 0x73];
const RED: [u8; 3] = [0xd6, 0x27, 0x28];
const PINK: [u8; 3] = [0xf4, 0x9a, 0xc2];

#[test]
fn the_svg_names_every_line_and_event_and_the_settings() {
    let svg = chart(overrun(69)).svg().unwrap();
    for text in [
        "budget-overrun",
        "SO_RCVBUF 32 KiB",
        "&lt;tcp_adv_win_scale &amp; 0&gt;",
        "skmem_rb",
        "skmem_r",
        "recv_q",
        "rcv_win",
        "rcv_ssthresh",
        "acked",
        "coalesced",
        "collapsed",
        "dropped",
        "KiB",
        "packet number",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    for color in ["#E69F00", "#0072B2", "#009E73", "#D62728", "#F49AC2"] {
        assert!(svg.contains(color), "{color}");
    }
}

#[test]
fn the_legend_lies_outside_the_panels() {
    let c = chart(overrun(69));
    let l = c.layout();
    let svg = c.svg().unwrap();
    let names = ["skmem_rb", "rcv_win", "rcv_ssthresh", "acked", "coalesced", "collapsed", "dropped"];
    for name in names {
        // <text x=".." y=".." ...>\nname\n</text>
        let end = svg.find(&format!("\n{name}\n")).unwrap();
        let tag = &svg[svg[..end].rfind("<text").unwrap()..end];
        let attribute = |a: &str| -> i32 {
            let from = tag.find(&format!(" {a}=\"")).unwrap() + a.len() + 3;
            tag[from..].split('"').next().unwrap().parse().unwrap()
        };
        let (x, y) = (attribute("x"), attribute("y"));
        assert!(!l.upper.contains(x, y) && !l.lower.contains(x, y), "{name} at {x}, {y}");
        assert!(l.upper_legend.contains(x, y) || l.lower_legend.contains(x, y), "{name} at {x}, {y}");
    }
    // Nothing of the data reaches the legend's texts.
    assert!(!l.upper.overlaps(&l.upper_legend) && !l.lower.overlaps(&l.lower_legend));
}

#[test]
fn the_png_shows_lines_above_and_events_below() {
    let c = chart(overrun(69));
    let picture = decode(&c.png().unwrap());
    assert_eq!((picture.0, picture.1), (1600, 900));
    let l = c.layout();
    for color in [ORANGE, BLUE, GREEN, RED] {
        assert!(shows(&picture, l.upper, color), "{color:?}");
    }
    assert!(shows(&picture, l.lower, PINK) && shows(&picture, l.lower, RED));
    assert!(!shows(&picture, l.upper, PINK));
    // The paper is white to the last corner, and the frame is there.
    assert_eq!(picture.2[picture.2.len() - 3..], [255; 3]);
    assert!(shows(&picture, Rect { x: l.upper.x - 2, y: l.upper.y + 9, w: 5, h: 3 }, [0x88; 3]));
    // Every text has a glyph: the title's box is not empty.
    assert!(shows(&picture, l.title, [0x22, 0x22, 0x22]));
}

#[test]
fn a_run_without_drops_has_no_marks_of_them() {
    let rows: Vec<_> =
        overrun(60).into_iter().map(|r| ChartRow { collapsed: false, dropped: false, ..r }).collect();
    let c = chart(rows);
    let picture = decode(&c.png().unwrap());
    assert!(!shows(&picture, c.layout().lower, RED));
    assert!(shows(&picture, c.layout().lower_legend, RED));
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let (a, b) = (chart(overrun(69)), chart(overrun(69)));
    assert_eq!(a.svg().unwrap(), b.svg().unwrap());
    assert_eq!(a.png().unwrap(), b.png().unwrap());
}

#[test]
fn any_number_of_rows_can_be_drawn() {
    for n in [0, 1, 2, 10, 100_000] {
        let size = ChartSettings { width: 640, height: 360, ..settings() };
        let c = Chart::from(overrun(n), size).unwrap();
        let svg = c.svg().unwrap();
        // However many rows, a line has a few points per column of pixels.
        assert!(svg.len() < 200_000, "{n} rows: {} bytes", svg.len());
        assert_eq!(svg.contains("no packets"), n == 0);
        assert!(decode(&c.png().unwrap()).2.iter().any(|p| *p != 255));
    }
}

#[test]
fn large_values_are_in_mib_and_a_long_run_does_not_flatten_the_windows() {
    let rows: Vec<_> = overrun(1000)
        .into_iter()
        .map(|r| ChartRow { skmem_rb: 6 << 20, skmem_r: r.skmem_r * 70, acked: r.packet * 100_000, ..r })
        .collect();
    let svg = chart(rows).svg().unwrap();
    assert!(svg.contains("\nMiB\n") && svg.contains("up to 95 MiB"));
    let absurd = ChartRow { packet: i64::MAX, skmem_r: i64::MAX, rcv_win: i64::MIN, ..ChartRow::default() };
    chart(vec![ChartRow::default(), absurd]).svg().unwrap();
}

#[test]
fn sizes_out_of_bounds_are_refused() {
    for (width, height) in [(0, 0), (100, 900), (1600, 100_000)] {
        let e = Chart::from(Vec::new(), ChartSettings { width, height, ..settings() }).unwrap_err();
        assert_eq!(e, ChartError::Size { width, height });
    }
    let small = ChartSettings { width: 480, height: 270, ..settings() };
    let picture = decode(&Chart::from(overrun(69), small).unwrap().png().unwrap());
    assert_eq!((picture.0, picture.1), (480, 270));
}

#[test]
fn rows_come_from_a_trace_or_from_a_file() {
    let mut out = Vec::new();
    let c = Counters::default();
    let state = SocketState { rcvbuf: 65536, rmem: 2304, ..SocketState::default() };
    let trace = TraceRecorder::new(Setup::default()).finish(SimTime::ZERO, &state, &c, &c).unwrap();
    results::csv_write::write_trace(&mut out, &trace, &results::ColumnSet::Standard).unwrap();
    let table = TraceTable::read(out.as_slice(), "trace.csv").unwrap();
    let rows = rows_from_trace(&trace);
    assert_eq!(rows_from_table(&table).unwrap(), rows);
    assert_eq!((rows[0].skmem_rb, rows[0].skmem_r), (65536, 2304));
    let table = TraceTable::read("idx,len\n1,2\n".as_bytes(), "short.csv").unwrap();
    assert_eq!(rows_from_table(&table).unwrap_err().to_string(), "short.csv has no column `skmem_rb`");
}
