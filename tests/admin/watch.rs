//! Metrics before and after something happens.

use std::collections::BTreeSet;

use causeway_tests::deadline::patience;
use causeway_tests::{Broker, Connect, Props, Resources, Settings, Version, Will, fresh, http, prop};

/// A metric, perhaps with a label it must have: `name` or `name{label="value"}`.
pub type Samples = &'static [&'static str];

/// The sum of the series that a sample names, which must be there.
pub fn value(broker: &Broker, sample: &str) -> f64 {
    find(broker, sample).unwrap_or_else(|| panic!("/metrics has no {sample}"))
}

fn find(broker: &Broker, sample: &str) -> Option<f64> {
    let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
    let labels = labels.trim_end_matches('}');
    // Of a histogram, how many values it has.
    http::metric(broker.admin(), name, labels)
        .or_else(|| http::metric(broker.admin(), &format!("{name}_count"), labels))
}

/// Nothing of this has happened yet.
pub fn still(broker: &Broker, samples: Samples) {
    for sample in samples {
        assert_eq!(value(broker, sample).to_bits(), 0f64.to_bits(), "{sample} before anything happens");
    }
}

/// Each of them is seen above 0.
pub fn moved(broker: &Broker, samples: Samples) {
    stirred(broker, samples, || ());
}

/// As [`moved`], while `stir` is done again and again.
pub fn stirred(broker: &Broker, samples: Samples, mut stir: impl FnMut()) {
    let mut unseen: BTreeSet<&str> = samples.iter().copied().collect();
    let end = std::time::Instant::now() + patience();
    while !unseen.is_empty() {
        assert!(std::time::Instant::now() < end, "still 0: {unseen:?}\n{}", page(broker));
        stir();
        unseen.retain(|sample| find(broker, sample).is_none_or(|value| value <= 0.0));
    }
}

/// The text of `/metrics`.
pub fn page(broker: &Broker) -> String {
    let (status, text) = http::get(broker.admin(), "/metrics").expect("an answer");
    assert_eq!(status, 200, "{text}");
    text
}

/// A broker that does nothing by itself, with these properties of its Broker resource besides.
pub fn quiet(spec: &str) -> (Broker, Resources) {
    quiet_with(Settings::new(), spec)
}

pub fn quiet_with(settings: Settings, spec: &str) -> (Broker, Resources) {
    let resources = Resources::new();
    resources.broker(&format!("{QUIET}{spec}"));
    (Broker::start(settings.resources(&resources)), resources)
}

/// Without self-check and `$SYS`.
pub const QUIET: &str = "diagnostics:\n  selfCheck:\n    mode: Disabled\n  sysTopics:\n    intervalSeconds: 0\n";

/// Lets that many seconds go by on the broker's own clock: a delayed will arrives when they have.
pub fn let_pass(broker: &Broker, seconds: u32) {
    let topic = fresh("clock");
    let mut clock = broker.client(Version::V5);
    clock.subscribe(&topic, 1);
    let will = Will::new(&topic, "now").qos(1).props(Props::new().u32(prop::WILL_DELAY, seconds));
    broker.connect(&Connect::persistent(Version::V5, &fresh("clock")).will(will)).vanish();
    clock.take();
}
