//! One queue limit over the queues of many partitions: the newest are kept, whatever comes late, twice or not at all.

use std::collections::{BTreeMap, VecDeque};

use mqtt::QoS;
use partition::*;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::harness::*;
use crate::partitions::{connect, subscribe_everywhere, total};

/// Arrivals within this many milliseconds are not told apart.
const STAMP_MS: u64 = 16;

/// A client that is subscribed to everything and has gone.
fn absent(cluster: &mut Cluster, limit: u64) -> Client {
    let (mut client, _) = connect(cluster, "sub", 1, false);
    client.limit = limit;
    subscribe_everywhere(cluster, &client, "#");
    leave(cluster, &client);
    client
}

fn leave(cluster: &mut Cluster, client: &Client) {
    let home = cluster.slots.partition_of_client(&client.id);
    cluster.apply(home, &client.close(true));
    for partition in cluster.slots.all().iter() {
        cluster.apply(partition, &client.detach());
    }
}

fn send(cluster: &mut Cluster, topic: &str, payload: &str) {
    let home = cluster.slots.partition_of_topic(topic);
    cluster.apply(home, &publish("p", message(topic, payload, QoS::AtLeastOnce)));
}

fn pass(cluster: &mut Cluster, ms: u64) {
    cluster.machines.iter_mut().for_each(|machine| machine.now += ms);
}

/// What the queues hold, in no order; the client is attached by it.
fn attach_everywhere(cluster: &mut Cluster, client: &Client) -> Vec<String> {
    let mut kept = Vec::new();
    for partition in cluster.slots.all().iter() {
        let replies = cluster.apply(partition, &client.attach(u16::MAX));
        let replies: Vec<_> = replies.into_iter().map(|(_, reply)| reply).collect();
        kept.extend(cluster.at(partition).delivered(&replies));
    }
    kept
}

fn numbers(kept: &[String]) -> Vec<u32> {
    let mut numbers: Vec<u32> = kept.iter().map(|payload| payload.parse().expect("payloads are numbers")).collect();
    numbers.sort_unstable();
    numbers
}

fn queued(cluster: &Cluster) -> u64 {
    total(cluster, |counters| counters.queued as usize) as u64
}

#[test]
fn one_topic_keeps_the_whole_length_wherever_else_the_session_is() {
    for limit in [1, 10, 49, 50, 60] {
        let mut cluster = Cluster::new(3);
        absent(&mut cluster, limit);
        for n in 0..50 {
            send(&mut cluster, "one/topic", &n.to_string());
        }
        let (again, _) = connect(&mut cluster, "sub", 2, false);
        let kept = attach_everywhere(&mut cluster, &again);
        let expected: Vec<u32> = (50 - limit.min(50) as u32..50).collect();
        assert_eq!(numbers(&kept), expected);
        assert_eq!(total(&cluster, |counters| counters.dropped_by_limit as usize), 50 - expected.len());
    }
}

#[test]
fn many_topics_over_many_partitions_keep_the_newest_of_all() {
    let mut cluster = Cluster::new(4);
    absent(&mut cluster, 12);
    for n in 0..100 {
        pass(&mut cluster, STAMP_MS);
        send(&mut cluster, &format!("t/{n}"), &n.to_string());
        assert!(queued(&cluster) <= 12);
    }
    cluster.machines.iter_mut().for_each(Machine::restart_from_snapshot);
    for n in 100..200 {
        pass(&mut cluster, STAMP_MS);
        send(&mut cluster, &format!("t/{n}"), &n.to_string());
    }
    let (again, _) = connect(&mut cluster, "sub", 2, false);
    assert_eq!(numbers(&attach_everywhere(&mut cluster, &again)), (188..200).collect::<Vec<_>>());
}

#[test]
fn a_session_at_one_partition_is_told_to_be_quiet_until_it_is_at_two() {
    let mut cluster = Cluster::new(3);
    let (mut client, _) = connect(&mut cluster, "sub", 1, false);
    let home = cluster.slots.partition_of_client("sub");
    let topics = cluster.one_for_each("t");
    let mut others = topics.iter().filter(|(partition, _)| **partition != home);
    let ((first, topic), (second, other)) = (others.next().unwrap(), others.next().unwrap());
    client.limit = 5;
    cluster.apply(home, &client.touch(PartitionSet::default().with(*first)));
    cluster.apply(*first, &client.subscribe(topic, options(QoS::AtLeastOnce)));
    cluster.apply(*first, &client.detach());
    send(&mut cluster, topic, "0");
    let before = cluster.at(home).log.len();
    for n in 1..10 {
        send(&mut cluster, topic, &n.to_string());
    }
    assert_eq!(cluster.at(home).log.len(), before, "the home hears nothing");
    assert_eq!(queued(&cluster), 5);

    cluster.apply(home, &client.touch(PartitionSet::default().with(*second)));
    cluster.apply(*second, &client.subscribe(other, options(QoS::AtLeastOnce)));
    cluster.apply(*second, &client.detach());
    pass(&mut cluster, STAMP_MS);
    for n in 10..13 {
        send(&mut cluster, other, &n.to_string());
    }
    assert_eq!(queued(&cluster), 5);
    let held = |at: PartitionId| cluster.machines[usize::from(at.0)].partition.counters().queued;
    assert_eq!((held(*first), held(*second)), (2, 3));
}

/// The home knows that too much waits, and its request to drop is on its way or lost.
#[test]
fn a_resume_hands_out_no_more_than_the_limit_of_what_the_home_has_heard_of() {
    for lost in [false, true] {
        let mut cluster = Cluster::new(3);
        absent(&mut cluster, 6);
        let home = cluster.slots.partition_of_client("sub");
        let topics = cluster.one_for_each("t");
        let mut held = VecDeque::new();
        for n in 0..15_u32 {
            pass(&mut cluster, STAMP_MS);
            cluster.held = Some(VecDeque::new());
            let topic = &topics[&PartitionId((n % 3) as u16)];
            send(&mut cluster, topic, &n.to_string());
            // Reports reach the home; what it asks for in turn does not reach anybody yet.
            for (to, command) in cluster.held.take().unwrap() {
                if to != home {
                    held.push_back((to, command));
                    continue;
                }
                cluster.held = Some(VecDeque::new());
                let effects = cluster.at(home).apply_frames(&command, true);
                cluster.follow(home, effects);
                held.extend(cluster.held.take().unwrap());
            }
        }
        assert!(queued(&cluster) > 6);
        if !lost {
            cluster.held = Some(held);
            cluster.let_go();
        }
        // `connect` applies what `Open` sends before anything is attached.
        let (again, _) = connect(&mut cluster, "sub", 2, false);
        let kept = attach_everywhere(&mut cluster, &again);
        assert_eq!(kept.len(), 6, "lost: {lost}");
        assert_eq!(queued(&cluster), 6);
    }
}

#[test]
fn a_report_or_a_request_of_another_session_of_that_client_changes_nothing() {
    let mut cluster = Cluster::new(3);
    absent(&mut cluster, 4);
    let topics = cluster.one_for_each("t");
    cluster.held = Some(VecDeque::new());
    for topic in topics.values().cycle().take(12) {
        pass(&mut cluster, STAMP_MS);
        send(&mut cluster, topic, "0");
    }
    let late = cluster.held.take().unwrap();
    let (mut second, _) = connect(&mut cluster, "sub", 2, true);
    second.limit = 4;
    subscribe_everywhere(&mut cluster, &second, "#");
    leave(&mut cluster, &second);
    for n in 0..4 {
        pass(&mut cluster, STAMP_MS);
        send(&mut cluster, &topics[&PartitionId(n % 3)], &n.to_string());
    }
    cluster.held = Some(late);
    cluster.let_go();
    let (again, _) = connect(&mut cluster, "sub", 3, false);
    assert_eq!(numbers(&attach_everywhere(&mut cluster, &again)), [0, 1, 2, 3]);
}

/// Partitions whose commands to each other travel in order between two, and otherwise as it happens.
struct Net {
    cluster: Cluster,
    wires: BTreeMap<(PartitionId, PartitionId), VecDeque<Box<[u8]>>>,
}

impl Net {
    fn take(&mut self, from: PartitionId, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Send { to, command } = effect {
                self.wires.entry((from, to)).or_default().push_back(command);
            }
        }
    }

    fn apply(&mut self, at: PartitionId, command: &Command<'_>) {
        let effects = self.cluster.at(at).apply(command);
        self.take(at, effects);
    }

    /// The next command of some wire arrives, or arrives and stays to arrive again.
    fn deliver(&mut self, which: usize, twice: bool) {
        let busy: Vec<_> = self.wires.iter().filter(|(_, wire)| !wire.is_empty()).map(|(ends, _)| *ends).collect();
        let Some(ends) = busy.get(which % busy.len().max(1)) else { return };
        let wire = self.wires.get_mut(ends);
        let command = wire.and_then(|wire| if twice { wire.front().cloned() } else { wire.pop_front() });
        let effects = self.cluster.at(ends.1).apply_frames(&command.expect("the wire is busy"), true);
        self.take(ends.1, effects);
    }

    fn settle(&mut self) {
        let mut steps = 0;
        while self.wires.values().any(|wire| !wire.is_empty()) {
            self.deliver(steps, false);
            steps += 1;
            assert!(steps < 100_000, "the partitions never agree");
        }
    }

    /// Everything stops; what is on its way is lost.
    fn restart(&mut self) {
        self.wires.clear();
        for machine in &mut self.cluster.machines {
            machine.restart_from_snapshot();
        }
        for at in self.cluster.slots.all().iter() {
            let mut out = Effects::new();
            self.cluster.at(at).partition.resume(&mut out);
            self.take(at, out.drain().collect());
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Publish(usize),
    Pass(u64),
    Deliver { which: Index, twice: bool },
    Restart,
    Reconnect,
}

fn ops(reconnects: u32) -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        20 => (0..9_usize).prop_map(Op::Publish),
        10 => (0..60_u64).prop_map(Op::Pass),
        30 => (any::<Index>(), prop::bool::weighted(0.2)).prop_map(|(which, twice)| Op::Deliver { which, twice }),
        1 => Just(Op::Restart),
        reconnects => Just(Op::Reconnect),
    ];
    prop::collection::vec(op, 1..250)
}

/// A message's age, partition, place there, and payload.
type Sent = (u64, PartitionId, usize);

fn live(ops: &[Op], limit: u64) -> (Net, Vec<Sent>) {
    let mut cluster = Cluster::new(3);
    let mut client = absent(&mut cluster, limit);
    let home = cluster.slots.partition_of_client("sub");
    let mut net = Net { cluster, wires: BTreeMap::new() };
    let mut sent = Vec::new();
    for op in ops {
        match op {
            Op::Publish(n) => {
                let topic = format!("t/{n}");
                let at = net.cluster.slots.partition_of_topic(&topic);
                let payload = sent.len().to_string();
                sent.push((net.cluster.at(at).now / STAMP_MS, at, sent.len()));
                net.apply(at, &publish("p", message(&topic, &payload, QoS::AtLeastOnce)));
            }
            Op::Pass(ms) => pass(&mut net.cluster, *ms),
            Op::Deliver { which, twice } => net.deliver(which.index(1000), *twice),
            Op::Restart => net.restart(),
            Op::Reconnect => {
                // The connection ends before its queues are attached.
                let (owner, client_id) = (client.owner, client.id.clone());
                let open = Open { owner, client_id: &client_id, clean_start: false, session_expiry: 60, will: None };
                let effects = net.cluster.at(home).apply(&Command::Open(open));
                let opened = effects.iter().find_map(|effect| match effect {
                    Effect::Reply { reply: Reply::Opened(opened), .. } => Some(opened.epoch),
                    _ => None,
                });
                client.epoch = opened.expect("an `Open` is answered");
                net.take(home, effects);
                net.apply(home, &client.close(true));
            }
        }
    }
    net.restart();
    net.settle();
    (net, sent)
}

fn kept(net: &mut Net) -> Vec<u32> {
    let (again, _) = connect(&mut net.cluster, "sub", 99, false);
    numbers(&attach_everywhere(&mut net.cluster, &again))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn at_rest_the_newest_are_kept_whatever_is_late_repeated_or_lost(ops in ops(0), limit in 1..20_u64) {
        let (mut net, mut sent) = live(&ops, limit);
        let dropped = total(&net.cluster, |counters| counters.dropped_by_limit as usize);
        sent.sort_unstable();
        let over = sent.len().saturating_sub(limit as usize);
        let mut expected: Vec<_> = sent[over..].iter().map(|(_, _, payload)| *payload as u32).collect();
        expected.sort_unstable();
        prop_assert_eq!(dropped, over);
        prop_assert_eq!(kept(&mut net), expected);
    }

    /// Exactly the limit in all but a few courses: a connection that opens and closes between two reports can have one
    /// message more dropped. Never more than the limit stays, and whatever goes is counted.
    #[test]
    fn connections_that_come_and_go_meanwhile_leave_no_more_than_the_limit(ops in ops(2), limit in 1..20_u64) {
        let (mut net, sent) = live(&ops, limit);
        prop_assert!(queued(&net.cluster) <= limit.min(sent.len() as u64));
        prop_assert_eq!(kept(&mut net).len() + total(&net.cluster, |c| c.dropped_by_limit as usize), sent.len());
    }
}
