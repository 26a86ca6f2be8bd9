//! Batches of frontends in other processes: applied once each, whatever comes twice or late, and answered by number.

use mqtt::QoS;
use partition::*;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::harness::*;
use crate::random::{Driver, ops};

const LANE: Lane = Lane { frontend: 0, worker: 0 };

/// The frames, as batch `number`.
fn batch(incarnation: u64, number: u64, frames: &[u8]) -> Vec<u8> {
    batch_of(LANE, incarnation, number, frames)
}

fn batch_of(lane: Lane, incarnation: u64, number: u64, frames: &[u8]) -> Vec<u8> {
    let (incarnation, len) = (Incarnation(incarnation), frames.len() as u32);
    let numbered = Numbered { lane, incarnation, number, received: 0, repeated: false, len };
    [&Command::Numbered(numbered).to_frame(), frames].concat()
}

/// A partition whose effects are kept with their numbers.
struct Machine {
    partition: Partition,
    index: u64,
}

type Numbered1 = (Numbering, Effect);

impl Machine {
    fn new() -> Self {
        Self { partition: Partition::new(PartitionId(0), SlotTable::even(1)), index: 0 }
    }

    fn logged(&mut self, frames: &[u8]) -> Vec<Numbered1> {
        self.index += 1;
        self.apply(self.index, 1_000_000, frames)
    }

    fn unlogged(&mut self, frames: &[u8]) -> Vec<Numbered1> {
        let mut marked = bytes::BytesMut::new();
        Frames::new(frames).flatten().for_each(|frame| frame.copy_to(Logging::Unlogged, &mut marked));
        self.apply(0, 1_000_000, &marked)
    }

    fn apply(&mut self, index: u64, stamp: u64, frames: &[u8]) -> Vec<Numbered1> {
        let payload = [&entry_header(Timestamp(stamp))[..], frames].concat();
        let mut out = Effects::new();
        self.partition.apply(Entry { index, payload: &payload }, &mut out).expect("the entry is well formed");
        let numbered: Vec<_> = out.numbered().map(|(number, ..)| Numbering::Numbered(number)).collect();
        let all: Vec<_> = out.drain_numbered().collect();
        let listed: Vec<_> = all.iter().map(|(n, _)| *n).filter(|n| *n != Numbering::Unnumbered).collect();
        assert_eq!(numbered, listed);
        all
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.partition.snapshot(&mut bytes);
        bytes
    }

    fn restart(&mut self) {
        self.partition = Partition::restore(&self.snapshot()).expect("a snapshot is read back");
    }

    /// Opens the session, and subscribes to `filter` here.
    fn subscribe(&mut self, incarnation: u64, number: u64, client: &mut Client, filter: &str, kind: SessionKind) {
        let session_expiry = if kind == SessionKind::Persistent { PERSISTENT } else { 0 };
        let (owner, client_id) = (client.owner, &client.id);
        let open = Open { owner, client_id, clean_start: false, session_expiry, will: None };
        let replies = self.logged(&batch(incarnation, number, &Command::Open(open).to_frame()));
        let Effect::Reply { reply: Reply::Opened(opened), .. } = &replies[0].1 else { panic!("{replies:?}") };
        (client.epoch, client.kind) = (opened.epoch, opened.kind);
        let frames = [client.touch(PartitionSet(1)), client.subscribe(filter, options(QoS::AtLeastOnce))];
        let frames = frames.map(|command| command.to_frame()).concat();
        self.logged(&batch(incarnation, number + 1, &frames));
    }
}

fn publish_for(client: &Client, topic: &str, qos: QoS) -> Box<[u8]> {
    Command::Publish(Publish {
        reply: Some((client.owner, Tag(9))),
        origin: Origin::Client { client_id: &client.id, exactly_once: None },
        scope: Scope::Everyone,
        message: message(topic, "m", qos),
    })
    .to_frame()
}

fn numbers(effects: &[Numbered1]) -> Vec<Option<u64>> {
    let number = |(numbering, _): &Numbered1| match numbering {
        Numbering::Numbered(number) => Some(*number),
        Numbering::Unnumbered => None,
    };
    effects.iter().map(number).collect()
}

/// A life as a worker sends it: each logged entry a batch; what the frontend does not send stays as it is.
struct Sent {
    /// Number of the batch, 0 where it has none, and the entry.
    entries: Vec<(u64, u64, Vec<u8>)>,
}

impl Sent {
    fn of(driver: &Driver) -> Self {
        let (mut incarnation, mut number) = (1, 0);
        let mut entries = Vec::new();
        for (index, payload) in &driver.machine.log {
            let frames = &payload[ENTRY_HEADER_LEN..];
            let is_gone = CommandReader::new(frames).any(|command| matches!(command, Ok(Command::FrontendGone(_))));
            let bytes = match (*index, is_gone) {
                (0, _) => frames.to_vec(),
                (_, true) => {
                    (incarnation, number) = (incarnation + 1, 0);
                    frames.to_vec()
                }
                _ => {
                    number += 1;
                    batch(incarnation, number, frames)
                }
            };
            let stamp = u64::from_le_bytes(payload[1..9].try_into().expect("8 bytes"));
            entries.push((*index, stamp, bytes));
        }
        Self { entries }
    }

    /// Batches up to entry `upto` that come again, at the end of its entry: what was first stays where it was.
    fn again(&self, upto: usize, which: &[Index]) -> Vec<u8> {
        let is_batch = |frames: &[u8]| Frames::new(frames).flatten().next().is_some_and(|frame| frame.is_numbered());
        let batches: Vec<_> =
            self.entries[..=upto].iter().map(|(.., frames)| frames).filter(|frames| is_batch(frames)).collect();
        if batches.is_empty() {
            return Vec::new();
        }
        which.iter().flat_map(|which| batches[which.index(batches.len())].clone()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_again_changes_nothing_and_is_not_answered_again(
        ops in ops(80),
        again in prop::collection::vec(prop::collection::vec(any::<Index>(), 0..4), 80),
    ) {
        let mut driver = Driver::new();
        ops.iter().for_each(|op| driver.step(op));
        let sent = Sent::of(&driver);
        let (mut once, mut often) = (Machine::new(), Machine::new());
        let mut answered = 0;
        for (n, (index, stamp, frames)) in sent.entries.iter().enumerate() {
            let effects = once.apply(*index, *stamp, frames);
            let more = if *index == 0 { Vec::new() } else { sent.again(n, &again[n % again.len()]) };
            prop_assert_eq!(&often.apply(*index, *stamp, &[&frames[..], &more].concat()), &effects);
            for number in numbers(&effects).into_iter().flatten() {
                // From 1 on in each life of the frontend.
                prop_assert!(number == answered + 1 || number == 1);
                answered = number;
            }
            if let Some(lane) = once.partition.lane(LANE) {
                prop_assert!(lane.answered == answered || lane.answered == 0);
            }
        }
        prop_assert_eq!(once.snapshot(), often.snapshot());
    }

    #[test]
    fn replicas_of_one_log_agree_on_its_lanes(
        ops in ops(80),
        again in prop::collection::vec(any::<Index>(), 0..4),
        restarts in prop::collection::vec(any::<Index>(), 0..3),
    ) {
        let mut driver = Driver::new();
        ops.iter().for_each(|op| driver.step(op));
        let sent = Sent::of(&driver);
        prop_assume!(!sent.entries.is_empty());
        let restarts: Vec<_> = restarts.iter().map(|at| at.index(sent.entries.len())).collect();
        let (mut first, mut second) = (Machine::new(), Machine::new());
        for (n, (index, stamp, frames)) in sent.entries.iter().enumerate() {
            if restarts.contains(&n) {
                second.restart();
            }
            if *index == 0 {
                // Only the leader applies it.
                first.apply(0, *stamp, frames);
                continue;
            }
            let frames = [&frames[..], &sent.again(n, &again)].concat();
            prop_assert_eq!(first.apply(*index, *stamp, &frames), second.apply(*index, *stamp, &frames));
        }
        prop_assert_eq!(first.partition.lane(LANE), second.partition.lane(LANE));
        prop_assert_eq!(first.snapshot(), second.snapshot());
    }
}

#[test]
fn a_batch_that_was_left_out_is_applied_when_it_comes_later() {
    let mut machine = Machine::new();
    let client = Client::new("c", 0);
    let publish = |topic| publish_for(&client, topic, QoS::AtLeastOnce);
    assert_eq!(numbers(&machine.logged(&batch(1, 1, &publish("a")))), [Some(1)]);
    assert_eq!(numbers(&machine.unlogged(&publish("b"))), [None], "number 2, which is in no log");
    assert_eq!(numbers(&machine.logged(&batch(1, 3, &publish("c")))), [Some(2)]);
    let all = [batch(1, 1, &publish("a")), batch(1, 2, &publish("b")), batch(1, 3, &publish("c"))].concat();
    assert_eq!(numbers(&machine.logged(&all)), [Some(3)]);
    machine.restart();
    assert_eq!(numbers(&machine.logged(&all)), []);
    let lane = machine.partition.lane(LANE).unwrap();
    assert_eq!((lane.applied, lane.answered), (3, 3));
}

#[test]
fn a_frontend_that_begins_anew_was_gone_first() {
    let mut machine = Machine::new();
    let mut held = Client::new("held", 0);
    machine.subscribe(1, 1, &mut held, "t", SessionKind::Persistent);
    assert!(machine.partition.lane(LANE).is_some_and(|lane| lane.incarnation == Incarnation(1) && lane.applied == 2));
    let publish = publish_for(&Client::new("p", 7), "t", QoS::AtLeastOnce);
    assert_eq!(machine.logged(&batch(1, 3, &publish)).len(), 2, "delivered and answered");

    let opening = Command::Numbered(Numbered::opening(LANE, Incarnation(2))).to_frame();
    // What the entry said to the life before goes.
    let effects = machine.logged(&[&batch(1, 4, &publish), &opening[..], &batch(2, 1, &publish)].concat());
    assert_eq!(numbers(&effects), [Some(1)]);
    assert!(matches!(&effects[0].1, Effect::Reply { reply: Reply::Published { matched: true, .. }, .. }));
    assert_eq!(machine.partition.counters().persistent_connected, 0);
    assert_eq!(machine.partition.counters().queued, 3);

    let snapshot = machine.snapshot();
    assert_eq!(machine.logged(&batch(1, 5, &publish)), [], "of the life before");
    assert_eq!(machine.partition.lane(LANE).unwrap().incarnation, Incarnation(2));
    assert_eq!(snapshot, machine.snapshot());
}

#[test]
fn a_frontend_that_was_declared_gone_is_not_heard_until_it_begins_anew() {
    let mut machine = Machine::new();
    let mut held = Client::new("held", 0);
    machine.subscribe(5, 1, &mut held, "t", SessionKind::Transient);
    let gone = Command::FrontendGone(FrontendGone { frontend: 0 }).to_frame();
    machine.logged(&gone);
    assert_eq!(machine.partition.lane(LANE), None);
    let known = machine.partition.frontend(0).unwrap();
    assert_eq!((known.incarnation, known.is_gone), (Incarnation(5), true));
    assert_eq!(machine.partition.counters().sessions, 0);
    machine.restart();
    let publish = publish_for(&held, "t", QoS::AtLeastOnce);
    assert_eq!(machine.logged(&batch(5, 3, &publish)), []);
    assert_eq!(machine.logged(&batch(4, 3, &publish)), []);
    assert_eq!(numbers(&machine.logged(&batch(6, 1, &publish))), [Some(1)]);
}

#[test]
fn answers_to_other_frontends_have_no_number() {
    let mut machine = Machine::new();
    machine.logged(&batch(1, 1, &[]));
    let mut near = Client::new("near", 0);
    near.owner.frontend = 3;
    let mut other = Client::new("other", 0);
    other.owner.worker = 1;
    for client in [near, other] {
        assert_eq!(numbers(&machine.logged(&publish_for(&client, "t", QoS::AtLeastOnce))), [None]);
    }
    let lanes: Vec<_> = machine.partition.lanes().collect();
    assert_eq!(lanes, [LANE]);
    assert_eq!(machine.partition.frontends().map(|known| known.frontend).collect::<Vec<_>>(), [0]);
}

#[test]
fn what_has_been_received_is_never_more_than_was_said() {
    let mut machine = Machine::new();
    let publish = publish_for(&Client::new("c", 0), "t", QoS::AtLeastOnce);
    let numbered = |number, received| {
        let (incarnation, len) = (Incarnation(1), publish.len() as u32);
        let numbered = Numbered { lane: LANE, incarnation, number, received, repeated: false, len };
        [&Command::Numbered(numbered).to_frame()[..], &publish].concat()
    };
    for (number, received, known) in [(1, 0, 0), (2, 1, 1), (3, 0, 1), (4, 99, 3)] {
        machine.logged(&numbered(number, received));
        assert_eq!(machine.partition.lane(LANE).unwrap().received, known);
    }
}

#[test]
fn lanes_stand_at_the_end_of_a_snapshot_as_they_always_have() {
    let mut machine = Machine::new();
    let before = machine.snapshot();
    assert_eq!(before[before.len() - 2..], [0, 0], "no frontend, no lane");
    let lane = Lane { frontend: 0x0102, worker: 3 };
    machine.logged(&batch_of(lane, 9, 1, &[]));
    machine.logged(&batch_of(lane, 9, 66, &[]));
    machine.logged(&batch_of(Lane { frontend: 7, worker: 0 }, 5, 0, &[]));
    machine.logged(&Command::FrontendGone(FrontendGone { frontend: 7 }).to_frame());
    let snapshot = machine.snapshot();
    let numbers = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let frontends = [&[2, 7, 0][..], &numbers(&[5]), &[1, 2, 1], &numbers(&[9]), &[0]].concat();
    let mut recent = [0; 64];
    (recent[0], recent[1]) = (1 << 1, 1 << 2);
    let lanes = [&[1, 2, 1, 3, 0][..], &numbers(&[66, 0, 0]), &numbers(&recent)].concat();
    assert!(snapshot.ends_with(&[frontends, lanes].concat()));
}

#[test]
fn a_batch_is_whole() {
    let mut machine = Machine::new();
    let publish = publish_for(&Client::new("c", 0), "t", QoS::AtLeastOnce);
    let whole = batch(1, 1, &publish);
    let mut apply = |frames: &[u8]| {
        let payload = [&entry_header(Timestamp(1))[..], frames].concat();
        machine.partition.apply(Entry { index: 1, payload: &payload }, &mut Effects::new())
    };
    assert_eq!(apply(&whole[..whole.len() - 1]), Err(DecodeError::Truncated));
    assert!(apply(&batch(1, 1, &publish[..publish.len() - 1])).is_err(), "it ends inside a frame");
    assert!(apply(&batch(1, 2, &whole)).is_err(), "a batch in a batch");
    assert_eq!(apply(&batch(1, 3, &publish)), Ok(()));
}

#[test]
fn what_is_not_logged_leaves_no_trace_even_if_a_queue_has_come() {
    let mut machine = Machine::new();
    let (mut direct, mut queued) = (Client::new("direct", 1), Client::new("queued", 2));
    machine.subscribe(1, 1, &mut direct, "t", SessionKind::Transient);
    let frame = publish_for(&direct, "t", QoS::AtLeastOnce);
    let publish = CommandReader::new(&frame).next().unwrap().unwrap();
    assert_eq!(machine.partition.need(&publish), Need::Answer);
    machine.subscribe(1, 3, &mut queued, "t", SessionKind::Persistent);
    assert_eq!(machine.partition.need(&publish), Need::Log);
    let snapshot = machine.snapshot();
    let replies: Vec<_> = machine.unlogged(&frame).into_iter().map(|(_, effect)| effect).collect();
    assert!(matches!(&replies[..], [
        Effect::Reply { reply: Reply::Direct(direct), .. },
        Effect::Reply { reply: Reply::Published { matched: true, .. }, .. },
    ] if direct.qos == QoS::AtLeastOnce && direct.body.index == 0));
    assert_eq!(snapshot, machine.snapshot());
}

#[test]
fn what_a_command_needs() {
    let mut machine = Machine::new();
    let client = Client::new("c", 0);
    let mut need = |command: &Command<'_>| machine.partition.need(command);
    assert_eq!(need(&publish("c", message("t", "m", QoS::AtMostOnce))), Need::Nothing);
    assert_eq!(need(&publish("c", message("t", "m", QoS::AtLeastOnce))), Need::Answer);
    // By the number of its batch it comes once.
    assert_eq!(need(&publish("c", message("t", "m", QoS::ExactlyOnce))), Need::Log);
    let retained = Message { retain: true, ..message("t", "m", QoS::AtMostOnce) };
    assert_eq!(need(&publish("c", retained)), Need::Log);
    assert_eq!(need(&client.publish_twice_never(1, message("t", "m", QoS::ExactlyOnce))), Need::Log);
    assert_eq!(need(&client.list()), Need::Answer);
    assert_eq!(need(&client.detach()), Need::Log);
}
