//! Shared subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::QoS;
use partition::*;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::harness::*;

const SHARE: &str = "$share/g/t";

fn member(machine: &mut Machine, id: &str, connection: u32, expiry: u32, window: u16) -> Client {
    let mut client = machine.connect(id, connection, expiry);
    client.window = window;
    machine.subscribe(&client, SHARE, options(QoS::ExactlyOnce));
    client
}

fn owner_of(effects: &[Effect]) -> Option<u32> {
    effects.iter().find_map(|effect| match effect {
        Effect::Reply { to, reply: Reply::Deliver(_) | Reply::Direct(_) } => Some(to.slot),
        _ => None,
    })
}

fn send(machine: &mut Machine, payload: &str, qos: QoS) -> Option<u32> {
    let effects = machine.run(&publish("p", message("t", payload, qos)));
    owner_of(&effects)
}

#[test]
fn members_that_can_take_it_get_messages_in_turn() {
    let mut machine = Machine::new(0, 1);
    member(&mut machine, "a", 1, PERSISTENT, 2);
    member(&mut machine, "b", 2, 0, 9);
    let offline = member(&mut machine, "c", 3, PERSISTENT, 9);
    machine.run(&offline.detach());
    let got: Vec<_> = (0..6).map(|_| send(&mut machine, "m", QoS::AtLeastOnce)).collect();
    assert_eq!(got, [1, 2, 1, 2, 2, 2].map(Some), "the window of the first is full after two");
    assert_eq!(machine.partition.counters().queued, 2);
}

fn window(client: &Client, window: u16) -> Command<'_> {
    Command::Window(Window { owner: client.owner, client_id: &client.id, epoch: client.epoch, window })
}

fn give_back(machine: &mut Machine, from: &str) -> Option<u32> {
    let origin = Origin::Redelivery { share: SHARE, from };
    let Command::Publish(publish) = publish("", message("t", "m", QoS::AtLeastOnce)) else { unreachable!() };
    owner_of(&machine.run(&Command::Publish(Publish { origin, reply: None, ..publish })))
}

#[test]
fn a_transient_member_that_takes_nothing_more_is_passed_over_until_it_does() {
    let mut machine = Machine::new(0, 1);
    let clients = [member(&mut machine, "a", 1, 0, 9), member(&mut machine, "b", 2, 0, 9)];
    assert!(matches!(machine.replies(&window(&clients[0], 0))[..], [Reply::Attached { .. }]), "it is told");
    assert!(machine.replies(&window(&Client { epoch: Epoch(9), ..clients[1].clone() }, 0)).is_empty(), "another's");
    let got = |machine: &mut Machine, qos| (0..4).map(|_| send(machine, "m", qos)).collect::<Vec<_>>();
    assert_eq!(got(&mut machine, QoS::AtLeastOnce), [2, 2, 2, 2].map(Some));
    assert!(got(&mut machine, QoS::AtMostOnce).contains(&Some(1)), "that needs no room");
    machine.restart_from_snapshot();
    assert_eq!(got(&mut machine, QoS::ExactlyOnce), [2, 2, 2, 2].map(Some));
    assert_eq!(give_back(&mut machine, "a"), Some(2));
    machine.run(&window(&clients[1], 0));
    let waiting = got(&mut machine, QoS::AtLeastOnce);
    assert!([1, 2].iter().all(|member| waiting.contains(&Some(*member))), "it waits with either: {waiting:?}");
    machine.run(&clients[1].unsubscribe(SHARE));
    assert_eq!(give_back(&mut machine, "a"), Some(1), "nobody else is there, and it is connected");
    machine.run(&window(&clients[0], 9));
    assert_eq!(give_back(&mut machine, "a"), None, "who has room does not want it");
    assert_eq!(machine.partition.counters().orphaned, 1);
}

#[test]
fn a_connected_member_is_waited_for_before_a_queue_of_nobody() {
    let mut machine = Machine::new(0, 1);
    let full = member(&mut machine, "a", 1, 0, 9);
    let offline = member(&mut machine, "b", 2, PERSISTENT, 9);
    machine.run(&offline.detach());
    machine.run(&window(&full, 0));
    assert_eq!(send(&mut machine, "m", QoS::AtLeastOnce), Some(1));
    assert_eq!(machine.partition.counters().queued, 0);
}

#[test]
fn when_nobody_can_take_it_it_waits_for_persistent_members_in_turn() {
    let mut machine = Machine::new(0, 1);
    let clients = [member(&mut machine, "a", 1, PERSISTENT, 9), member(&mut machine, "b", 2, PERSISTENT, 9)];
    for client in &clients {
        machine.run(&client.detach());
    }
    for payload in ["1", "2", "3", "4"] {
        assert_eq!(send(&mut machine, payload, QoS::AtLeastOnce), None);
    }
    let again = machine.connect("a", 5, PERSISTENT);
    let replies = machine.attach(&again, 9);
    assert_eq!(machine.delivered(&replies), ["1", "3"]);
}

#[test]
fn what_is_not_logged_does_not_disturb_the_round_of_what_is() {
    let mut machine = Machine::new(0, 1);
    member(&mut machine, "a", 1, PERSISTENT, 9);
    member(&mut machine, "b", 2, PERSISTENT, 9);
    assert_eq!(send(&mut machine, "m", QoS::AtLeastOnce), Some(1));
    assert_eq!(send(&mut machine, "m", QoS::AtMostOnce), Some(1));
    assert_eq!(send(&mut machine, "m", QoS::AtMostOnce), Some(2));
    assert_eq!(send(&mut machine, "m", QoS::AtLeastOnce), Some(2));
}

#[test]
fn one_partition_value_goes_to_one_member_while_membership_stands() {
    let mut machine = Machine::new(0, 1);
    let clients: Vec<_> = (0..4).map(|n| member(&mut machine, &format!("m{n}"), n, PERSISTENT, 100)).collect();
    let keyed = |machine: &mut Machine, key: u8| {
        let properties = [&[0x26, 0, 10][..], b"$partition", &[0, 1, key]].concat();
        let message = Message { properties: &properties, ..message("t", "m", QoS::AtLeastOnce) };
        owner_of(&machine.run(&publish("p", message)))
    };
    let first: BTreeMap<u8, _> = (0..32).map(|key| (key, keyed(&mut machine, key))).collect();
    assert!(first.values().collect::<BTreeSet<_>>().len() > 1);
    for (key, owner) in &first {
        assert_eq!(keyed(&mut machine, *key), *owner);
    }
    machine.run(&clients[0].unsubscribe(SHARE));
    for (key, owner) in &first {
        if *owner != Some(0) {
            assert_eq!(keyed(&mut machine, *key), *owner, "the others keep theirs");
        }
    }
}

#[test]
fn what_a_member_leaves_unfinished_goes_to_another() {
    let mut machine = Machine::new(0, 1);
    let leaver = member(&mut machine, "a", 1, PERSISTENT, 2);
    for (payload, qos) in [("1", QoS::AtLeastOnce), ("2", QoS::ExactlyOnce), ("3", QoS::AtLeastOnce)] {
        send(&mut machine, payload, qos);
    }
    machine.close(&leaver, false);
    send(&mut machine, "4", QoS::ExactlyOnce);
    let mut stayer = machine.connect("b", 2, PERSISTENT);
    stayer.window = 100;
    machine.subscribe(&stayer, SHARE, options(QoS::AtLeastOnce));
    let replies = machine.pass(PERSISTENT.into());
    assert_eq!(machine.delivered(&replies), ["1", "3", "4"], "MQTT-4.8.2-5: of QoS 2 nothing that has begun");
    assert!(deliveries(&replies).iter().all(|delivery| !delivery.dup && delivery.qos == QoS::AtLeastOnce));
    let counters = machine.partition.counters();
    assert_eq!((counters.queued, counters.shared_subscriptions, counters.orphaned), (3, 1, 0));
}

#[test]
fn a_member_that_unsubscribes_finishes_what_it_holds_and_gives_away_the_rest() {
    let mut machine = Machine::new(0, 1);
    let leaver = member(&mut machine, "a", 1, PERSISTENT, 1);
    for payload in ["1", "2", "3"] {
        send(&mut machine, payload, QoS::AtLeastOnce);
    }
    member(&mut machine, "b", 2, 0, 9);
    let effects = machine.run(&leaver.unsubscribe(SHARE));
    assert_eq!(owner_of(&effects), Some(2));
    assert_eq!(machine.delivered(&replies(effects)), ["2~", "3~"]);
    assert_eq!(machine.partition.counters().queued, 1);
}

#[test]
fn in_queues_scope_every_group_is_served_whoever_its_members_are() {
    let mut machine = Machine::new(0, 1);
    member(&mut machine, "a", 1, 0, 9);
    let to_queues = Command::Publish(Publish {
        reply: None,
        origin: Origin::Client { client_id: "p", exactly_once: None },
        scope: Scope::Queues,
        message: message("t", "m", QoS::AtLeastOnce),
    });
    assert_eq!(owner_of(&machine.run(&to_queues)), Some(1));
    member(&mut machine, "b", 2, PERSISTENT, 9);
    assert_eq!(owner_of(&machine.run(&to_queues)), Some(2));
    assert_eq!(owner_of(&machine.run(&to_queues)), Some(1));
}

#[test]
fn a_redelivery_goes_to_one_other_member_of_that_group_only() {
    let mut machine = Machine::new(0, 1);
    member(&mut machine, "a", 1, 0, 9);
    let other = machine.connect("plain", 5, 0);
    machine.subscribe(&other, "t", options(QoS::AtLeastOnce));
    let redelivery = Command::Publish(Publish {
        reply: Some((other.owner, Tag(8))),
        origin: Origin::Redelivery { share: SHARE, from: "a" },
        scope: Scope::Everyone,
        message: message("t", "m", QoS::AtLeastOnce),
    });
    assert_eq!(machine.replies(&redelivery), [Reply::Published { tag: Tag(8), matched: false }]);
    assert_eq!(machine.partition.counters().orphaned, 1);
    member(&mut machine, "b", 2, 0, 9);
    let effects = machine.run(&redelivery);
    let Effect::Reply { to, reply: Reply::Direct(direct) } = &effects[0] else { panic!("{effects:?}") };
    assert_eq!((to.slot, direct.share.as_deref()), (2, Some(SHARE)));
    assert_eq!(effects.len(), 2);
}

#[derive(Clone, Debug)]
enum Op {
    Join { member: usize, window: u16 },
    Leave(usize),
    Unsubscribe(usize),
    Detach(usize),
    Publish { qos: QoS, key: Option<u8> },
    Acknowledge(Index),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let member = || 0..4_usize;
    let qos = prop::sample::select(vec![QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let op = prop_oneof![
        3 => (member(), 1..4_u16).prop_map(|(member, window)| Op::Join { member, window }),
        1 => member().prop_map(Op::Leave),
        1 => member().prop_map(Op::Unsubscribe),
        1 => member().prop_map(Op::Detach),
        8 => (qos, prop::option::weighted(0.3, 0..3_u8)).prop_map(|(qos, key)| Op::Publish { qos, key }),
        6 => any::<Index>().prop_map(Op::Acknowledge),
    ];
    prop::collection::vec(op, 1..100)
}

/// A group of persistent members, and how often each message was acknowledged.
struct Group {
    machine: Machine,
    members: [Option<Client>; 4],
    held: Vec<(Client, Delivery)>,
    done: BTreeMap<u32, u32>,
    begun: BTreeSet<u32>,
    connections: u32,
}

impl Group {
    fn run(&mut self, command: &Command<'_>) {
        for effect in self.machine.run(command) {
            let Effect::Reply { to, reply: Reply::Deliver(delivery) } = effect else { continue };
            let client = self.members.iter().flatten().find(|client| client.owner == to).expect("it is connected");
            if delivery.qos == QoS::ExactlyOnce {
                self.begun.insert(self.machine.payload(delivery.body).parse().expect("payloads are numbers"));
            }
            self.held.push((client.clone(), delivery));
        }
    }

    fn step(&mut self, op: &Op, payload: u32) -> bool {
        match op {
            Op::Join { member, window } => self.join(*member, *window),
            Op::Leave(member) => {
                if let Some(client) = self.members[*member].take() {
                    let end = Close {
                        client_id: &client.id,
                        epoch: client.epoch,
                        session_expiry: Some(0),
                        publish_will: false,
                    };
                    self.run(&Command::Close(end));
                }
            }
            Op::Unsubscribe(member) => {
                if let Some(client) = self.members[*member].clone() {
                    self.run(&client.unsubscribe(SHARE));
                }
            }
            Op::Detach(member) => {
                if let Some(client) = self.members[*member].clone() {
                    self.run(&client.detach());
                }
            }
            Op::Publish { qos, key } => {
                let before = self.machine.partition.routes().shared_subscriptions();
                let key = key.map(|key| [&[0x26, 0, 10][..], b"$partition", &[0, 1, key]].concat());
                let text = payload.to_string();
                let properties = key.as_deref().unwrap_or(&[]);
                self.run(&publish("p", Message { properties, ..message("t", &text, *qos) }));
                return before > 0;
            }
            Op::Acknowledge(which) => {
                if !self.held.is_empty() {
                    let (client, delivery) = self.held.swap_remove(which.index(self.held.len()));
                    self.acknowledge(&client, &delivery);
                }
            }
        }
        false
    }

    fn join(&mut self, member: usize, window: u16) {
        self.connections += 1;
        let id = format!("m{member}");
        let mut client = self.machine.connect(&id, self.connections, PERSISTENT);
        client.window = window;
        self.members[member] = Some(client.clone());
        self.run(&client.attach(window));
        self.run(&client.subscribe(SHARE, options(QoS::ExactlyOnce)));
    }

    fn acknowledge(&mut self, client: &Client, delivery: &Delivery) {
        let before = self.machine.partition.counters().queued;
        let payload = self.machine.payload(delivery.body).parse().expect("payloads are numbers");
        self.run(&client.acknowledge(delivery.session, delivery.entry, Step::Done));
        // An acknowledgement of an earlier connection does not count.
        if self.machine.partition.counters().queued < before {
            *self.done.entry(payload).or_default() += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whoever_comes_and_goes_each_message_of_a_group_is_finished_by_one_member(ops in ops()) {
        let (machine, members) = (Machine::new(0, 1), [const { None }; 4]);
        let (held, done, begun) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        let mut group = Group { machine, members, held, done, begun, connections: 0 };
        let mut matched = BTreeSet::new();
        for (payload, op) in ops.iter().enumerate() {
            if group.step(op, payload as u32) {
                matched.insert(payload as u32);
            }
        }
        for member in 0..4 {
            group.join(member, 1000);
        }
        while let Some((client, delivery)) = group.held.pop() {
            group.acknowledge(&client, &delivery);
        }
        let counters = group.machine.partition.counters();
        prop_assert_eq!(counters.queued, 0);
        prop_assert!(group.done.values().all(|times| *times == 1), "{:?}", group.done);
        let lost: Vec<_> = matched.iter().filter(|payload| !group.done.contains_key(payload)).collect();
        // MQTT-4.8.2-5: what had begun with QoS 2 ends with its member; else only the last member can leave it undone.
        let undone = lost.iter().filter(|payload| !group.begun.contains(payload)).count();
        prop_assert!(undone as u64 <= counters.orphaned, "{lost:?}");
        prop_assert!(group.done.keys().all(|payload| matched.contains(payload)));
    }
}
