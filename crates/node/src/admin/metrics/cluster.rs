//! What a process of a cluster tells of its certificate, its links and its lanes.

use std::time::SystemTime;

use crate::admin::catalogue::cluster as name;
use crate::admin::cluster::{ClusterSource, Lanes};
use crate::admin::copies::GroupView;
use crate::admin::exposition::{Exposition, Metric};
use crate::cluster::{ClusterReport, LinkFigures};

pub(super) fn write(page: &mut Exposition, source: &ClusterSource) {
    let report = source.report();
    certificates(page, &report);
    links(page, &report.links);
    match &source.lanes {
        Lanes::Frontend(reach) => frontend(page, &reach()),
        Lanes::Backend { lanes, groups } => {
            backend(page, &lanes());
            copies(page, &groups(), source, &report);
        }
    }
}

fn certificates(page: &mut Exposition, report: &ClusterReport) {
    let now = SystemTime::now();
    if let Some(certificate) = &report.certificate {
        let mut expiry = page.metric(&name::INTERNAL_EXPIRY);
        expiry.value(&["process"], certificate.seconds_left(now) as f64);
        if let Some(authority) = &report.authority {
            let left = authority.not_after.duration_since(now).map_or(0.0, |left| left.as_secs_f64());
            expiry.value(&["authority"], left.floor());
        }
        page.single(&name::INTERNAL_RENEWALS, certificate.renewals as f64);
        page.single(&name::INTERNAL_FAILURES, certificate.failures as f64);
    }
    if let Some(authority) = &report.authority {
        let mut issued = page.metric(&name::INTERNAL_ISSUED);
        issued.value(&["issued"], authority.issued as f64);
        issued.value(&["refused"], authority.refused as f64);
    }
    let mut refused = page.metric(&name::PEERS_REFUSED);
    for (reason, count) in &report.refused {
        refused.value(&[reason], *count as f64);
    }
}

fn links(page: &mut Exposition, links: &[LinkFigures]) {
    type Of = fn(&LinkFigures) -> u64;
    const BY_PEER: [(&Metric, Of); 9] = [
        (&name::LINKS, |peer| peer.links),
        (&name::LINKS_UP, |peer| peer.up),
        (&name::LINK_RECONNECTS, |peer| peer.reconnects),
        (&name::LINK_SESSIONS, |peer| peer.sessions_lost),
        (&name::LINK_SENT, |peer| peer.bytes_sent),
        (&name::LINK_RECEIVED, |peer| peer.bytes_received),
        (&name::LINK_MESSAGES_SENT, |peer| peer.messages_sent),
        (&name::LINK_MESSAGES_RECEIVED, |peer| peer.messages_received),
        (&name::LINK_WAITING, |peer| peer.waiting_bytes),
    ];
    for (metric, of) in BY_PEER {
        let mut samples = page.metric(metric);
        for peer in links {
            samples.value(&[peer.role, &peer.peer], of(peer) as f64);
        }
    }
}

fn frontend(page: &mut Exposition, reach: &frontend::Reach) {
    type Of = fn(&frontend::PartitionReach) -> u64;
    const BY_PARTITION: [(&Metric, Of); 4] = [
        (&name::LANES_OPEN, |partition| partition.open_lanes as u64),
        (&name::LANE_UNCONFIRMED, |partition| partition.unconfirmed_bytes),
        (&name::LANE_OPENINGS, |partition| partition.openings),
        (&name::LANE_REPEATED, |partition| partition.batches_repeated),
    ];
    for (metric, of) in BY_PARTITION {
        let mut samples = page.metric(metric);
        for partition in &reach.partitions {
            samples.value(&[&partition.partition.to_string()], of(partition) as f64);
        }
    }
    page.single(&name::INCARNATIONS, reach.incarnations as f64);
}

fn backend(page: &mut Exposition, all: &[backend::LanesView]) {
    type Of = fn(&backend::LaneView) -> u64;
    const BY_PARTITION: [(&Metric, Of); 3] = [
        (&name::LANES_OPEN, |lane| lane.is_open.into()),
        (&name::LANE_WAITING, |lane| lane.waiting_bytes),
        (&name::LANE_HELD, |lane| lane.held),
    ];
    for (metric, of) in BY_PARTITION {
        let mut samples = page.metric(metric);
        for lanes in all {
            let sum: u64 = lanes.lanes.iter().map(of).sum();
            samples.value(&[&lanes.partition.to_string()], sum as f64);
        }
    }
    let mut lost = page.metric(&name::LANE_LOST);
    for lanes in all {
        let partition = lanes.partition.to_string();
        lost.value(&[&partition, "dropped"], lanes.lost.dropped as f64);
        lost.value(&[&partition, "refused"], lanes.lost.refused as f64);
        lost.value(&[&partition, "passed_over"], lanes.lost.passed_over as f64);
    }
}

fn copies(page: &mut Exposition, groups: &[GroupView], source: &ClusterSource, report: &ClusterReport) {
    type Of<'a> = &'a dyn Fn(&GroupView) -> Option<f64>;
    let leader = |group: &GroupView| Some(f64::from(u8::from(group.leads)));
    let voters = |group: &GroupView| group.members.as_ref().map(|members| members.voters.len() as f64);
    let missing = |group: &GroupView| group.missing(&source.view.plan, &report.links).map(f64::from);
    let by_partition: [(&Metric, Of<'_>); 3] = [
        (&name::REPLICATION_LEADER, &leader),
        (&name::REPLICATION_VOTERS, &voters),
        (&name::REPLICATION_MISSING, &missing),
    ];
    for (metric, of) in by_partition {
        let mut samples = page.metric(metric);
        for group in groups {
            if let Some(value) = of(group) {
                samples.value(&[&group.partition.to_string()], value);
            }
        }
    }
}
