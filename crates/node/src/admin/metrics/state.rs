//! What only Causeway tells: connections, queues, configuration, certificates, itself.

use std::time::UNIX_EPOCH;

use auth::authentication::{Counted, MethodKind};

use crate::admin::catalogue::dataflow::RECONCILE;
use crate::admin::catalogue::own as name;
use crate::admin::condition::Status;
use crate::admin::endpoint::Endpoint;
use crate::admin::exposition::{Exposition, Metric};
use crate::admin::figures::BrokerFigures;
use crate::admin::source::{AdminSource, BrokerSource};

/// Of the broker in this process.
pub(super) fn broker(page: &mut Exposition, source: &BrokerSource, figures: &BrokerFigures) {
    traffic(page, figures);
    queues(page, figures);
    authentication(page, &figures.authentication);
    certificates(page, source);
    let self_check = source.self_check.report();
    page.single(&name::SELF_CHECK_ROUNDS, self_check.rounds as f64);
    page.single(&name::SELF_CHECK_FAILED, self_check.failures.len() as f64);
    page.single(&name::SPANS_DROPPED, figures.spans_dropped as f64);
}

/// Of the process, whatever runs in it.
pub(super) fn process(page: &mut Exposition, endpoint: &Endpoint, source: &AdminSource) {
    configuration(page, endpoint);
    let audited = (source.audited)();
    page.single(&name::AUDIT_ENTRIES, audited.written as f64);
    let mut dropped = page.metric(&name::AUDIT_DROPPED);
    dropped.value(&["busy"], audited.crowded_out as f64);
    dropped.value(&["unwritable"], audited.unwritable as f64);
    let (now, mut health) = (endpoint.look().status, page.metric(&name::HEALTH));
    for status in [Status::Available, Status::Degraded, Status::Unavailable, Status::Unknown] {
        health.value(&[status.name()], flag(status == now));
    }
    let mut refused = page.metric(&name::ADMIN_REFUSED);
    for (reason, count) in endpoint.refused() {
        refused.value(&[reason], count as f64);
    }
}

fn traffic(page: &mut Exposition, figures: &BrokerFigures) {
    let t = &figures.totals;
    let figures: [(&'static Metric, u64); 9] = [
        (&name::CONNECTIONS, t.connections),
        (&name::CONNECTIONS_ACCEPTED, t.connections_accepted),
        (&name::CLIENTS, t.clients),
        (&name::BYTES_RECEIVED, t.bytes_received),
        (&name::BYTES_SENT, t.bytes_sent),
        (&name::PACKETS_RECEIVED, t.packets_received),
        (&name::PACKETS_SENT, t.packets_sent),
        (&name::PROTOCOL_ERRORS, t.protocol_errors),
        (&name::KEEP_ALIVE_TIMEOUTS, t.keep_alive_timeouts),
    ];
    for (metric, value) in figures {
        page.single(metric, value as f64);
    }
}

fn queues(page: &mut Exposition, figures: &BrokerFigures) {
    let mut all = partition::Counters::default();
    figures.partitions.iter().for_each(|(_, counters)| all.add(counters));
    page.single(&name::BUFFERED_BYTES, figures.pools.iter().map(|pool| pool.used_bytes).sum::<u64>() as f64);
    let sums: [(&'static Metric, u64); 7] = [
        (&name::QUEUED_MESSAGES, all.queued),
        (&name::QUEUED_BYTES, all.queued_bytes),
        (&name::TOO_LARGE, figures.totals.too_large_dropped),
        (&name::EXPIRED_IN_MEMORY, figures.totals.expired_dropped),
        (&name::QUEUE_LIMIT, all.dropped_by_limit),
        (&name::ORPHANED, all.orphaned),
        (&name::SESSIONS_EXPIRED, all.expired_sessions),
    ];
    for (metric, value) in sums {
        page.single(metric, value as f64);
    }
    page.single(&name::DISK_FULL, flag(figures.is_disk_full));
    page.single(&name::QUEUE_DISK_FULL, flag(figures.is_queue_disk_full));
    let mut refused = page.metric(&name::DISK_REFUSED);
    refused.value(&["disk_full"], all.rejected_disk_full as f64);
    refused.value(&["queue_limit"], all.rejected_queue_disk as f64);
}

fn configuration(page: &mut Exposition, endpoint: &Endpoint) {
    let report = endpoint.configuration();
    let rejected = flag(!report.problems.is_empty());
    page.single(&name::CONFIGURATION_REJECTED, rejected);
    page.single(&RECONCILE, rejected);
    page.single(&name::CONFIGURATION_RESTART, report.restart_pending.len() as f64);
    let mut changes = page.metric(&name::CONFIGURATION_CHANGES);
    changes.value(&["applied"], report.applied as f64);
    changes.value(&["rejected"], report.rejected as f64);
    if let Some(taken) = report.taken_at {
        page.single(&name::CONFIGURATION_TAKEN, taken.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    }
}

fn authentication(page: &mut Exposition, counted: &Counted) {
    let mut accepted = page.metric(&name::AUTHENTICATION_ACCEPTED);
    for (method, count) in &counted.accepted {
        accepted.value(&[method.name()], *count as f64);
    }
    let mut refused = page.metric(&name::AUTHENTICATION_REFUSED);
    let Counted { denied, unavailable, limited, busy, .. } = counted;
    for (reason, count) in [("denied", denied), ("unavailable", unavailable), ("limited", limited), ("busy", busy)] {
        refused.value(&[reason], *count as f64);
    }
    let asking = |method: MethodKind| !matches!(method, MethodKind::X509 | MethodKind::UserPassword);
    for (metric, counts) in
        [(&name::AUTHENTICATION_ASKED, &counted.asked), (&name::AUTHENTICATION_UNANSWERED, &counted.unanswered)]
    {
        let mut samples = page.metric(metric);
        for (method, count) in counts.iter().filter(|(method, _)| asking(*method)) {
            samples.value(&[method.name()], *count as f64);
        }
    }
}

fn certificates(page: &mut Exposition, source: &BrokerSource) {
    let certificates = (source.certificates)();
    let mut expiry = page.metric(&name::CERTIFICATE_EXPIRY);
    for certificate in &certificates {
        let end = certificate.not_after.duration_since(UNIX_EPOCH).unwrap_or_default();
        expiry.value(&[&certificate.listener], end.as_secs_f64());
    }
    let mut renewals = page.metric(&name::CERTIFICATE_RENEWALS);
    for certificate in &certificates {
        renewals.value(&[&certificate.listener], certificate.renewals as f64);
    }
    let mut failures = page.metric(&name::CERTIFICATE_FAILURES);
    for certificate in &certificates {
        failures.value(&[&certificate.listener], certificate.failures as f64);
    }
}

fn flag(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}
