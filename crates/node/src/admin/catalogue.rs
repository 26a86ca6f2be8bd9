//! Every metric there is, once: name, kind, labels, meaning; and those of the model that there are not.

#[cfg(test)]
mod absent;
pub(super) mod cluster;
pub(super) mod dataflow;
pub(super) mod model;
pub(super) mod own;
pub(super) mod probe;

#[cfg(test)]
pub(super) use absent::ABSENT;

/// All of them, in the order of the page and of its reference.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static super::exposition::Metric> {
    [
        model::MODEL,
        probe::PROBE,
        own::OWN,
        cluster::CLUSTER,
        dataflow::DATAFLOW_MODEL,
        dataflow::DATAFLOW_OWN,
        own::PROCESS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Declares metrics: a static for each, and the list of them for tests and the reference page.
macro_rules! metrics {
    ($list:ident: $($name:ident: $kind:ident $text:literal $labels:expr, $help:literal;)*) => {
        $(pub(in crate::admin) static $name: Metric =
            Metric { name: $text, kind: Kind::$kind, labels: $labels, help: $help };)*
        #[cfg(test)]
        pub(in crate::admin) static $list: &[&Metric] = &[$(&$name),*];
    };
}
use metrics;
