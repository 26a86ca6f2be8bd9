//! Clients, messages and the store, under the model's names.

use frontend::CategoryTotals;
use partition::Counters;

use crate::admin::catalogue::model as name;
use crate::admin::exposition::{Exposition, Metric};
use crate::admin::figures::{BrokerFigures, Cardinality};
use crate::admin::part::Part;

pub(super) fn write(page: &mut Exposition, part: Part, figures: &BrokerFigures) {
    categories(page, figures);
    partitions(page, figures);
    sessions(page, figures);
    host(page, part, figures);
    page.metric(&name::VERSION).value(&[env!("CARGO_PKG_VERSION")], 1.0);
}

fn categories(page: &mut Exposition, figures: &BrokerFigures) {
    type Of = fn(&CategoryTotals) -> u64;
    const BY_CATEGORY: [(&Metric, Of); 10] = [
        (&name::PUBLISHES_RECEIVED, |totals| totals.publishes_received),
        (&name::PUBLISHES_SENT, |totals| totals.publishes_sent),
        (&name::PAYLOAD_BYTES_RECEIVED, |totals| totals.payload_bytes_received),
        (&name::PAYLOAD_BYTES_SENT, |totals| totals.payload_bytes_sent),
        (&name::AUTHENTICATION_SUCCESSES, |totals| totals.authentication_successes),
        (&name::AUTHENTICATION_DENY, |totals| totals.authentication_deny),
        (&name::AUTHENTICATION_FAILURES, |totals| totals.authentication_failures),
        (&name::AUTHORIZATION_ALLOW, |totals| totals.authorization_allow),
        (&name::AUTHORIZATION_DENY, |totals| totals.authorization_deny),
        (&name::AUTHORIZATION_FAILURES, |totals| totals.authorization_failures),
    ];
    let (namespace, host) = (&*figures.place.namespace, &*figures.place.host);
    for (metric, of) in BY_CATEGORY {
        let mut samples = page.metric(metric);
        for (category, totals) in &figures.categories {
            samples.value(&[namespace, host, category], of(totals) as f64);
        }
    }
    let mut dropped = page.metric(&name::QOS0_DROPPED);
    for (category, totals) in &figures.categories {
        dropped.value(&[namespace, host, category, "incoming"], totals.qos0_dropped_incoming as f64);
        dropped.value(&[namespace, host, category, "outgoing"], totals.qos0_dropped_outgoing as f64);
    }
}

fn partitions(page: &mut Exposition, figures: &BrokerFigures) {
    type Of = fn(&Counters) -> u64;
    const BY_PARTITION: [(&Metric, Of); 8] = [
        (&name::RETAINED_MESSAGES, |counters| counters.retained as u64),
        (&name::RETAINED_BYTES, |counters| counters.retained_payload_bytes),
        (&name::WILL_MESSAGES, |counters| counters.wills as u64),
        (&name::WILL_BYTES, |counters| counters.will_bytes),
        (&name::EXPIRED_MESSAGES, |counters| counters.expired),
        (&name::SUBSCRIPTIONS, |counters| counters.subscriptions as u64),
        (&name::SHARED_SUBSCRIPTIONS, |counters| counters.shared_subscriptions as u64),
        (&name::REJECTED_DISK, |counters| counters.rejected_disk_full + counters.rejected_queue_disk),
    ];
    for (metric, of) in BY_PARTITION {
        let mut samples = page.metric(metric);
        for (chain, counters) in &figures.partitions {
            samples.value(&[&figures.place.namespace, &chain.to_string()], of(counters) as f64);
        }
    }
}

fn sessions(page: &mut Exposition, figures: &BrokerFigures) {
    type Of = fn(&Counters) -> [(&'static str, usize); 2];
    const BY_KIND: [(&Metric, Of); 2] = [
        (&name::TOTAL_SESSIONS, |counters| {
            [("true", counters.persistent), ("false", counters.sessions.saturating_sub(counters.persistent))]
        }),
        (&name::CONNECTED_SESSIONS, |counters| {
            let transient = counters.connected.saturating_sub(counters.persistent_connected);
            [("true", counters.persistent_connected), ("false", transient)]
        }),
    ];
    for (metric, of) in BY_KIND {
        let mut samples = page.metric(metric);
        for (chain, counters) in &figures.partitions {
            for (is_persistent, count) in of(counters) {
                samples.value(&[&figures.place.namespace, &chain.to_string(), is_persistent], count as f64);
            }
        }
    }
}

fn host(page: &mut Exposition, part: Part, figures: &BrokerFigures) {
    let (namespace, host) = (&*figures.place.namespace, &*figures.place.host);
    let Cardinality { frontend_workers, partitions } = figures.cardinality;
    let (queued, restarts) = (figures.queue_disk_bytes as f64, figures.restarts as f64);
    // One replica of each partition, with one worker.
    let of_partitions: [(&'static Metric, f64); 5] = [
        (&name::DISK_BUFFER_USAGE, queued),
        (&name::BACKEND_REPLICAS, partitions.into()),
        (&name::BACKEND_PARTITIONS, partitions.into()),
        (&name::BACKEND_WORKERS, 1.0),
        (&name::BACKEND_RESTARTS, restarts),
    ];
    let of_clients: [(&'static Metric, f64); 4] = [
        (&name::REJECTED_MEMORY, figures.totals.rejected_memory as f64),
        (&name::FRONTEND_REPLICAS, 1.0),
        (&name::FRONTEND_WORKERS, frontend_workers.into()),
        (&name::FRONTEND_RESTARTS, restarts),
    ];
    let here = of_clients.into_iter().filter(|_| part.has_clients());
    for (metric, value) in here.chain(of_partitions.into_iter().filter(|_| part.has_partitions())) {
        page.metric(metric).value(&[namespace, host], value);
    }
    let mut pools = page.metric(&name::POOL_USED);
    for pool in &figures.pools {
        let percent = pool.used_bytes as f64 * 100.0 / pool.bytes.max(1) as f64;
        pools.value(&[namespace, host, pool.name], percent);
    }
}
