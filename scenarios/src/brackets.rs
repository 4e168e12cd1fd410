//! Which bracket of a faulty YAML text was left open.

/// The place of the first `[` or `{` that nothing closes; `None` if all are closed, or closed by the wrong one, which the
/// YAML library says well enough.
pub(crate) fn unclosed(text: &str) -> Option<usize> {
    let mut open: Vec<(usize, u8)> = Vec::new();
    // Lines that are indented further than this belong to a text after `|` or `>`.
    let mut prose: Option<usize> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let here = start;
        start += line.len();
        let indent = line.len() - line.trim_start().len();
        match prose {
            Some(of) if indent > of || line.trim().is_empty() => continue,
            _ => prose = None,
        }
        let said = line_of(line, here, &mut open)?;
        if open.is_empty() && is_prose(said) {
            prose = Some(indent);
        }
    }
    open.first().map(|(at, _)| *at)
}

/// Takes the brackets of a line in, and returns it without its comment; `None` where a bracket is closed by the wrong one.
fn line_of<'t>(line: &'t str, at: usize, open: &mut Vec<(usize, u8)>) -> Option<&'t str> {
    let mut quote: Option<u8> = None;
    // A plain word outside of brackets may contain them: `tcp_rmem[2]`.
    let mut begins = true;
    for (i, b) in line.bytes().enumerate() {
        match (quote, b) {
            (Some(q), _) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') if begins => quote = Some(b),
            (None, b'#') if i == 0 || line.as_bytes()[i - 1].is_ascii_whitespace() => {
                return Some(&line[..i]);
            }
            (None, b'[' | b'{') if begins || !open.is_empty() => open.push((at + i, b)),
            (None, b']' | b'}') if !open.is_empty() => {
                let (_, opened) = open.pop()?;
                if (opened == b'[') != (b == b']') {
                    return None;
                }
            }
            _ => {}
        }
        begins = matches!(b, b' ' | b'\t' | b'[' | b'{' | b',');
    }
    Some(line)
}

/// Whether a text in lines of its own follows: `about: |`.
fn is_prose(line: &str) -> bool {
    let last = line.split_whitespace().last().unwrap_or("");
    let style = last.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+'));
    matches!(style, "|" | ">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bracket_that_stays_open_is_found() {
        for (text, at) in [
            ("a: [1, 2\nb: [3]\n", Some(3)),
            ("a: {x: [1, 2}\n", None),
            ("a: [1,\n  2]\nb: {c: 1\n", Some(15)),
            ("a: [1, 2]\n", None),
            ("rx.tcp_rmem[2: 1\nb: 2\n", None),
            ("{rx.tcp_rmem[2]: 1}\n", None),
            ("a: '[' # [\nb: \"{\"\n", None),
            ("about: |\n  a [ in prose\n\n  and {\nb: 1\n", None),
            ("about: >-\n  a [ in prose\nb: [1\n", Some(28)),
        ] {
            assert_eq!(unclosed(text), at, "{text}");
        }
    }
}
