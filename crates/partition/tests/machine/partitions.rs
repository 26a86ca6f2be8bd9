//! Several partitions: sessions end everywhere, whatever is repeated or comes late.

use mqtt::QoS;
use partition::*;

use crate::harness::*;

fn opened(replies: &[(PartitionId, Reply)]) -> Opened {
    let opened = replies.iter().find_map(|(_, reply)| match reply {
        Reply::Opened(opened) => Some(opened.clone()),
        _ => None,
    });
    opened.expect("an `Open` is answered")
}

pub fn connect(cluster: &mut Cluster, id: &str, connection: u32, clean_start: bool) -> (Client, Opened) {
    let mut client = Client::new(id, connection);
    let home = cluster.slots.partition_of_client(id);
    let open = Open { owner: client.owner, client_id: id, clean_start, session_expiry: 60, will: None };
    let opened = opened(&cluster.apply(home, &Command::Open(open)));
    (client.epoch, client.kind) = (opened.epoch, opened.kind);
    (client, opened)
}

pub fn subscribe_everywhere(cluster: &mut Cluster, client: &Client, filter: &str) {
    let home = cluster.slots.partition_of_client(&client.id);
    cluster.apply(home, &client.touch(cluster.slots.homes_of_filter(filter)));
    for partition in cluster.slots.homes_of_filter(filter).iter() {
        cluster.apply(partition, &client.subscribe(filter, options(QoS::AtLeastOnce)));
    }
}

pub fn total(cluster: &Cluster, of: impl Fn(&Counters) -> usize) -> usize {
    cluster.machines.iter().map(|machine| of(&machine.partition.counters())).sum()
}

/// Subscriptions at every partition where they are.
fn registered(cluster: &Cluster) -> usize {
    cluster.machines.iter().map(|machine| machine.partition.routes().subscriptions()).sum()
}

#[test]
fn epochs_differ_between_partitions_and_rise_in_each() {
    let mut cluster = Cluster::new(2);
    let ids = cluster.one_for_each("c");
    let (a, _) = connect(&mut cluster, &ids[&PartitionId(0)], 1, false);
    let (b, _) = connect(&mut cluster, &ids[&PartitionId(1)], 2, false);
    let (c, _) = connect(&mut cluster, &ids[&PartitionId(0)], 3, false);
    assert!(a.epoch != b.epoch && c.epoch > a.epoch);
}

#[test]
fn the_end_of_a_session_reaches_every_partition_it_touched_though_steps_are_lost_and_repeated() {
    let mut cluster = Cluster::new(3);
    let (client, _) = connect(&mut cluster, "c", 1, false);
    subscribe_everywhere(&mut cluster, &client, "a/#");
    assert_eq!((registered(&cluster), total(&cluster, |counters| counters.subscriptions)), (3, 1));
    let home = cluster.slots.partition_of_client("c");

    cluster.held = Some(Default::default());
    let (_, second) = connect(&mut cluster, "c", 2, true);
    assert!(!second.session_present && second.touched.is_empty());
    assert_eq!(total(&cluster, |counters| counters.outbox), 2, "the home's own part is done at once");
    cluster.held = None;

    // What was held back is lost; the home asks again after a restart, twice.
    for _ in 0..2 {
        let mut out = Effects::new();
        cluster.at(home).restart_from_snapshot();
        cluster.at(home).partition.resume(&mut out);
        let effects = out.drain().collect();
        cluster.follow(home, effects);
    }
    assert_eq!((registered(&cluster), total(&cluster, |counters| counters.subscriptions)), (0, 0));
    assert_eq!(total(&cluster, |counters| counters.outbox), 0);
}

#[test]
fn a_late_drop_does_not_touch_the_session_that_came_after() {
    let mut cluster = Cluster::new(3);
    let (client, _) = connect(&mut cluster, "c", 1, false);
    subscribe_everywhere(&mut cluster, &client, "a/#");
    cluster.held = Some(Default::default());
    let (second, _) = connect(&mut cluster, "c", 2, true);
    subscribe_everywhere(&mut cluster, &second, "b/#");
    cluster.let_go();
    assert_eq!((registered(&cluster), total(&cluster, |counters| counters.subscriptions)), (3, 1));
    for machine in &cluster.machines {
        let mut resolved = Resolved::default();
        machine.partition.routes().resolve("a/1", &mut resolved);
        assert!(resolved.is_empty());
        machine.partition.routes().resolve("b/1", &mut resolved);
        assert_eq!(resolved.targets.len(), 1);
    }
}

#[test]
fn what_a_superseded_connection_still_registers_goes_with_its_successor() {
    let mut cluster = Cluster::new(3);
    let (first, _) = connect(&mut cluster, "c", 1, false);
    let home = cluster.slots.partition_of_client("c");
    cluster.apply(home, &first.touch(cluster.slots.all()));
    let (second, _) = connect(&mut cluster, "c", 2, true);
    // The first connection's worker had not heard of it yet.
    for partition in cluster.slots.all().iter() {
        cluster.apply(partition, &first.subscribe("a/#", options(QoS::AtLeastOnce)));
    }
    let close = Close { client_id: "c", epoch: second.epoch, session_expiry: Some(0), publish_will: false };
    cluster.apply(home, &Command::Close(close));
    assert_eq!((registered(&cluster), total(&cluster, |counters| counters.subscriptions)), (0, 0));
}

#[test]
fn packet_identifiers_of_a_session_never_meet_across_partitions() {
    let mut cluster = Cluster::new(3);
    let topics = cluster.one_for_each("t");
    let (client, _) = connect(&mut cluster, "c", 1, false);
    subscribe_everywhere(&mut cluster, &client, "#");
    let mut ids = Vec::new();
    for (partition, topic) in &topics {
        for _ in 0..20 {
            let replies = cluster.apply(*partition, &publish("p", message(topic, "m", QoS::AtLeastOnce)));
            let replies: Vec<_> = replies.into_iter().map(|(_, reply)| reply).collect();
            ids.extend(deliveries(&replies).iter().map(|delivery| delivery.packet_id));
        }
    }
    assert_eq!(ids.len(), 60);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 60);
}
