//! Metrics and their text form (Prometheus exposition format 0.0.4).

use std::fmt::Write;

/// How a metric's values behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows while the process runs.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many values there were, by how great they are, and their sum; each only grows while the process runs.
    Histogram,
}

/// A metric as it is declared, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metric {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// `[a-zA-Z_][a-zA-Z0-9_]*`, in the order in which values are given.
    pub(crate) labels: &'static [&'static str],
    pub(crate) help: &'static str,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A page of metrics while it is written.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

/// The lines of one metric while they are written.
pub(crate) struct Samples<'a> {
    metric: &'static Metric,
    text: &'a mut String,
}

impl Exposition {
    /// Begins a metric. Each is begun once a page.
    pub(crate) fn metric(&mut self, metric: &'static Metric) -> Samples<'_> {
        let Metric { name, kind, help, .. } = metric;
        debug_assert!(!self.text.contains(&format!("# TYPE {name} ")), "{name} twice");
        self.text.push_str("# HELP ");
        self.text.push_str(name);
        self.text.push(' ');
        escape(help, Escape::Help, &mut self.text);
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "\n# TYPE {name} {}", kind.name());
        Samples { metric, text: &mut self.text }
    }

    /// A metric with one value and no labels.
    pub(crate) fn single(&mut self, metric: &'static Metric, value: f64) {
        self.metric(metric).value(&[], value);
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

impl Samples<'_> {
    /// One value; `labels` are the values of the metric's labels, in order.
    pub(crate) fn value(&mut self, labels: &[&str], value: f64) {
        self.sample("", labels, None, value);
    }

    /// One histogram: how many values are not above each of `bounds`, nor in a bucket before, and with the last of
    /// `counts` how many are above all of them.
    pub(crate) fn histogram(&mut self, labels: &[&str], bounds: &[f64], counts: &[u64], sum: f64) {
        debug_assert!(self.metric.kind == Kind::Histogram && counts.len() == bounds.len() + 1, "{}", self.metric.name);
        let mut total = 0;
        for (bound, count) in bounds.iter().chain(&[f64::INFINITY]).zip(counts) {
            total += count;
            let mut le = String::new();
            number(*bound, &mut le);
            self.sample("_bucket", labels, Some(("le", &le)), total as f64);
        }
        self.sample("_sum", labels, None, sum);
        self.sample("_count", labels, None, total as f64);
    }

    fn sample(&mut self, suffix: &str, labels: &[&str], further: Option<(&str, &str)>, value: f64) {
        let Metric { name, labels: names, .. } = self.metric;
        debug_assert_eq!(labels.len(), names.len(), "{name}");
        self.text.push_str(name);
        self.text.push_str(suffix);
        let named = names.iter().copied().zip(labels.iter().copied()).chain(further);
        let mut before = '{';
        for (label, value) in named {
            self.text.push(before);
            before = ',';
            let _ = write!(self.text, "{label}=\"");
            escape(value, Escape::LabelValue, self.text);
            self.text.push('"');
        }
        if before == ',' {
            self.text.push('}');
        }
        self.text.push(' ');
        number(value, self.text);
        self.text.push('\n');
    }
}

fn number(value: f64, text: &mut String) {
    match value {
        f64::INFINITY => text.push_str("+Inf"),
        f64::NEG_INFINITY => text.push_str("-Inf"),
        value => {
            let _ = write!(text, "{value}");
        }
    }
}

#[derive(PartialEq)]
enum Escape {
    Help,
    LabelValue,
}

fn escape(raw: &str, place: Escape, text: &mut String) {
    for c in raw.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if place == Escape::LabelValue => text.push_str("\\\""),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Exposition, Kind, Metric};

    static UP: Metric = Metric { name: "broker_up", kind: Kind::Gauge, labels: &[], help: "Whether\nit is up." };
    static PUBLISHES: Metric = Metric {
        name: "broker_publishes_total",
        kind: Kind::Counter,
        labels: &["qos", "why"],
        help: "A \\ \"quoted\" word.",
    };
    static SIZES: Metric =
        Metric { name: "broker_sizes", kind: Kind::Histogram, labels: &["why"], help: "How large they are." };

    #[test]
    fn golden_text() {
        let mut page = Exposition::default();
        page.single(&UP, 1.0);
        let mut publishes = page.metric(&PUBLISHES);
        publishes.value(&["0", "a\"b\\c\nd"], 12_345_678_901.0);
        publishes.value(&["1", ""], 0.25);
        let mut sizes = page.metric(&SIZES);
        sizes.histogram(&["x"], &[0.5, 10.0], &[2, 0, 3], 61.25);
        let expected = "\
# HELP broker_up Whether\\nit is up.
# TYPE broker_up gauge
broker_up 1
# HELP broker_publishes_total A \\\\ \"quoted\" word.
# TYPE broker_publishes_total counter
broker_publishes_total{qos=\"0\",why=\"a\\\"b\\\\c\\nd\"} 12345678901
broker_publishes_total{qos=\"1\",why=\"\"} 0.25
# HELP broker_sizes How large they are.
# TYPE broker_sizes histogram
broker_sizes_bucket{why=\"x\",le=\"0.5\"} 2
broker_sizes_bucket{why=\"x\",le=\"10\"} 2
broker_sizes_bucket{why=\"x\",le=\"+Inf\"} 5
broker_sizes_sum{why=\"x\"} 61.25
broker_sizes_count{why=\"x\"} 5
";
        assert_eq!(page.into_text(), expected);
    }
}
