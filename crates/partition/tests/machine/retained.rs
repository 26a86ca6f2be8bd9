//! Retained messages.

use mqtt::{QoS, RetainHandling};
use partition::*;

use crate::harness::*;

fn retain(machine: &mut Machine, topic: &str, payload: &str, qos: QoS) -> Vec<Reply> {
    machine.replies(&publish("p", Message { retain: true, ..message(topic, payload, qos) }))
}

/// Payloads of all slices, the steps taken, following `more`.
fn read_all(machine: &mut Machine, replies: Vec<Reply>) -> (Vec<String>, usize) {
    let (mut all, mut steps, mut next) = (Vec::new(), 0, replies);
    loop {
        let more = next.iter().find_map(|reply| match reply {
            Reply::Retained { messages, more, .. } => Some((messages.clone(), more.clone())),
            _ => None,
        });
        let Some((messages, more)) = more else { return (all, steps) };
        steps += 1;
        assert!(messages.iter().all(|direct| direct.retain));
        all.extend(messages.iter().map(|direct| machine.payload(direct.body)));
        let Some(more) = more else { return (all, steps) };
        next = replies_of(machine.apply_frames(&more, false));
    }
}

fn replies_of(effects: Vec<Effect>) -> Vec<Reply> {
    replies(effects)
}

#[test]
fn mqtt_3_3_1_5_6_7_set_replace_and_delete() {
    let mut machine = Machine::new(0, 1);
    let watcher = machine.connect("watcher", 1, 0);
    retain(&mut machine, "a", "1", QoS::AtLeastOnce);
    retain(&mut machine, "a", "2", QoS::AtMostOnce);
    assert_eq!(machine.partition.counters().retained, 1);
    let replies = machine.subscribe(&watcher, "a", options(QoS::ExactlyOnce));
    let Reply::Retained { tag: Tag(2), messages, more: None } = &replies[1] else { panic!("{replies:?}") };
    assert_eq!((messages[0].qos, messages[0].retain), (QoS::AtMostOnce, true));
    assert_eq!(machine.payload(messages[0].body), "2");
    let replies = retain(&mut machine, "a", "", QoS::AtLeastOnce);
    assert_eq!(machine.delivered(&replies), ["~"], "the empty message is delivered");
    let counters = machine.partition.counters();
    assert_eq!((counters.retained, counters.retained_bytes), (0, 0));
    assert_eq!(machine.partition.first_live_index(), None);
}

#[test]
fn mqtt_3_3_1_9_10_11_retain_handling() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, 0);
    retain(&mut machine, "a", "m", QoS::AtLeastOnce);
    let mut reads = |retain_handling| {
        let replies =
            machine.subscribe(&client, "a", SubscriptionOptions { retain_handling, ..options(QoS::AtLeastOnce) });
        replies.len() > 1
    };
    assert!(!reads(RetainHandling::DoNotSend));
    assert!(!reads(RetainHandling::SendIfNew));
    assert!(reads(RetainHandling::SendAtSubscribe));
    machine.run(&client.unsubscribe("a"));
    let if_new = SubscriptionOptions { retain_handling: RetainHandling::SendIfNew, ..options(QoS::AtLeastOnce) };
    assert_eq!(machine.subscribe(&client, "a", if_new).len(), 2);
    assert_eq!(machine.subscribe(&client, "$share/g/a", options(QoS::AtLeastOnce)).len(), 1, "none for shared ones");
}

#[test]
fn mqtt_3_8_3_3_no_local_leaves_out_ones_own_retained_messages() {
    let mut machine = Machine::new(0, 1);
    retain(&mut machine, "a/1", "other's", QoS::AtLeastOnce);
    let own = Message { retain: true, ..message("a/2", "own", QoS::AtLeastOnce) };
    machine.run(&publish("c", own));
    let will = Origin::Will { client_id: "c", epoch: Epoch(1), home: PartitionId(1), item: 1 };
    let own = Message { topic: "a/3", ..own };
    machine.apply(&Command::Publish(Publish { reply: None, origin: will, scope: Scope::Everyone, message: own }));
    let no_local = SubscriptionOptions { no_local: true, ..options(QoS::AtLeastOnce) };
    for restarts in [false, true] {
        if restarts {
            machine.restart_from_snapshot();
        }
        let (passing, other) = (machine.connect("c", 1, 0), machine.connect("d", 2, 0));
        let replies = machine.subscribe(&passing, "a/+", no_local);
        assert_eq!(read_all(&mut machine, replies).0, ["other's"]);
        let replies = machine.subscribe(&passing, "a/#", options(QoS::AtLeastOnce));
        assert_eq!(read_all(&mut machine, replies).0, ["other's", "own", "own"]);
        let replies = machine.subscribe(&other, "a/+", no_local);
        assert_eq!(read_all(&mut machine, replies).0, ["other's", "own", "own"]);
    }
    // Somebody else's replaces one's own; a session that stays reads into its queue.
    retain(&mut machine, "a/2", "replaced", QoS::AtLeastOnce);
    let lasting = machine.connect("c", 3, PERSISTENT);
    let replies = machine.subscribe(&lasting, "a/+", no_local);
    assert_eq!(machine.delivered(&replies), ["other's", "replaced"]);
}

#[test]
fn mqtt_3_3_1_12_13_the_flag_of_live_messages_follows_retain_as_published() {
    let mut machine = Machine::new(0, 1);
    let (plain, published) = (machine.connect("a", 1, 0), machine.connect("b", 2, 0));
    machine.subscribe(&plain, "t", options(QoS::AtMostOnce));
    let as_published = SubscriptionOptions { retain_as_published: true, ..options(QoS::AtMostOnce) };
    machine.subscribe(&published, "t", as_published);
    let replies = retain(&mut machine, "t", "m", QoS::AtMostOnce);
    let flags: Vec<_> =
        replies.iter().map(|reply| matches!(reply, Reply::Direct(Direct { retain: true, .. }))).collect();
    assert_eq!(flags, [false, true]);
}

#[test]
fn a_wildcard_read_goes_on_as_its_reader_asks_and_stays_at_its_place_in_the_log() {
    let mut machine = Machine::new(0, 1);
    for n in 0..600 {
        retain(&mut machine, &format!("a/{n:03}"), &format!("{n}"), QoS::AtLeastOnce);
    }
    let client = machine.connect("c", 1, 0);
    let first = machine.subscribe(&client, "a/+", options(QoS::AtLeastOnce));
    let replies = retain(&mut machine, "a/500", "live", QoS::AtLeastOnce);
    assert_eq!(machine.delivered(&replies), ["live~"]);
    retain(&mut machine, "a/501", "", QoS::AtLeastOnce);
    let (read, steps) = read_all(&mut machine, first);
    assert_eq!(steps, 3);
    assert_eq!(read, (0..600).filter(|n| ![500, 501].contains(n)).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_read_ends_when_its_subscription_has() {
    let mut machine = Machine::new(0, 1);
    for n in 0..300 {
        retain(&mut machine, &format!("a/{n:03}"), "m", QoS::AtLeastOnce);
    }
    let client = machine.connect("c", 1, 0);
    let first = machine.subscribe(&client, "a/+", options(QoS::AtLeastOnce));
    machine.run(&client.unsubscribe("a/+"));
    let (read, steps) = read_all(&mut machine, first);
    assert_eq!((read.len(), steps), (256, 2));
}

/// The next step of a read into a queue, as the partition asks for it.
fn step_of(effects: &[Effect]) -> Box<[u8]> {
    let Some(Effect::Send { to: PartitionId(0), command }) = effects.last() else { panic!("{effects:?}") };
    command.clone()
}

#[test]
fn a_read_into_a_queue_ends_when_its_subscription_has() {
    let mut machine = Machine::new(0, 1);
    for n in 0..600 {
        retain(&mut machine, &format!("a/{n:03}"), "m", QoS::AtLeastOnce);
    }
    let client = machine.connect("c", 1, PERSISTENT);
    let step = step_of(&machine.apply(&client.subscribe("a/+", options(QoS::AtLeastOnce))));
    machine.apply(&client.unsubscribe("a/+"));
    assert_eq!(machine.apply_frames(&step, true), []);
    assert_eq!(machine.partition.counters().queued, 256, "what has been read stays in the queue");
    let mut owed = Effects::new();
    machine.partition.resume(&mut owed);
    assert!(owed.is_empty(), "{owed:?}");

    // A new subscription reads everything, once; the step of the old one is not its own.
    let first = machine.apply(&client.subscribe("a/+", options(QoS::AtLeastOnce)));
    assert_eq!(machine.apply_frames(&step, true), []);
    let second = machine.apply_frames(&step_of(&first), true);
    assert_eq!(machine.apply_frames(&step_of(&second), true), []);
    assert_eq!(machine.partition.counters().queued, 256 + 600);
}

#[test]
fn a_read_ends_when_its_session_has() {
    let mut machine = Machine::new(0, 1);
    for n in 0..300 {
        retain(&mut machine, &format!("a/{n:03}"), "m", QoS::AtLeastOnce);
    }
    let (passing, lasting) = (machine.connect("passing", 1, 0), machine.connect("lasting", 2, PERSISTENT));
    let first = machine.subscribe(&passing, "a/+", options(QoS::AtLeastOnce));
    let step = step_of(&machine.apply(&lasting.subscribe("a/+", options(QoS::AtLeastOnce))));
    // Both begin anew, with the same subscription and no wish for retained messages.
    let no_retained = SubscriptionOptions { retain_handling: RetainHandling::DoNotSend, ..options(QoS::AtLeastOnce) };
    for (client, expiry) in [(&passing, 0), (&lasting, PERSISTENT)] {
        let mut again = Client::new(&client.id, 10 + client.owner.slot);
        let opened = machine.open(&again, true, expiry);
        (again.epoch, again.kind) = (opened.epoch, opened.kind);
        machine.run(&again.touch(PartitionSet(1)));
        machine.subscribe(&again, "a/+", no_retained);
    }
    let (read, steps) = read_all(&mut machine, first);
    assert_eq!((read.len(), steps), (256, 2));
    assert_eq!(machine.apply_frames(&step, true), []);
    assert_eq!(machine.partition.counters().queued, 0);
}

#[test]
fn a_persistent_session_reads_into_its_queue_over_several_entries_and_restarts() {
    let mut machine = Machine::new(0, 1);
    for n in 0..600 {
        retain(&mut machine, &format!("a/{n:03}"), &format!("{n}"), QoS::AtLeastOnce);
    }
    let client = machine.connect("c", 1, PERSISTENT);
    let effects = machine.apply(&client.subscribe("a/+", options(QoS::AtLeastOnce)));
    assert!(matches!(effects.last(), Some(Effect::Send { .. })));
    assert_eq!(machine.partition.counters().queued, 256);

    // The process dies before the next step is asked for.
    machine.restart_from_snapshot();
    machine.run(&Command::FrontendGone(FrontendGone { frontend: 0 }));
    let mut out = Effects::new();
    machine.partition.resume(&mut out);
    let owed: Vec<_> = out.drain().collect();
    let [Effect::Send { command, .. }] = &owed[..] else { panic!("{owed:?}") };
    let mut steps = vec![command.clone(), command.clone()];
    while let Some(step) = steps.pop() {
        steps.extend(machine.apply_frames(&step, true).into_iter().map(|effect| match effect {
            Effect::Send { command, .. } => command,
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(machine.partition.counters().queued, 600);
    let again = machine.connect("c", 2, PERSISTENT);
    let replies = machine.attach(&again, 1000);
    let dup = |n: u32| if n < 100 { "!" } else { "" };
    assert_eq!(machine.delivered(&replies), (0..600).map(|n| format!("{n}{}", dup(n))).collect::<Vec<_>>());
    assert!(deliveries(&replies).iter().all(|delivery| delivery.retain));
}

#[test]
fn retained_messages_expire_by_themselves() {
    let mut machine = Machine::new(0, 1);
    let expires = Some(Timestamp(machine.now + 5000));
    machine.run(&publish("p", Message { retain: true, expires, ..message("a", "m", QoS::AtLeastOnce) }));
    retain(&mut machine, "b", "stays", QoS::AtLeastOnce);
    machine.now += 5000;
    let client = machine.connect("c", 1, 0);
    assert_eq!(machine.subscribe(&client, "a", options(QoS::AtLeastOnce)).len(), 1, "not read before it is swept");
    machine.pass(0);
    assert_eq!(machine.partition.counters().retained, 1);
}

#[test]
fn bodies_of_a_replaced_message_live_as_long_as_a_queue_needs_them() {
    let mut machine = Machine::new(0, 1);
    let client = machine.connect("c", 1, PERSISTENT);
    machine.subscribe(&client, "a", options(QoS::AtLeastOnce));
    let first = deliveries(&retain(&mut machine, "a", "1", QoS::AtLeastOnce)).remove(0);
    retain(&mut machine, "a", "2", QoS::AtLeastOnce);
    let live = machine.partition.live_bodies(u64::MAX);
    assert_eq!((live.len(), live[0]), (2, first.body));
    assert_eq!(machine.partition.live().collect::<Vec<_>>(), [(0, 3)]);
    machine.acknowledge(&client, &first, Step::Done);
    assert_eq!(machine.partition.live_bodies(u64::MAX).len(), 1);
    assert_eq!(machine.partition.live_bodies(live[1].index), []);
}
