//! The bytes of entries and commands, which logs hold for years.

use mqtt::{PacketId, QoS, RetainHandling};
use partition::*;

use crate::harness::*;

const OWNER: Owner = Owner { frontend: 1, worker: 2, slot: 3, generation: 4 };
const OWNER_BYTES: &str = "0100 0200 03000000 04000000";
const EPOCH: Epoch = Epoch(0x0506);
const EPOCH_BYTES: &str = "0605000000000000";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex digits")).collect()
}

fn options() -> SubscriptionOptions {
    SubscriptionOptions {
        qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        identifier: Some(0x0a0b),
    }
}

/// Checks the fields behind the kind, and that they are read back.
fn check(command: &Command<'_>, kind: u8, fields: &str) {
    let fields = hex(fields);
    let expected = [&(fields.len() as u32 + 1).to_le_bytes()[..], &[kind], &fields].concat();
    assert_eq!(&command.to_frame()[..], expected, "{command:?}");
    let read: Vec<_> = CommandReader::new(&expected).collect();
    assert_eq!(read, [Ok(command.clone())]);
    for end in 1..expected.len() {
        assert!(CommandReader::new(&expected[..end]).any(|command| command.is_err()), "cut at {end}");
    }
}

#[test]
fn an_entry_begins_with_its_version_and_its_stamp() {
    assert_eq!(&entry_header(Timestamp(0x0102))[..], hex("01 0201000000000000"));
}

#[test]
fn commands_of_the_session_home() {
    let message = message("a", "m", QoS::AtLeastOnce);
    check(
        &Command::Open(Open {
            owner: OWNER,
            client_id: "c",
            clean_start: true,
            session_expiry: 7,
            will: Some(Will { delay: 8, expiry: Some(9), message }),
        }),
        1,
        &format!("{OWNER_BYTES} 0100 63 01 07000000 01 08000000 01 09000000 01 0100 61 00000000 6d"),
    );
    let partitions = PartitionSet(5);
    check(
        &Command::Touch(Touch { owner: OWNER, tag: Tag(6), client_id: "c", epoch: EPOCH, partitions }),
        2,
        &format!("{OWNER_BYTES} 06000000 0100 63 {EPOCH_BYTES} 0500000000000000"),
    );
    check(
        &Command::Close(Close { client_id: "c", epoch: EPOCH, session_expiry: Some(3), publish_will: true }),
        3,
        &format!("0100 63 {EPOCH_BYTES} 01 03000000 01"),
    );
    check(&Command::FrontendGone(FrontendGone { frontend: 2 }), 4, "0200");
    check(&Command::Confirm(Confirm { from: PartitionId(2), item: 3 }), 5, "0200 0300000000000000");
    check(&Command::Tick, 17, "");
    check(
        &Command::Waiting(Waiting {
            client_id: "c",
            epoch: EPOCH,
            partition: PartitionId(2),
            revision: 3,
            heard: Epoch(4),
            reports: true,
            length: 5,
            count: 6,
            oldest: Timestamp(7),
        }),
        18,
        &format!(
            "0100 63 {EPOCH_BYTES} 0200 0300000000000000 0400000000000000 01 0500000000000000 0600000000000000 \
             0700000000000000"
        ),
    );
}

#[test]
fn the_number_of_a_batch() {
    let lane = Lane { frontend: 1, worker: 2 };
    let (incarnation, repeated) = (Incarnation(3), true);
    check(
        &Command::Numbered(Numbered { lane, incarnation, number: 4, received: 5, repeated, len: 6 }),
        21,
        "0100 0200 0300000000000000 0400000000000000 0500000000000000 01 06000000",
    );
}

#[test]
fn commands_of_the_topic_home() {
    let (owner, client_id, epoch, tag) = (OWNER, "c", EPOCH, Tag(6));
    check(
        &Command::Attach(Attach { owner, client_id, epoch, window: 9, queue_limit: None }),
        6,
        &format!("{OWNER_BYTES} 0100 63 {EPOCH_BYTES} 0900"),
    );
    check(
        &Command::Attach(Attach { owner, client_id, epoch, window: 9, queue_limit: Some(QueueLimit { length: 5 }) }),
        19,
        &format!("{OWNER_BYTES} 0100 63 {EPOCH_BYTES} 0900 0500000000000000"),
    );
    check(&Command::Detach(Detach { client_id, epoch }), 7, &format!("0100 63 {EPOCH_BYTES}"));
    check(
        &Command::Window(Window { owner, client_id, epoch, window: 9 }),
        22,
        &format!("{OWNER_BYTES} 0100 63 {EPOCH_BYTES} 0900"),
    );
    let queue_limit = QueueLimit { length: 5 };
    let (kind, window, filter) = (SessionKind::Persistent, 9, "a");
    check(
        &Command::Subscribe(Subscribe {
            owner,
            tag,
            client_id,
            epoch,
            kind,
            window,
            queue_limit,
            filter,
            options: options(),
        }),
        8,
        &format!("{OWNER_BYTES} 06000000 0100 63 {EPOCH_BYTES} 01 0900 0500000000000000 0100 61 2d 0b0a0000"),
    );
    check(
        &Command::Unsubscribe(Unsubscribe { owner, tag, client_id, epoch, filter }),
        9,
        &format!("{OWNER_BYTES} 06000000 0100 63 {EPOCH_BYTES} 0100 61"),
    );
    let packet_id = PacketId::new(7).unwrap();
    check(
        &Command::Release(Release { owner, tag, client_id, epoch, packet_id }),
        11,
        &format!("{OWNER_BYTES} 06000000 0100 63 {EPOCH_BYTES} 0700"),
    );
    check(
        &Command::Acknowledge(Acknowledge { session: SessionSlot(1), epoch, entry: 2, step: Step::Received }),
        12,
        &format!("01000000 {EPOCH_BYTES} 0200000000000000 01"),
    );
    check(
        &Command::Drop(DropSession { client_id, epoch, home: PartitionId(1), item: 2 }),
        13,
        &format!("0100 63 {EPOCH_BYTES} 0100 0200000000000000"),
    );
    check(
        &Command::Trim(Trim {
            client_id,
            since: Epoch(1),
            epoch,
            reports: true,
            down_to: 2,
            before: Some(Timestamp(3)),
        }),
        14,
        &format!("0100 63 0100000000000000 {EPOCH_BYTES} 01 0200000000000000 01 0300000000000000"),
    );
    check(&Command::ForgetWill(ForgetWill { home: PartitionId(1), below: 2 }), 15, "0100 0200000000000000");
}

#[test]
fn reads_of_retained_messages() {
    let read = |reader| {
        Command::ReadRetained(ReadRetained {
            client_id: "c",
            epoch: EPOCH,
            filter: "a/#",
            options: options(),
            reader,
            registered: 3,
            registered_at: 4,
            after: "b",
        })
    };
    let (before, after) =
        (format!("0100 63 {EPOCH_BYTES} 0300 612f23 2d 0b0a0000"), "0300000000000000 04000000 0100 62");
    check(&read(None), 16, &format!("{before} 00 {after}"));
    let for_reader = format!("{before} 01 {OWNER_BYTES} 06000000 {after}");
    check(&read(Some((OWNER, Tag(6)))), 16 | 0x80, &for_reader);
}

#[test]
fn lists_of_subscriptions() {
    let list = |after| {
        let (owner, tag, client_id, epoch) = (OWNER, Tag(6), "c", EPOCH);
        Command::ListSubscriptions(ListSubscriptions { owner, tag, client_id, epoch, after })
    };
    let fields = format!("{OWNER_BYTES} 06000000 0100 63 {EPOCH_BYTES}");
    check(&list(None), 20 | 0x80, &format!("{fields} 00"));
    check(&list(Some(0x0708)), 20 | 0x80, &format!("{fields} 01 08070000"));
}

#[test]
fn publishes_by_their_origin() {
    let publish = |reply, origin, scope, message| Command::Publish(Publish { reply, origin, scope, message });
    let once = ExactlyOnce { packet_id: PacketId::new(7).unwrap(), epoch: EPOCH };
    let full = Message {
        topic: "t",
        qos: QoS::ExactlyOnce,
        retain: true,
        expires: Some(Timestamp(9)),
        properties: &[1, 1],
        payload: b"m",
    };
    check(
        &publish(
            Some((OWNER, Tag(6))),
            Origin::Client { client_id: "c", exactly_once: Some(once) },
            Scope::Everyone,
            full,
        ),
        10,
        &format!(
            "01 {OWNER_BYTES} 06000000 00 0100 63 01 0700 {EPOCH_BYTES} 01 0e 0900000000000000 0100 74 02000000 0101 6d"
        ),
    );
    let simple = message("t", "m", QoS::AtMostOnce);
    let client = Origin::Client { client_id: "c", exactly_once: None };
    check(&publish(None, client, Scope::Everyone, simple), 10 | 0x80, "00 00 0100 63 00 01 00 0100 74 00000000 6d");
    let will = Origin::Will { client_id: "c", epoch: EPOCH, home: PartitionId(1), item: 2 };
    let fields = format!("00 01 0100 63 {EPOCH_BYTES} 0100 0200000000000000 01 00 0100 74 00000000 6d");
    check(&publish(None, will, Scope::Everyone, simple), 10, &fields);
    let redelivery = Origin::Redelivery { share: "s", from: "c" };
    check(&publish(None, redelivery, Scope::Queues, simple), 10, "00 02 0100 73 0100 63 00 00 0100 74 00000000 6d");
}

#[test]
fn a_batch_may_be_cut_at_its_frames() {
    let mut batch = BatchBuilder::new();
    let properties: [&[u8]; 3] = [&[1, 1], &[], &[3, 0, 0]];
    let split = Publish {
        reply: Some((OWNER, Tag(6))),
        origin: Origin::Client { client_id: "c", exactly_once: None },
        scope: Scope::Everyone,
        message: message("t", "m", QoS::AtLeastOnce),
    };
    batch.push_publish(&split, &properties);
    batch.push(&Command::Tick);
    batch.push(&publish("c", message("t", "direct", QoS::AtMostOnce)));
    assert_eq!((batch.commands(), batch.is_empty()), (3, false));
    let bytes = batch.take();
    assert!(batch.is_empty());
    let frames: Vec<_> = Frames::new(&bytes).map(Result::unwrap).collect();
    assert_eq!(frames.iter().map(Frame::is_logged).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(frames.iter().map(|frame| frame.bytes.len()).sum::<usize>(), bytes.len());
    let whole =
        Command::Publish(Publish { message: Message { properties: &[1, 1, 3, 0, 0], ..split.message }, ..split });
    assert_eq!(frames[0].decode(), Ok(whole));
}

#[test]
fn bytes_that_are_no_entry_are_refused() {
    let mut partition = Partition::new(PartitionId(0), SlotTable::even(1));
    let mut apply = |index, payload: &[u8]| partition.apply(Entry { index, payload }, &mut Effects::new());
    assert_eq!(apply(1, &[2]), Err(DecodeError::UnknownVersion(2)));
    assert_eq!(apply(1, &[1, 0]), Err(DecodeError::Truncated));
    let entry = |batch: &[u8]| [&entry_header(Timestamp(1))[..], batch].concat();
    assert_eq!(apply(1, &entry(&[])), Ok(()));
    assert_eq!(apply(1, &entry(&[1, 0, 0, 0, 99])), Err(DecodeError::UnknownKind(99)));
    assert_eq!(apply(1, &entry(&[2, 0, 0, 0, 17, 0])), Err(DecodeError::Trailing(1)));
    assert!(apply(1, &entry(&[1, 0, 0, 0, 17 | 0x80])).is_err(), "a tick is logged");
    assert!(apply(0, &entry(&Command::Tick.to_frame())).is_err());
    assert!(apply(1, &entry(&[255, 255, 255, 255, 17])).is_err());
}
