//! Which topics a dataflow publishes to, as far as its filters tell.

use crate::dataflow::{TopicPiece, TopicTemplate};

/// A filter that matches every topic that messages of `filter` go to; `None` where they lack a level that is asked for.
/// It may match more.
pub(super) fn pattern(template: &TopicTemplate, filter: &str) -> Option<String> {
    let mut filled = String::new();
    for piece in template.pieces() {
        match piece {
            TopicPiece::Text(text) => filled.push_str(text),
            TopicPiece::Whole => filled.push_str(filter),
            TopicPiece::Level(n) => filled.push_str(level(filter, *n)?),
            TopicPiece::From(n) => filled.push_str(&from(filter, *n)?),
        }
    }
    let mut levels = Vec::new();
    for level in filled.split('/') {
        // What a wildcard stands for may be beside text, or in the middle.
        if level.contains('#') {
            levels.push("#");
            break;
        }
        levels.push(if level.contains('+') { "+" } else { level });
    }
    Some(levels.join("/"))
}

fn level(filter: &str, n: u16) -> Option<&str> {
    let levels: Vec<&str> = filter.trim_matches('/').split('/').collect();
    match levels.get(usize::from(n) - 1) {
        Some(&"#") => Some("+"),
        Some(level) => Some(level),
        None => (levels.last() == Some(&"#")).then_some("+"),
    }
}

fn from(filter: &str, n: u16) -> Option<String> {
    let levels: Vec<&str> = filter.trim_matches('/').split('/').collect();
    match levels.get(usize::from(n) - 1..) {
        Some(rest) if !rest.is_empty() => Some(rest.join("/")),
        _ => (levels.last() == Some(&"#")).then(|| "#".to_owned()),
    }
}

/// A filter that matches the topics that both match; `None` if there are none.
pub(super) fn intersection(a: &str, b: &str) -> Option<String> {
    let hidden = |literal: &str, wild: &str| literal.starts_with('$') && wild.starts_with(['+', '#']);
    if hidden(a, b) || hidden(b, a) {
        return None;
    }
    let (mut left, mut right) = (a.split('/'), b.split('/'));
    let mut both = Vec::new();
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (Some("#"), rest) => {
                both.extend(rest.into_iter().chain(right));
                break;
            }
            (rest, Some("#")) => {
                both.extend(rest.into_iter().chain(left));
                break;
            }
            (Some("+"), Some(level)) | (Some(level), Some("+")) => both.push(level),
            (Some(level), Some(other)) if level == other => both.push(level),
            _ => return None,
        }
    }
    Some(both.join("/"))
}

#[cfg(test)]
mod tests {
    use super::{intersection, pattern};
    use crate::dataflow::TopicTemplate;

    #[test]
    fn patterns_match_all_that_is_published() {
        for (template, filter, expected) in [
            ("a/b", "#", Some("a/b")),
            ("${inputTopic}", "x/+/y", Some("x/+/y")),
            ("up/${inputTopic}", "x/#", Some("up/x/#")),
            ("up/${inputTopic}/z", "x/#", Some("up/x/#")),
            ("${inputTopic.2}", "x/y", Some("y")),
            ("${inputTopic.2}", "x/#", Some("+")),
            ("${inputTopic.3}", "x/#", Some("+")),
            ("${inputTopic.3}", "x/y", None),
            ("${inputTopic.2+}", "/x/y/+/", Some("y/+")),
            ("${inputTopic.3+}", "x/#", Some("#")),
            ("${inputTopic.3+}", "x/+", None),
            ("dev-${inputTopic.1}/t", "+/t", Some("+/t")),
            ("x${inputTopic}", "#", Some("#")),
        ] {
            let template = TopicTemplate::parse(template).unwrap();
            assert_eq!(pattern(&template, filter).as_deref(), expected, "{template} of {filter}");
        }
    }

    #[test]
    fn what_both_match() {
        for (a, b, expected) in [
            ("a/b", "a/b", Some("a/b")),
            ("a/b", "a/c", None),
            ("a/+", "+/b", Some("a/b")),
            ("a/#", "a", Some("a")),
            ("a/#", "a/b/+", Some("a/b/+")),
            ("a/#", "+/b/#", Some("a/b/#")),
            ("#", "a/b", Some("a/b")),
            ("a", "a/b", None),
            ("a/+", "a", None),
            ("#", "$SYS/x", None),
            ("+/x", "$SYS/x", None),
            ("$SYS/#", "$SYS/x", Some("$SYS/x")),
        ] {
            assert_eq!(intersection(a, b).as_deref(), expected, "{a} and {b}");
            assert_eq!(intersection(b, a).as_deref(), expected, "{b} and {a}");
        }
    }
}
