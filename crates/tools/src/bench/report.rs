//! The result: every figure exact, or absent.

use mqtt::{ProtocolVersion, QoS};
use serde::Serialize;

use super::counts::{Count, Counts};
use super::fault::Faults;
use super::latency::Percentiles;
use super::part::{PartReport, part};
use super::runner::{Findings, MemorySeen};
use super::settings::{ConnectStyle, Load, Pace, Routing, Settings, TrafficLoad};
use super::total::Total;
use super::transport::Target;
use super::verdict;

/// What `--json` prints. Figures that were not measured are null; those that do not belong to the scenario are left out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) scenario: &'static str,
    /// `ok`, or `failed`: see `problems`. The exit code says the same.
    pub(super) result: &'static str,
    /// What makes it failed.
    pub(super) problems: Vec<String>,
    /// What a reader should know besides.
    pub(super) notices: Vec<String>,
    pub(super) interrupted: bool,
    /// Eight hexadecimal digits; in client ids, topics and payloads.
    pub(super) run: String,
    pub(super) broker: String,
    pub(super) protocol: &'static str,
    pub(super) transport: &'static str,
    pub(super) threads: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) load: Option<LoadReport>,
    pub(super) parts: Vec<PartReport>,
    pub(super) connections: ConnectionsReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) messages: Option<MessagesReport>,
    pub(super) latency: LatencyReport,
    /// Of the processes in `--pid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) broker_memory: Option<MemoryReport>,
    pub(super) faults: Vec<FaultReport>,
}

#[derive(Debug, Serialize)]
pub(super) struct LoadReport {
    pub(super) publishers: u32,
    pub(super) subscribers: u32,
    /// Of each publisher.
    pub(super) topics: u32,
    pub(super) qos: u8,
    pub(super) subscription_qos: u8,
    pub(super) size: String,
    pub(super) retain: bool,
    /// Publishes a second; null at full speed.
    pub(super) rate: Option<f64>,
    /// Null with a rate, and without a window.
    pub(super) window: Option<u32>,
    pub(super) share: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ConnectionsReport {
    /// CONNACKs that accepted.
    pub(super) opened: u64,
    /// Attempts that failed.
    pub(super) failed: u64,
    /// Ended unasked.
    pub(super) lost: u64,
    pub(super) reconnected: u64,
    /// Reconnected, and the session was not there.
    pub(super) sessions_lost: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct MessagesReport {
    pub(super) sent: u64,
    /// Null with QoS 0.
    pub(super) acknowledged: Option<u64>,
    pub(super) refused: u64,
    pub(super) unanswered: u64,
    /// Written again after a lost connection.
    pub(super) resent: u64,
    /// Due by `--rate` and not written when the time was over.
    pub(super) behind: u64,
    /// Deliveries there should be; null without subscribers, or with publishers elsewhere.
    pub(super) expected: Option<u64>,
    /// Deliveries, repetitions included.
    pub(super) received: u64,
    pub(super) lost: Option<u64>,
    pub(super) duplicates: Option<u64>,
    /// Of these, with the DUP flag.
    pub(super) duplicates_flagged: Option<u64>,
    pub(super) out_of_order: Option<u64>,
    /// Of this run, at a subscriber they were not for; null when it cannot be told.
    pub(super) misrouted: Option<u64>,
    /// Of somebody else.
    pub(super) foreign: u64,
    /// How often windows were opened again because nothing came for two seconds.
    pub(super) stalls: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct LatencyReport {
    /// From when a message was due to its arrival.
    pub(super) delivery: Option<Percentiles>,
    /// From when a message was due to its PUBACK or PUBCOMP.
    pub(super) acknowledgement: Option<Percentiles>,
    /// From when a connection was due to its CONNACK.
    pub(super) connect: Option<Percentiles>,
}

#[derive(Debug, Serialize)]
pub(super) struct MemoryReport {
    pub(super) before_kib: u64,
    pub(super) peak_kib: u64,
    /// Null when the broker is gone.
    pub(super) after_kib: Option<u64>,
    /// Growth over `connections` while they were held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_per_connection: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct FaultReport {
    pub(super) fault: String,
    pub(super) count: u64,
}

impl Report {
    pub(super) fn new(settings: &Settings, target: &Target, mut findings: Findings) -> Self {
        let total = Total::of(std::mem::take(&mut findings.outcomes));
        let messages = match &settings.load {
            Load::Traffic(load) => Some(messages(load, settings, &total)),
            Load::Connect(_) => None,
        };
        let verdict = verdict::judge(settings, &total, messages.as_ref(), &findings);
        let per = per(&settings.load);
        Self {
            scenario: scenario(&settings.load),
            result: if verdict.problems.is_empty() { "ok" } else { "failed" },
            problems: verdict.problems,
            notices: verdict.notices,
            interrupted: findings.was_interrupted,
            run: format!("{:08x}", settings.run),
            broker: format!("{}:{}", target.host, target.address.port()),
            protocol: match settings.clients.version {
                ProtocolVersion::V5 => "5",
                ProtocolVersion::V3_1_1 => "3.1.1",
                ProtocolVersion::V3_1 => "3.1",
            },
            transport: transport(target),
            threads: settings.threads,
            load: match &settings.load {
                Load::Traffic(load) => Some(load_report(load)),
                Load::Connect(_) => None,
            },
            parts: total.stretches.iter().map(|stretches| part(stretches, per)).collect(),
            connections: connections(&total.counts),
            messages,
            latency: LatencyReport {
                delivery: total.latencies.delivery.summary(),
                acknowledgement: total.latencies.acknowledgement.summary(),
                connect: total.latencies.connect.summary(),
            },
            broker_memory: memory(&findings.memory, &settings.load, total.counts[Count::Opened]),
            faults: faults(&total.faults),
        }
    }
}

fn faults(faults: &Faults) -> Vec<FaultReport> {
    faults.list().into_iter().map(|(fault, count)| FaultReport { fault: fault.to_owned(), count }).collect()
}

fn scenario(load: &Load) -> &'static str {
    match load {
        Load::Connect(_) => "conn",
        Load::Traffic(load) => load.scenario,
    }
}

fn transport(target: &Target) -> &'static str {
    match (&target.web_socket, &target.tls) {
        (None, None) => "tcp",
        (None, Some(_)) => "tls",
        (Some(_), None) => "ws",
        (Some(_), Some(_)) => "wss",
    }
}

/// What the processor time of a part is divided by.
fn per(load: &Load) -> &'static str {
    match load {
        Load::Connect(_) => "connection",
        Load::Traffic(load) if load.routing == Routing::Nowhere => "publish",
        Load::Traffic(_) => "delivery",
    }
}

fn load_report(load: &TrafficLoad) -> LoadReport {
    LoadReport {
        publishers: load.publishers,
        subscribers: load.subscribers,
        topics: load.topics,
        qos: load.message.qos as u8,
        subscription_qos: load.subscription_qos as u8,
        size: load.message.sizes.to_string(),
        retain: load.message.retain,
        rate: match load.pace {
            Pace::Rate(rate) => Some(rate),
            Pace::Window(_) | Pace::Sockets => None,
        },
        window: match load.pace {
            Pace::Window(window) => Some(window),
            Pace::Rate(_) | Pace::Sockets => None,
        },
        share: load.share.clone(),
    }
}

fn connections(counts: &Counts) -> ConnectionsReport {
    ConnectionsReport {
        opened: counts[Count::Opened],
        failed: counts[Count::ConnectFailures],
        lost: counts[Count::Dropped],
        reconnected: counts[Count::Reconnected],
        sessions_lost: counts[Count::SessionsLost],
    }
}

fn messages(load: &TrafficLoad, settings: &Settings, total: &Total) -> MessagesReport {
    let counts = &total.counts;
    let has_subscribers = load.subscribers > 0;
    let is_elsewhere = matches!(load.routing, Routing::Others { .. });
    let is_shared_elsewhere = is_elsewhere && load.share.is_some();
    let is_ordered = has_subscribers && load.message.stamped && super::crew::is_tracked(load, settings.threads);
    let is_tracked = is_ordered && counts[Count::Untracked] == 0;
    let knows_each = is_tracked && !is_shared_elsewhere;
    let expected = (has_subscribers && !is_elsewhere)
        .then(|| counts[Count::Sent].saturating_sub(counts[Count::RefusedPublishes]) * load.deliveries());
    let distinct = counts[Count::Received].saturating_sub(counts[Count::Repeated]);
    let lost = match expected {
        _ if !knows_each => None,
        None => Some(total.missing),
        Some(expected) => Some(expected.saturating_sub(distinct)),
    };
    MessagesReport {
        sent: counts[Count::Sent],
        acknowledged: (load.message.qos != QoS::AtMostOnce).then_some(counts[Count::Acked]),
        refused: counts[Count::RefusedPublishes],
        unanswered: total.unanswered,
        resent: counts[Count::Resent],
        behind: counts[Count::Behind],
        expected,
        received: counts[Count::Received],
        lost,
        duplicates: knows_each.then_some(counts[Count::Repeated]),
        duplicates_flagged: knows_each.then_some(counts[Count::RepeatedFlagged]),
        out_of_order: is_tracked.then_some(counts[Count::Late]),
        misrouted: (has_subscribers && !is_elsewhere && load.message.stamped).then_some(counts[Count::Misrouted]),
        foreign: counts[Count::Foreign],
        stalls: counts[Count::Stalls],
    }
}

fn memory(seen: &MemorySeen, load: &Load, opened: u64) -> Option<MemoryReport> {
    let before = seen.before?.rss_kib;
    let after = seen.after.map(|after| after.rss_kib);
    let peak = seen.peak.map_or(before, |peak| peak.rss_kib).max(before).max(after.unwrap_or(0));
    let is_held = matches!(load, Load::Connect(load) if matches!(load.style, ConnectStyle::Hold(_)));
    let growth = (peak.saturating_sub(before) * 1024) as f64;
    Some(MemoryReport {
        before_kib: before,
        peak_kib: peak,
        after_kib: after,
        bytes_per_connection: (is_held && opened > 0).then(|| growth / opened as f64),
    })
}
