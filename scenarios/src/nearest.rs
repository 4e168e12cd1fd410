//! The valid name nearest to a misspelt one.

/// The candidate with the smallest edit distance to `word`, if it is near enough to be meant: at most a third
/// of the word's length, and one edit for the shortest words. Case counts less than a letter. A candidate
/// that ends in `.word` or contains the word as a whole component is nearest of all (`tcp_rmem` means
/// `net.ipv4.tcp_rmem`).
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name has at most a few dozen letters; anything longer is not a misspelling.
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let component = candidate.len() > word.len()
            && candidate.ends_with(word)
            && !candidate[..candidate.len() - word.len()].ends_with(|c: char| c.is_alphanumeric());
        let cost = if component { 0 } else { distance(word, candidate) };
        if best.is_none_or(|(b, _)| cost < b) {
            best = Some((cost, candidate));
        }
    }
    let limit = LETTER * (word.chars().count() / 3).max(1) + LETTER / 2;
    best.filter(|(cost, _)| *cost <= limit).map(|(_, c)| c)
}

/// Cost of one letter inserted, removed or replaced; a change of case costs 1.
const LETTER: usize = 4;

/// Edit distance in which two letters swapped count as one edit.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).map(|j| j * LETTER).collect();
    for i in 0..a.len() {
        let mut next = vec![(i + 1) * LETTER];
        for j in 0..b.len() {
            let mut cost = (row[j] + replacing(a[i], b[j])).min(row[j + 1] + LETTER).min(next[j] + LETTER);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                cost = cost.min(before[j - 1] + LETTER);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

fn replacing(x: char, y: char) -> usize {
    if x == y {
        0
    } else if x.eq_ignore_ascii_case(&y) || (separator(x) && separator(y)) {
        1
    } else {
        LETTER
    }
}

fn separator(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_word() {
        let words = ["delay", "rtt", "limit", "mtu", "net.ipv4.tcp_rmem", "SO_RCVBUF"];
        assert_eq!(nearest("dealy", words), Some("delay"));
        assert_eq!(nearest("tcp_rmem", words), Some("net.ipv4.tcp_rmem"));
        assert_eq!(nearest("so_rcvbuf", words), Some("SO_RCVBUF"));
        assert_eq!(nearest("net.ipv4.tcp_rmen", words), Some("net.ipv4.tcp_rmem"));
        assert_eq!(nearest("limits", words), Some("limit"));
    }

    #[test]
    fn a_different_word_finds_nothing() {
        assert_eq!(nearest("colour", ["delay", "rtt"]), None);
        assert_eq!(nearest("", ["delay"]), None);
        assert_eq!(nearest(&"x".repeat(100_000), ["delay"]), None);
    }
}
