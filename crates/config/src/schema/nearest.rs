//! The known word that an unknown one was probably meant to be.

/// Bytes beyond which a word is compared with nothing: the comparison takes the square of it.
const LONGEST: usize = 64;

/// The closest of the known words, if it is close: no more than a third of its letters differ, apart from case.
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if unknown.len() > LONGEST {
        return None;
    }
    let unknown = unknown.to_lowercase();
    let measured = known.into_iter().map(|word| (distance(&unknown, &word.to_lowercase()), word));
    let close = measured.filter(|(distance, word)| *distance <= (word.chars().count() / 3).max(1));
    close.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["frontend", "backendChain", "replicas", "ports", "tls"];
        for (unknown, expected) in [
            ("frontent", Some("frontend")),
            ("Frontend", Some("frontend")),
            ("fronetnd", Some("frontend")),
            ("backendchains", Some("backendChain")),
            ("port", Some("ports")),
            ("tsl", Some("tls")),
            ("workers", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(unknown, known), expected, "{unknown}");
        }
        assert_eq!(nearest(&"tls".repeat(10_000), known), None);
    }
}
