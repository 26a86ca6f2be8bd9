//! What a worker and a partition say to each other: its bytes, and that nothing else is read.

use bytes::Bytes;
use mqtt::{PacketId, QoS};
use partition::lane::{ToPartition, ToWorker, again};
use partition::*;
use proptest::prelude::*;
use smallvec::smallvec;

use crate::harness::*;

const LANE: Lane = Lane { frontend: 1, worker: 2 };
const OWNER: Owner = Owner { frontend: 1, worker: 2, slot: 3, generation: 300 };
const NOWHERE: BodyRef = BodyRef { index: 0, offset: 0, len: 0 };

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hex digits")).collect()
}

fn numbered(number: u64) -> Numbered {
    Numbered { lane: LANE, incarnation: Incarnation(7), number, received: 8, repeated: false, len: 0 }
}

fn answer(reply: Reply, bodies: &[Bytes]) -> Answer {
    Answer { to: OWNER, from: PartitionId(5), reply, bodies: bodies.iter().cloned().collect() }
}

fn client() -> Client {
    let mut client = Client::new("c", 3);
    client.owner = OWNER;
    client
}

/// One of each reply, with bodies of which one comes again.
fn answers() -> Vec<(Numbering, Answer)> {
    let (tag, epoch, session) = (Tag(200), Epoch(0x0506), SessionSlot(4));
    let packet_id = PacketId::new(9).expect("not 0");
    let (body, other) = (Bytes::from_static(b"body"), Bytes::from_static(b"other"));
    let direct = |share: Option<&str>| Direct {
        qos: QoS::AtLeastOnce,
        retain: true,
        subscription_ids: smallvec![1, 268_435_455],
        share: share.map(Into::into),
        body: NOWHERE,
    };
    let delivery = Delivery {
        session,
        entry: 1000,
        packet_id,
        dup: true,
        qos: QoS::ExactlyOnce,
        retain: false,
        subscription_ids: smallvec![],
        body: NOWHERE,
    };
    let opened = Opened { epoch, kind: SessionKind::Persistent, session_present: true, touched: PartitionSet(0x8001) };
    let more: Option<Box<[u8]>> = Some(Box::from(&b"more"[..]));
    let all = [
        answer(Reply::Opened(opened), &[]),
        answer(Reply::Kick { epoch }, &[]),
        answer(Reply::Touched { tag }, &[]),
        answer(Reply::Attached { session, epoch }, &[]),
        answer(Reply::Subscribed { tag, existed: true }, &[]),
        answer(Reply::Unsubscribed { tag, existed: false }, &[]),
        answer(Reply::Published { tag, matched: true }, &[]),
        answer(Reply::Released { tag, found: false }, &[]),
        answer(Reply::Deliver(delivery), std::slice::from_ref(&body)),
        answer(Reply::Received { session, entry: 5, packet_id }, &[]),
        answer(Reply::Direct(direct(None)), std::slice::from_ref(&body)),
        answer(
            Reply::Retained { tag, messages: vec![direct(None), direct(Some("$share/g/t"))], more: None },
            &[body, other],
        ),
        answer(Reply::Subscriptions { tag, filters: vec!["a".into(), "b/#".into()], more }, &[]),
        answer(Reply::Refused { tag, epoch }, &[]),
        answer(Reply::Rejected { tag }, &[Bytes::from_static(b"frame")]),
    ];
    let numbering = |n: u64| if n % 3 == 2 { Numbering::Unnumbered } else { Numbering::Numbered(500 + n) };
    (0..).map(numbering).zip(all).collect()
}

/// Answers know no equality; what they print is all that they are.
fn text(answers: &[(Numbering, Answer)]) -> String {
    format!("{answers:?}")
}

#[test]
fn messages_to_a_partition_are_what_they_have_always_been() {
    let check = |message: &ToPartition, golden: &str| {
        assert_eq!(&message.encode()[..], hex(golden));
        assert_eq!(ToPartition::decode(LANE, &message.encode()).as_ref(), Ok(message));
    };
    check(&ToPartition::Open { incarnation: Incarnation(7), received: 8 }, "01 01 0700000000000000 0800000000000000");
    check(&ToPartition::Leave { incarnation: Incarnation(7) }, "01 03 0700000000000000");

    let mut builder = BatchBuilder::for_lane();
    assert_eq!((builder.is_empty(), builder.len()), (true, 0));
    builder.push(&client().detach());
    let frame = client().detach().to_frame();
    assert_eq!((builder.is_empty(), builder.len()), (false, frame.len()));
    let message = builder.take_numbered(numbered(9));
    let len = frame.len() as u8;
    let head = "01 02 22000000 15 0100 0200 0700000000000000 0900000000000000 0800000000000000 00";
    assert_eq!(&message[..], [&hex(head)[..], &[len, 0, 0, 0], &frame].concat());
    let batch = message.slice(2..);
    let read = ToPartition::Batch(Numbered { len: len.into(), ..numbered(9) }, batch);
    assert_eq!(ToPartition::decode(LANE, &message).as_ref(), Ok(&read));
    assert_eq!(read.encode(), message);

    let empty = builder.take_numbered(numbered(10));
    assert!(matches!(ToPartition::decode(LANE, &empty), Ok(ToPartition::Batch(Numbered { len: 0, .. }, _))));
    let Ok(ToPartition::Batch(twice, bytes)) = ToPartition::decode(LANE, &again(&message)) else { panic!() };
    assert_eq!(twice, Numbered { repeated: true, len: len.into(), ..numbered(9) });
    assert_eq!(Frames::new(&bytes).nth(1).unwrap().unwrap().bytes, &frame[..]);
}

#[test]
fn messages_to_a_worker_are_what_they_have_always_been() {
    let check = |message: ToWorker, golden: &str| {
        assert_eq!(&message.encode()[..], hex(golden));
        assert_eq!(format!("{:?}", ToWorker::decode(&message.encode())), format!("{:?}", Ok::<_, ()>(message)));
    };
    check(ToWorker::Opened { applied: 9 }, "01 01 0900000000000000");
    check(ToWorker::Elsewhere { leader: None }, "01 02 00");
    check(ToWorker::Elsewhere { leader: Some(2) }, "01 02 01 0200");
    check(ToWorker::Lost { newest: Incarnation(7) }, "01 03 0700000000000000");
    check(ToWorker::Taken { number: 9 }, "01 05 0900000000000000");
    check(ToWorker::Leads { term: 9 }, "01 06 0900000000000000");
}

#[test]
fn answers_are_what_they_have_always_been() {
    let message = ToWorker::Answers(answers()).encode();
    let golden = "
        01 04 0500 0100 0200
        c1 f403 03ac02 0605000000000000 01 0180000000000000
        82 01 03ac02 0605000000000000
        03 03ac02 c801
        84 02 03ac02 04 0605000000000000
        c5 01 03ac02 c801
        06 03ac02 c801
        c7 02 03ac02 c801
        88 01 03ac02 c801
        09 03ac02 0a 04 e807 0900 00 05 626f6479
        8a 02 03ac02 04 05 0900
        8b 01 03ac02 05 02 01 ffffff7f 00
        0c 03ac02 c801 02 05 02 01 ffffff7f 15 02 01 ffffff7f 0a00 2473686172652f672f74 00 06 6f74686572
        cd 02 03ac02 c801 02 0100 61 0300 622f23 04000000 6d6f7265
        8e 01 03ac02 c801 0605000000000000
        0f 03ac02 c801 06 6672616d65";
    assert_eq!(&message[..], hex(golden));
    let Ok(ToWorker::Answers(read)) = ToWorker::decode(&message) else { panic!("answers are read back") };
    assert_eq!(text(&read), text(&answers()));
    assert_eq!(read[10].1.bodies[0].as_ptr(), read[8].1.bodies[0].as_ptr(), "written once");
}

#[test]
fn a_builder_begins_anew_after_each_message() {
    let mut builder = AnswersBuilder::new();
    assert!(builder.is_empty());
    let mut messages = Vec::new();
    for (numbering, answer) in answers() {
        builder.push(numbering, answer);
        if builder.len() > 60 {
            messages.push(builder.take());
            assert!(builder.is_empty());
        }
    }
    messages.push(builder.take());
    assert!(messages.len() > 2);
    let read = messages.iter().flat_map(|message| AnswerReader::new(message).unwrap());
    assert_eq!(text(&read.map(Result::unwrap).collect::<Vec<_>>()), text(&answers()));
}

#[test]
fn a_worker_says_what_frontends_say_and_for_itself() {
    let client = client();
    let is_taken = |commands: &[Command<'_>]| {
        let mut builder = BatchBuilder::for_lane();
        commands.iter().for_each(|command| builder.push(command));
        ToPartition::decode(LANE, &builder.take_numbered(numbered(1))).is_ok()
    };
    let packet = message("t", "m", QoS::AtLeastOnce);
    let origin = Origin::Client { client_id: "c", exactly_once: None };
    let publish = |scope, origin, reply| Command::Publish(Publish { reply, origin, scope, message: packet });
    assert!(is_taken(&[
        Command::Open(Open { owner: OWNER, client_id: "c", clean_start: true, session_expiry: 0, will: None }),
        client.touch(PartitionSet(1)),
        client.attach(3),
        client.subscribe("t", options(QoS::AtLeastOnce)),
        publish(Scope::Everyone, origin, Some((OWNER, Tag(1)))),
        client.publish_twice_never(1, packet),
        client.release(1),
        client.acknowledge(SessionSlot(1), 2, Step::Done),
        client.list(),
        client.unsubscribe("t"),
        client.detach(),
        client.close(true),
    ]));
    let (home, item, epoch) = (PartitionId(0), 1, Epoch(1));
    let other = Owner { worker: 3, ..OWNER };
    for refused in [
        Command::Tick,
        Command::FrontendGone(FrontendGone { frontend: 1 }),
        Command::Confirm(Confirm { from: home, item }),
        Command::Drop(DropSession { client_id: "c", epoch, home, item }),
        Command::ForgetWill(ForgetWill { home, below: 1 }),
        Command::Numbered(numbered(2)),
        publish(Scope::Everyone, Origin::Will { client_id: "c", epoch, home, item }, None),
        publish(Scope::Queues, origin, None),
        publish(Scope::Everyone, origin, Some((other, Tag(1)))),
        Command::Open(Open { owner: other, client_id: "c", clean_start: true, session_expiry: 0, will: None }),
    ] {
        assert!(!is_taken(std::slice::from_ref(&refused)), "{refused:?}");
    }
    let batch = BatchBuilder::for_lane().take_numbered(numbered(1));
    assert!(ToPartition::decode(LANE, &batch).is_ok());
    assert!(ToPartition::decode(Lane { worker: 3, ..LANE }, &batch).is_err(), "of another lane");
    let opening = BatchBuilder::for_lane().take_numbered(numbered(0));
    assert!(ToPartition::decode(LANE, &opening).is_err());
}

#[test]
fn a_batch_covers_what_is_left_of_it() {
    let mut builder = BatchBuilder::for_lane();
    builder.push(&client().detach());
    let message = builder.take_numbered(numbered(1));
    let mut rest = message[2..2 + Command::Numbered(numbered(1)).to_frame().len()].to_vec();
    partition::lane::cover(&mut rest);
    assert_eq!(rest, &Command::Numbered(numbered(1)).to_frame()[..]);
}

#[test]
fn versions_and_kinds_that_are_not_known_are_refused() {
    for bytes in [&[][..], &[1], &[2, 1], &[1, 0], &[1, 9], &[1, 3, 0], &[1, 5, 1]] {
        let bytes = Bytes::copy_from_slice(bytes);
        assert!(ToPartition::decode(LANE, &bytes).is_err(), "{bytes:?}");
        assert!(ToWorker::decode(&bytes).is_err(), "{bytes:?}");
    }
    // A body that is the one before, without one.
    assert!(ToWorker::decode(&Bytes::from(hex("01 04 0500 0100 0200 0f 03 01 01 00"))).is_err());
}

proptest! {
    #[test]
    fn damaged_messages_are_refused_or_read_but_never_a_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut builder = BatchBuilder::for_lane();
        builder.push(&client().subscribe("t", options(QoS::AtLeastOnce)));
        builder.push(&client().list());
        for message in [builder.take_numbered(numbered(1)), ToWorker::Answers(answers()).encode()] {
            let mut bytes = message.to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let damaged = Bytes::from(bytes);
            let short = message.slice(..cut.index(message.len()));
            for bytes in [damaged, short] {
                let _ = ToPartition::decode(LANE, &bytes);
                if let Ok(ToWorker::Answers(answers)) = ToWorker::decode(&bytes)
                    && !answers.is_empty()
                {
                    let again = ToWorker::Answers(answers.clone()).encode();
                    let Ok(ToWorker::Answers(read)) = ToWorker::decode(&again) else { panic!("read back") };
                    assert_eq!(text(&read), text(&answers));
                }
            }
        }
    }
}

#[test]
fn a_message_that_passes_is_written_and_read_as_the_reply_that_it_stands_for() {
    let (once, twice) = (b"once".repeat(20), b"twice".repeat(20));
    let passing =
        |slot, qos, retain, len: usize| Passing { to: Owner { slot, ..OWNER }, qos, retain, body: (0, len as u32) };
    let all = [
        (passing(3, QoS::AtMostOnce, false, once.len()), &once),
        (passing(300, QoS::AtLeastOnce, true, twice.len()), &twice),
        (passing(4, QoS::AtMostOnce, false, twice.len()), &twice),
        (passing(5, QoS::AtMostOnce, true, 0), &Vec::new()),
    ];
    let stands_for = |passing: &Passing, body: &[u8]| {
        // References to bodies are not sent.
        let reply = Passing { body: (0, 0), ..*passing }.reply();
        Answer { to: passing.to, ..answer(reply, &[Bytes::copy_from_slice(body)]) }
    };
    let mut builder = AnswersBuilder::new();
    let mut expected = Vec::new();
    for (passing, body) in &all {
        builder.push_passing(PartitionId(5), passing, body);
        expected.push((Numbering::Unnumbered, stands_for(passing, body)));
        // What is between them has a body too, and a number.
        let (numbering, delivery) = (Numbering::Numbered(expected.len() as u64), answers()[8].1.clone());
        builder.push(numbering, delivery.clone());
        expected.push((numbering, delivery));
        builder.push_passing(PartitionId(5), passing, body);
        builder.push_passing(PartitionId(5), passing, body);
        expected.extend([(); 2].map(|()| (Numbering::Unnumbered, stands_for(passing, body))));
    }
    let message = builder.take();
    let read: Vec<_> = AnswerReader::new(&message).unwrap().map(Result::unwrap).collect();
    assert_eq!(text(&read), text(&expected));
    assert_eq!(read[3].1.bodies[0].as_ptr(), read[2].1.bodies[0].as_ptr(), "written once in a row");

    let mut reader = AnswerReader::new(&message).unwrap();
    for (numbering, answer) in &expected {
        let passed = reader.next_passed().unwrap();
        assert_eq!(passed.is_some(), *numbering == Numbering::Unnumbered);
        let Some(passed) = passed else {
            assert_eq!(text(&[reader.next().unwrap().unwrap()]), text(&[(*numbering, answer.clone())]));
            continue;
        };
        let Reply::Direct(direct) = &answer.reply else { panic!("{answer:?}") };
        assert_eq!((passed.to, passed.qos, passed.retain), (answer.to, direct.qos, direct.retain));
        assert_eq!((&passed.subscription_ids, passed.body), (&direct.subscription_ids, &answer.bodies[0][..]));
    }
    assert!(reader.next_passed().unwrap().is_none() && reader.next().is_none());
}

#[test]
fn what_is_of_a_shared_subscription_or_cut_off_does_not_pass() {
    let message = ToWorker::Answers(answers()).encode();
    let mut reader = AnswerReader::new(&message).unwrap();
    for (_, answer) in answers() {
        assert!(reader.next_passed().unwrap().is_none(), "{answer:?}");
        reader.next().unwrap().unwrap();
    }
    let mut builder = AnswersBuilder::new();
    let (_, Answer { reply: Reply::Direct(direct), bodies, .. }) = answers().swap_remove(10) else {
        panic!("a message")
    };
    let shared = Reply::Direct(Direct { share: Some("$share/g/t".into()), ..direct });
    builder.push(Numbering::Unnumbered, answer(shared, &bodies));
    let message = builder.take();
    let mut reader = AnswerReader::new(&message).unwrap();
    assert!(reader.next_passed().unwrap().is_none());
    assert!(matches!(reader.next().unwrap().unwrap().1.reply, Reply::Direct(Direct { share: Some(_), .. })));

    let passing = Passing { to: OWNER, qos: QoS::AtMostOnce, retain: false, body: (0, 4) };
    builder.push_passing(PartitionId(5), &passing, b"body");
    let whole = builder.take();
    for end in 9..whole.len() {
        let cut = whole.slice(..end);
        assert!(AnswerReader::new(&cut).unwrap().next_passed().is_err(), "cut at {end}");
    }
}
