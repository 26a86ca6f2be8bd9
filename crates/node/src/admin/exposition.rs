//! Metrics and their text form (Prometheus exposition format 0.0.4).

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

/// How a metric's values behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows while the process runs; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Names and values; names are `[a-zA-Z_][a-zA-Z0-9_]*`.
    pub(crate) labels: Vec<(&'static str, Cow<'static, str>)>,
    pub(crate) value: f64,
}

/// A metric with all its values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Family {
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample>,
}

impl Family {
    /// A metric with one value and no labels.
    pub(crate) fn single(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Self {
        let samples = vec![Sample { labels: Vec::new(), value }];
        Self { name, help, kind, samples }
    }

    fn write(&self, text: &mut String) {
        let Self { name, kind, .. } = self;
        debug_assert!(*kind != Kind::Counter || name.ends_with("_total"), "{name}");
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        text.push_str("# HELP ");
        text.push_str(name);
        text.push(' ');
        escape(self.help, Escape::Help, text);
        // Writing to a String does not fail.
        let _ = writeln!(text, "\n# TYPE {name} {kind}");
        for sample in &self.samples {
            text.push_str(name);
            for (n, (label, value)) in sample.labels.iter().enumerate() {
                text.push(if n == 0 { '{' } else { ',' });
                let _ = write!(text, "{label}=\"");
                escape(value, Escape::LabelValue, text);
                text.push('"');
            }
            if !sample.labels.is_empty() {
                text.push('}');
            }
            let _ = writeln!(text, " {}", number(sample.value));
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

fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

/// The families, rendered.
pub(crate) fn text_of(families: &[Family]) -> String {
    let mut text = String::with_capacity(families.len() * 160);
    for family in families {
        family.write(&mut text);
    }
    text
}

type Collect = Box<dyn Fn() -> Vec<Family> + Send + Sync>;

/// Where the roles' metrics come from; nothing until a role provides them. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct MetricsSource(Arc<OnceLock<Collect>>);

impl MetricsSource {
    /// Has `collect` called at each scrape from now on, on the admin thread: it must not block. The first one provided stays.
    pub(crate) fn provide(&self, collect: impl Fn() -> Vec<Family> + Send + Sync + 'static) {
        let first = self.0.set(Box::new(collect)).is_ok();
        debug_assert!(first, "metrics are provided once");
    }

    pub(crate) fn collect(&self) -> Vec<Family> {
        self.0.get().map(|collect| collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Family, Kind, MetricsSource, Sample, text_of};

    #[test]
    fn golden_text() {
        let families = [
            Family::single("broker_up", "Whether\nit is up.", Kind::Gauge, 1.0),
            Family {
                name: "broker_publishes_total",
                help: "A \\ \"quoted\" word.",
                kind: Kind::Counter,
                samples: vec![
                    Sample { labels: vec![("qos", "0".into()), ("why", "a\"b\\c\nd".into())], value: 12_345_678_901.0 },
                    Sample { labels: vec![("qos", "1".into())], value: 0.25 },
                ],
            },
        ];
        let expected = "\
# HELP broker_up Whether\\nit is up.
# TYPE broker_up gauge
broker_up 1
# HELP broker_publishes_total A \\\\ \"quoted\" word.
# TYPE broker_publishes_total counter
broker_publishes_total{qos=\"0\",why=\"a\\\"b\\\\c\\nd\"} 12345678901
broker_publishes_total{qos=\"1\"} 0.25
";
        assert_eq!(text_of(&families), expected);
    }

    #[test]
    fn a_source_is_empty_until_provided() {
        let source = MetricsSource::default();
        assert!(source.collect().is_empty());
        source.clone().provide(|| vec![Family::single("up", "Up.", Kind::Gauge, 1.0)]);
        assert_eq!(source.collect().len(), 1);
    }
}
