//! What crosses between brokers, under the model's names and under our own.

use std::time::SystemTime;

use bridge::{Counts, Latencies, LinkState};

use crate::admin::catalogue::dataflow as name;
use crate::admin::dataflows::{Waiting, end_name};
use crate::admin::exposition::{Exposition, Metric};
use crate::admin::source::AdminSource;
use crate::dataflows::{DataflowShown, LinkEnd};

/// The category of clients that name none.
const CATEGORY: &str = "uncategorized";

/// A dataflow that runs here, over all its instances, with its labels.
struct Running<'a> {
    shown: &'a DataflowShown,
    dataflow: &'a str,
    source: &'a str,
    destination: &'a str,
    source_type: &'static str,
    destination_type: &'static str,
}

pub(super) async fn write(page: &mut Exposition, source: &AdminSource) {
    let dataflows = source.dataflows.dataflows();
    let running: Vec<Running<'_>> = dataflows.iter().filter_map(Running::of).collect();
    messages(page, &running);
    errors(page, &running);
    latencies(page, &running);
    page.single(&name::ACTIVE, running.len() as f64);
    page.metric(&name::DATAFLOW_VERSION).value(&[env!("CARGO_PKG_VERSION")], 1.0);
    waiting(page, &running, Waiting::new(source.broker.as_ref())).await;
    links(page, &running, SystemTime::now());
    letters(page, &running);
    ends(page, &running);
}

impl<'a> Running<'a> {
    fn of(shown: &'a DataflowShown) -> Option<Self> {
        let told = &shown.instances.first()?.dataflow;
        Some(Self {
            shown,
            dataflow: &shown.plan.name,
            source: &told.source.name,
            destination: &told.destination.name,
            source_type: told.source.service_type(),
            destination_type: told.destination.service_type(),
        })
    }

    fn counts(&self) -> impl Iterator<Item = &'a Counts> + use<'a> {
        self.shown.instances.iter().map(|instance| &instance.counts)
    }

    fn sum(&self, of: impl Fn(&Counts) -> u64) -> f64 {
        self.counts().map(of).sum::<u64>() as f64
    }
}

fn messages(page: &mut Exposition, running: &[Running<'_>]) {
    type Of = fn(&Counts) -> u64;
    const FROM_SOURCE: [(&Metric, Of); 3] = [
        (&name::RECEIVED, |counts| counts.received),
        (&name::DROPPED_BUSY, |counts| counts.dropped),
        (&name::BYTES_RECEIVED, |counts| counts.received_bytes),
    ];
    const TO_TARGET: [(&Metric, Of); 3] = [
        (&name::SENT, |counts| counts.sent),
        (&name::RETRIED, |counts| counts.retried),
        (&name::BYTES_SENT, |counts| counts.sent_bytes),
    ];
    const NOT_SENT: [(&Metric, Of); 3] = [
        (&name::EXPIRED, |counts| counts.expired),
        (&name::FILTERED, |counts| counts.loops + counts.strays),
        (&name::DROPPED_ERRORS, |counts| counts.dead_letters),
    ];
    const BY_DATAFLOW: [(&Metric, Of); 3] = [
        (&name::HELD, |counts| counts.held),
        (&name::LOOPS, |counts| counts.loops),
        (&name::STRAYS, |counts| counts.strays),
    ];
    for (metric, of) in FROM_SOURCE {
        let mut samples = page.metric(metric);
        for flow in running {
            samples.value(&[flow.source_type, CATEGORY, flow.dataflow, flow.source], flow.sum(of));
        }
    }
    for (metric, of) in TO_TARGET {
        let mut samples = page.metric(metric);
        for flow in running {
            samples.value(&[flow.destination_type, CATEGORY, flow.dataflow, flow.destination], flow.sum(of));
        }
    }
    for (metric, of) in NOT_SENT {
        let mut samples = page.metric(metric);
        for flow in running {
            samples.value(&[flow.destination_type, flow.dataflow, flow.destination], flow.sum(of));
        }
    }
    for (metric, of) in BY_DATAFLOW {
        let mut samples = page.metric(metric);
        for flow in running {
            samples.value(&[flow.dataflow], flow.sum(of));
        }
    }
}

/// Under the model's codes, and those of our own where it has none.
fn errors(page: &mut Exposition, running: &[Running<'_>]) {
    const UNRESOLVABLE: &str = "unresolvable topic";
    let mut samples = page.metric(&name::ERRORS_SEEN);
    for flow in running {
        for (code, count) in added_by_code(flow.counts().map(|counts| counts.source_failures.of_source())) {
            samples.value(&[flow.source_type, "", code, flow.dataflow, flow.source], count);
        }
        let refused = |is_wanted: fn(&str) -> bool| {
            let refused = flow.counts().flat_map(|counts| &counts.refused);
            refused.filter(|refused| is_wanted(&refused.reason)).map(|refused| refused.count).sum::<u64>() as f64
        };
        let messages = [
            ("DataflowMqttTargetPublishRejected", refused(|reason| reason != UNRESOLVABLE)),
            ("PayloadError", refused(|reason| reason == UNRESOLVABLE)),
        ];
        let connections = added_by_code(flow.counts().map(|counts| counts.destination_failures.of_target()));
        for (code, count) in connections.into_iter().chain(messages) {
            samples.value(&["", flow.destination_type, code, flow.dataflow, flow.destination], count);
        }
    }
}

/// What all of them count together, by code.
fn added_by_code<const N: usize>(all: impl Iterator<Item = [(&'static str, u64); N]>) -> Vec<(&'static str, f64)> {
    let mut sums: Vec<(&str, f64)> = Vec::with_capacity(N);
    for counts in all {
        sums.resize(N, ("", 0.0));
        for (sum, (code, count)) in sums.iter_mut().zip(counts) {
            *sum = (code, sum.1 + count as f64);
        }
    }
    sums
}

fn latencies(page: &mut Exposition, running: &[Running<'_>]) {
    let mut samples = page.metric(&name::PROCESSING);
    for flow in running {
        let (counts, sum) = added(flow.counts().map(|counts| &counts.processing));
        let labels = [flow.source_type, CATEGORY, flow.dataflow, flow.source];
        samples.histogram(&labels, &Latencies::BOUNDS_MS, &counts, sum);
    }
    let mut samples = page.metric(&name::UPLOAD_TIME);
    for flow in running {
        let (counts, sum) = added(flow.counts().map(|counts| &counts.upload));
        let labels = [flow.destination_type, "true", CATEGORY, flow.dataflow, flow.destination];
        samples.histogram(&labels, &Latencies::BOUNDS_MS, &counts, sum);
    }
}

/// The counts of all of them by bucket, and their sum in milliseconds.
fn added<'a>(all: impl Iterator<Item = &'a Latencies>) -> (Vec<u64>, f64) {
    let mut counts = vec![0; Latencies::BOUNDS_MS.len() + 1];
    let mut micros = 0;
    for latencies in all {
        counts.iter_mut().zip(&latencies.counts).for_each(|(sum, count)| *sum += count);
        micros += latencies.sum_micros;
    }
    (counts, micros as f64 / 1000.0)
}

async fn waiting(page: &mut Exposition, running: &[Running<'_>], broker: Waiting<'_>) {
    let mut samples = page.metric(&name::WAITING);
    for flow in running {
        if let Some(waiting) = broker.of(flow.shown).await {
            samples.value(&[flow.dataflow], waiting as f64);
        }
    }
}

fn links(page: &mut Exposition, running: &[Running<'_>], now: SystemTime) {
    let all = || {
        running.iter().flat_map(|flow| &flow.shown.instances).flat_map(|instance| {
            let status = &instance.status;
            let ends = [(LinkEnd::Source, &status.source), (LinkEnd::Destination, &status.destination)];
            ends.map(|(end, link)| (&*status.name, status.instance.to_string(), end_name(end), link))
        })
    };
    let mut up = page.metric(&name::UP);
    for (dataflow, instance, side, link) in all() {
        let is_up = matches!(link.state, LinkState::Up { .. });
        up.value(&[dataflow, &instance, side, &link.endpoint], if is_up { 1.0 } else { 0.0 });
    }
    let mut expiry = page.metric(&name::CREDENTIAL_EXPIRY);
    for (dataflow, instance, side, link) in all() {
        if let Some(end) = link.credential_expires {
            let left = match end.duration_since(now) {
                Ok(left) => left.as_secs_f64(),
                Err(over) => -over.duration().as_secs_f64(),
            };
            expiry.value(&[dataflow, &instance, side, &link.endpoint], left);
        }
    }
}

fn letters(page: &mut Exposition, running: &[Running<'_>]) {
    let mut letters = page.metric(&name::DEAD_LETTERS);
    for flow in running {
        let omitted = flow.sum(|counts| counts.bare_letters);
        letters.value(
            &[flow.dataflow, "kept"],
            flow.sum(|counts| counts.dead_letters.saturating_sub(counts.bare_letters)),
        );
        letters.value(&[flow.dataflow, "omitted"], omitted);
    }
    let mut refusals = page.metric(&name::REFUSALS);
    for flow in running {
        let mut reasons: Vec<&str> =
            flow.counts().flat_map(|counts| &counts.refused).map(|refused| &*refused.reason).collect();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            let of = |counts: &Counts| {
                counts.refused.iter().filter(|refused| refused.reason == reason).map(|refused| refused.count).sum()
            };
            refusals.value(&[flow.dataflow, reason], flow.sum(of));
        }
    }
}

fn ends(page: &mut Exposition, running: &[Running<'_>]) {
    type Of = fn(&Counts) -> [u64; 2];
    const BY_END: [(&Metric, Of); 3] = [
        (&name::LINK_CONNECTIONS, |counts| [counts.source_connections, counts.destination_connections]),
        (&name::LINK_FAILURES, |counts| [counts.source_failures.total(), counts.destination_failures.total()]),
        (&name::SESSIONS_LOST, |counts| [counts.source_sessions_lost, counts.destination_sessions_lost]),
    ];
    for (metric, of) in BY_END {
        let mut samples = page.metric(metric);
        for flow in running {
            for (n, end) in [LinkEnd::Source, LinkEnd::Destination].into_iter().enumerate() {
                samples.value(&[flow.dataflow, end_name(end)], flow.sum(|counts| of(counts)[n]));
            }
        }
    }
}
