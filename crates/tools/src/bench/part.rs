//! Rates and costs of one part of a run.

use serde::Serialize;

use super::clock;
use super::counts::Count;
use super::outcome::{Mark, Part, Stretch};

/// What happened between two moments.
#[derive(Debug, Serialize)]
pub(super) struct PartReport {
    /// `connecting`, `holding`, `measuring`, `queueing`, `draining`, `storing` or `flooding`.
    pub(super) part: &'static str,
    pub(super) seconds: f64,
    pub(super) connected: u64,
    pub(super) sent: u64,
    pub(super) acknowledged: u64,
    pub(super) received: u64,
    pub(super) connected_per_s: f64,
    pub(super) sent_per_s: f64,
    pub(super) acknowledged_per_s: f64,
    pub(super) received_per_s: f64,
    /// Payload, millions of bytes a second.
    pub(super) sent_mb_per_s: f64,
    pub(super) received_mb_per_s: f64,
    /// What the processor times are divided by: `delivery`, `publish`, `connection` or `second`.
    pub(super) per: &'static str,
    /// Null without `--pid`.
    pub(super) broker_cpu_us_per: Option<f64>,
    pub(super) broker_cores: Option<f64>,
    pub(super) own_cpu_us_per: Option<f64>,
    pub(super) own_cores: f64,
}

/// Adds up what the threads did in one part; rates are sums of theirs, for their clocks do not start as one.
pub(super) fn part(stretches: &[Stretch], per: &'static str) -> PartReport {
    let first = &stretches[0];
    let per = match first.part {
        Part::Holding => "second",
        Part::Queueing | Part::Storing => "publish",
        Part::Connecting | Part::Measuring | Part::Draining | Part::Flooding => per,
    };
    let mut report = PartReport {
        part: name(first.part),
        seconds: 0.0,
        connected: 0,
        sent: 0,
        acknowledged: 0,
        received: 0,
        connected_per_s: 0.0,
        sent_per_s: 0.0,
        acknowledged_per_s: 0.0,
        received_per_s: 0.0,
        sent_mb_per_s: 0.0,
        received_mb_per_s: 0.0,
        per,
        broker_cpu_us_per: None,
        broker_cores: None,
        own_cpu_us_per: None,
        own_cores: 0.0,
    };
    for stretch in stretches {
        add(&mut report, &stretch.from, &stretch.until);
    }
    let number = match per {
        "second" => report.seconds,
        "connection" => report.connected as f64,
        "publish" => report.sent as f64,
        _ => report.received as f64,
    };
    let costs = stretches.iter().find(|stretch| stretch.from.own > 0).unwrap_or(first);
    let elapsed = (costs.until.at.saturating_sub(costs.from.at)).max(1) as f64;
    let own = costs.until.own.saturating_sub(costs.from.own) as f64;
    report.own_cores = own / elapsed;
    if number > 0.0 {
        report.own_cpu_us_per = Some(own / 1e3 / number);
    }
    if let Some(broker) = costs.until.broker.since(&costs.from.broker) {
        report.broker_cores = Some(broker as f64 / elapsed);
        report.broker_cpu_us_per = (number > 0.0).then(|| broker as f64 / 1e3 / number);
    }
    report
}

fn add(report: &mut PartReport, from: &Mark, until: &Mark) {
    let seconds = clock::seconds(until.at.saturating_sub(from.at)).max(1e-9);
    let counts = until.counts.since(&from.counts);
    report.seconds = report.seconds.max(seconds);
    report.connected += counts[Count::Opened];
    report.sent += counts[Count::Sent];
    report.acknowledged += counts[Count::Acked];
    report.received += counts[Count::Received];
    report.connected_per_s += counts[Count::Opened] as f64 / seconds;
    report.sent_per_s += counts[Count::Sent] as f64 / seconds;
    report.acknowledged_per_s += counts[Count::Acked] as f64 / seconds;
    report.received_per_s += counts[Count::Received] as f64 / seconds;
    report.sent_mb_per_s += counts[Count::SentBytes] as f64 / 1e6 / seconds;
    report.received_mb_per_s += counts[Count::ReceivedBytes] as f64 / 1e6 / seconds;
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Connecting => "connecting",
        Part::Holding => "holding",
        Part::Measuring => "measuring",
        Part::Queueing => "queueing",
        Part::Draining => "draining",
        Part::Storing => "storing",
        Part::Flooding => "flooding",
    }
}
