//! A page of metrics, read as strictly as its format is written.

use std::collections::BTreeMap;

/// A metric as a page has it: kind, help, values by labels as written.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) values: BTreeMap<Labels, f64>,
    /// By labels without `le`.
    pub(super) histograms: BTreeMap<Labels, Histogram>,
}

pub(super) type Labels = Vec<(String, String)>;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Histogram {
    /// Bound and how many are not above it.
    pub(super) buckets: Vec<(f64, f64)>,
    pub(super) sum: f64,
    pub(super) count: f64,
}

impl Read {
    pub(super) fn all_labels(&self) -> impl Iterator<Item = &Labels> {
        self.values.keys().chain(self.histograms.keys())
    }

    /// Takes a line of a histogram; they come bucket by bucket, then sum, then count.
    fn take(&mut self, suffix: &str, mut labels: Labels, value: f64) {
        let bound = (suffix == "_bucket").then(|| labels.pop().unwrap());
        let histogram = self.histograms.entry(labels).or_default();
        match (suffix, bound) {
            ("_bucket", Some((le, bound))) => {
                assert_eq!(le, "le");
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
                let (below, before) = histogram.buckets.last().copied().unwrap_or((f64::NEG_INFINITY, 0.0));
                assert!(bound > below && value >= before, "{bound} {value} after {below} {before}");
                histogram.buckets.push((bound, value));
            }
            ("_sum", None) => histogram.sum = value,
            ("_count", None) => {
                assert_eq!(histogram.buckets.last(), Some(&(f64::INFINITY, value)));
                histogram.count = value;
            }
            _ => panic!("{suffix} of a histogram"),
        }
    }
}

/// Reads exposition format 0.0.4 and fails at whatever is not in it.
pub(super) fn parse(text: &str) -> BTreeMap<String, Read> {
    assert!(text.ends_with('\n'));
    let mut metrics: BTreeMap<String, Read> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!metrics.contains_key(name), "{name} twice");
            metrics.insert(name.to_owned(), Read { help: unescaped(help, false), ..Read::default() });
            current = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let metric = metrics.get_mut(name).unwrap();
            assert!(
                name == current && metric.kind.is_empty() && ["counter", "gauge", "histogram"].contains(&kind),
                "{line}"
            );
            metric.kind = kind.to_owned();
        } else {
            let (name, labels, value) = sample(line);
            let suffix = name.strip_prefix(&current).unwrap_or_else(|| panic!("{line} under {current}"));
            let metric = metrics.get_mut(&current).unwrap();
            assert!(!metric.kind.is_empty(), "{line}");
            if metric.kind == "histogram" {
                metric.take(suffix, labels, value);
                continue;
            }
            assert!(suffix.is_empty() && metric.values.insert(labels, value).is_none(), "twice: {line}");
        }
    }
    metrics
}

fn sample(line: &str) -> (String, Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let is_name = |text: &str| {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        first && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    assert!(is_name(name), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let end = closing_quote(value);
            labels.push((label.to_owned(), unescaped(&value[..end], true)));
            rest = &value[end + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap();
    }
    let value = rest.strip_prefix(' ').unwrap();
    let value = match value {
        "+Inf" => f64::INFINITY,
        value => {
            assert!(value.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte)), "{line}");
            value.parse().unwrap()
        }
    };
    (name.to_owned(), labels, value)
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    let is_end = |(_, c): &(usize, char)| {
        let end = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        end
    };
    text.char_indices().find(is_end).unwrap().0
}

fn unescaped(text: &str, in_label: bool) -> String {
    let (mut plain, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().unwrap() {
                'n' => plain.push('\n'),
                '\\' => plain.push('\\'),
                '"' if in_label => plain.push('"'),
                other => panic!("\\{other} in {text}"),
            },
            c => plain.push(c),
        }
    }
    plain
}
