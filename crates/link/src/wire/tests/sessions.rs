//! Two sessions and the bytes between them: cut anywhere, in any interleaving.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use crate::inbox::{Closed, Room};
use crate::wire::frame::{Frame, Integrity, MAX_PIECE_BYTES, Part, Violation};
use crate::wire::output::Output;
use crate::wire::session::{LEAST_FILL_BYTES, MAX_MESSAGE_BYTES, MESSAGE_COST_BYTES, Session, StreamId};

const STREAMS: u64 = 3;
const WINDOW: u64 = 1000;
const LONGEST: usize = 600;

/// One end, with what it has sent and received by stream.
struct Side {
    session: Session,
    sent: Vec<Vec<Bytes>>,
    received: Vec<Vec<Bytes>>,
    /// Received and not yet worked off: the stream has no room while there is something.
    held: Vec<u64>,
    wire: BytesMut,
    input: BytesMut,
}

impl Side {
    fn new() -> Self {
        let mut session = Session::new();
        (0..STREAMS).for_each(|stream| session.open(StreamId(stream), WINDOW, MAX_MESSAGE_BYTES));
        let lists = || (0..STREAMS).map(|_| Vec::new()).collect();
        let held = vec![0; STREAMS as usize];
        Self { session, sent: lists(), received: lists(), held, wire: BytesMut::new(), input: BytesMut::new() }
    }

    fn send(&mut self, stream: u64, length: usize) {
        let number = self.sent[stream as usize].len() as u32;
        let mut message = vec![0; length.max(4)];
        message[..4].copy_from_slice(&number.to_le_bytes());
        let message = Bytes::from(message);
        // As callers do: nothing new for a stream without room.
        if self.session.gate(StreamId(stream)).room() == Room::Free {
            self.hand_over(stream, &message).unwrap();
            self.sent[stream as usize].push(message);
        }
    }

    /// As a sender does, room or not.
    fn hand_over(&mut self, stream: u64, message: &Bytes) -> Result<(), Closed> {
        let gate = self.session.gate(StreamId(stream));
        if gate.is_closed() {
            return Err(Closed);
        }
        gate.take(message.len() as u64 + MESSAGE_COST_BYTES);
        self.session.send([(StreamId(stream), message.clone())]);
        Ok(())
    }

    fn read(&mut self) {
        let mut messages = Vec::new();
        self.session.read(&mut self.input, &mut messages).unwrap();
        for (stream, message) in messages {
            self.held[stream.0 as usize] += message.len() as u64 + MESSAGE_COST_BYTES;
            self.received[stream.0 as usize].push(message);
        }
    }

    fn work_off(&mut self, stream: u64) {
        self.held[stream as usize] = 0;
        self.session.grant(StreamId(stream));
    }

    /// What is reported as taken was handed over, message by message.
    fn check_progress(&mut self) {
        for stream in 0..STREAMS {
            let gate = self.session.gate(StreamId(stream));
            let mut at = 0;
            let ends = self.sent[stream as usize].iter().map(|message| {
                at += message.len() as u64 + MESSAGE_COST_BYTES;
                at
            });
            let acknowledged = gate.progress.acknowledged();
            assert!(acknowledged == 0 || ends.into_iter().any(|end| end == acknowledged));
        }
    }

    fn check_bounds(&self) {
        let one = LONGEST as u64 + MESSAGE_COST_BYTES;
        for held in &self.held {
            assert!(*held <= WINDOW + one, "{held} bytes wait for the destination");
        }
        // Kept until reported: a window's worth and what was let in with the last room.
        assert!(self.session.counters.waiting_bytes <= STREAMS * (WINDOW + one));
    }
}

struct Pair {
    sides: [Side; 2],
}

#[derive(Clone, Debug)]
enum Step {
    Send {
        side: usize,
        stream: u64,
        length: usize,
    },
    Fill {
        side: usize,
    },
    Carry {
        side: usize,
        bytes: usize,
    },
    WorkOff {
        side: usize,
        stream: u64,
    },
    Tell {
        side: usize,
    },
    Break,
    /// This side's process starts anew.
    Restart {
        side: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let side = 0..2usize;
    prop_oneof![
        6 => (side.clone(), 0..STREAMS, 0..LONGEST).prop_map(|(side, stream, length)| Step::Send { side, stream, length }),
        6 => side.clone().prop_map(|side| Step::Fill { side }),
        8 => (side.clone(), 1..900usize).prop_map(|(side, bytes)| Step::Carry { side, bytes }),
        4 => (side.clone(), 0..STREAMS).prop_map(|(side, stream)| Step::WorkOff { side, stream }),
        2 => side.clone().prop_map(|side| Step::Tell { side }),
        1 => Just(Step::Break),
        1 => (side, 0..4).prop_map(|(side, one)| if one == 0 { Step::Restart { side } } else { Step::Break }),
    ]
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self { sides: [Side::new(), Side::new()] };
        pair.reconnect();
        pair
    }

    /// Everything on its way is lost.
    fn reconnect(&mut self) {
        for side in &mut self.sides {
            side.wire.clear();
            side.input.clear();
            side.session.disconnect();
            side.session.connect(Integrity::Checksummed);
        }
    }

    /// One side has forgotten everything, the other learns of it with the next connection.
    fn restart(&mut self, side: usize) {
        let gates: Vec<_> = (0..STREAMS).map(|stream| self.sides[1 - side].session.gate(StreamId(stream))).collect();
        self.sides[side] = Side::new();
        let other = &mut self.sides[1 - side];
        other.session.begin_anew();
        assert!(gates.iter().all(|gate| gate.is_closed()), "what was meant for the one before stays here");
        other.sent.iter_mut().for_each(Vec::clear);
        other.received.iter_mut().for_each(Vec::clear);
        other.held.fill(0);
        self.reconnect();
    }

    fn carry(&mut self, from: usize, bytes: usize) {
        let [one, other] = &mut self.sides;
        let (from, to) = if from == 0 { (one, other) } else { (other, one) };
        let bytes = bytes.min(from.wire.len());
        to.input.put(from.wire.split_to(bytes));
        to.read();
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Send { side, stream, length } => self.sides[side].send(stream, length),
            Step::Fill { side } => {
                let side = &mut self.sides[side];
                let mut out = Output::default();
                side.session.fill(LEAST_FILL_BYTES, &mut out);
                side.wire.put(out.whole());
            }
            Step::Carry { side, bytes } => self.carry(side, bytes),
            Step::WorkOff { side, stream } => self.sides[side].work_off(stream),
            Step::Tell { side } => self.sides[side].session.tell_all(),
            Step::Break => self.reconnect(),
            Step::Restart { side } => self.restart(side),
        }
        self.sides.iter().for_each(Side::check_bounds);
        self.sides.iter_mut().for_each(Side::check_progress);
    }

    /// No more faults: everything arrives.
    fn settle(&mut self) {
        for _ in 0..100 {
            for side in 0..2 {
                (0..STREAMS).for_each(|stream| self.sides[side].work_off(stream));
                self.sides[side].session.tell_all();
                self.run(&Step::Fill { side });
                self.carry(side, usize::MAX);
            }
        }
    }

    fn check_received(&self) {
        for (from, to) in [(0, 1), (1, 0)] {
            assert_eq!(self.sides[from].sent, self.sides[to].received);
            assert_eq!(self.sides[from].session.counters.waiting_bytes, 0);
        }
    }
}

/// Any frame that can be written, often about streams that exist.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop_oneof![4 => 0..STREAMS, 1 => any::<u64>()].prop_map(StreamId);
    let number = prop_oneof![4 => 0..4u64, 1 => any::<u64>()];
    let limit = prop_oneof![4 => 0..2000u64, 1 => any::<u64>()];
    let part = prop_oneof![Just(Part::Last), Just(Part::More)];
    let encode = |frame: Frame<'_>| {
        let mut bytes = BytesMut::new();
        frame.encode(Integrity::Checksummed, &mut bytes);
        bytes.to_vec()
    };
    prop_oneof![
        4 => (stream.clone(), number.clone(), part, 1..2000usize).prop_map(move |(stream, number, part, length)| {
            encode(Frame::Data { stream, number, part, piece: &vec![1; length] })
        }),
        4 => (stream.clone(), number, limit)
            .prop_map(move |(stream, received, limit)| encode(Frame::Window { stream, received, limit })),
        1 => stream.prop_map(move |stream| encode(Frame::Closed { stream })),
        1 => Just(encode(Frame::Ready)),
        1 => Just(encode(Frame::Heartbeat)),
        1 => Just(encode(Frame::Renew)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_message_arrives_once_and_in_order(steps in proptest::collection::vec(step(), 0..250)) {
        let mut pair = Pair::new();
        steps.iter().for_each(|step| pair.run(step));
        pair.settle();
        pair.check_received();
    }

    #[test]
    fn no_frames_make_a_session_panic_or_hold_too_much(frames in proptest::collection::vec(hostile(), 0..40)) {
        let mut side = Side::new();
        side.session.connect(Integrity::Checksummed);
        let _ = side.session.read(&mut ready(), &mut Vec::new());
        (0..STREAMS).for_each(|stream| _ = side.hand_over(stream, &Bytes::from(vec![2; 300])));
        let mut received = vec![0; STREAMS as usize];
        for frame in frames {
            let mut messages = Vec::new();
            if side.session.read(&mut BytesMut::from(&frame[..]), &mut messages).is_err() {
                // As the driver does.
                side.session.disconnect();
                side.session.connect(Integrity::Checksummed);
                let _ = side.session.read(&mut ready(), &mut Vec::new());
            }
            messages.iter().for_each(|(stream, message)| received[stream.0 as usize] += message.len());
            side.session.fill(LEAST_FILL_BYTES, &mut Output::default());
        }
        // Nothing was granted beyond the first window.
        received.iter().for_each(|bytes| assert!(*bytes < WINDOW as usize + 40 * 2000));
        assert!(side.session.unfinished_bytes() <= 40 * 2000);
    }

    #[test]
    fn no_bytes_make_a_session_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0..400usize,
        flip in 1..=255u8,
    ) {
        // Noise, and a real conversation with one byte altered: read or refused, never more.
        let mut side = Side::new();
        side.session.connect(Integrity::Trusted);
        let _ = side.session.read(&mut BytesMut::from(&bytes[..]), &mut Vec::new());
        let mut real = BytesMut::new();
        let stream = StreamId(1);
        Frame::Window { stream, received: 0, limit: 500 }.encode(Integrity::Trusted, &mut real);
        Frame::Ready.encode(Integrity::Trusted, &mut real);
        Frame::Data { stream, number: 0, part: Part::More, piece: &[7; 90] }.encode(Integrity::Trusted, &mut real);
        Frame::Data { stream, number: 1, part: Part::Last, piece: &[8; 90] }.encode(Integrity::Trusted, &mut real);
        let at = at % real.len();
        real[at] ^= flip;
        let mut side = Side::new();
        side.session.connect(Integrity::Trusted);
        let _ = side.session.read(&mut real, &mut Vec::new());
    }
}

fn ready() -> BytesMut {
    let mut bytes = BytesMut::new();
    Frame::Ready.encode(Integrity::Checksummed, &mut bytes);
    bytes
}

#[test]
fn cut_after_each_byte() {
    for cut in 0..700 {
        let mut pair = Pair::new();
        pair.settle();
        (0..3).for_each(|_| pair.sides[0].send(1, 150));
        pair.run(&Step::Fill { side: 0 });
        pair.carry(0, cut);
        pair.reconnect();
        pair.settle();
        pair.check_received();
    }
}

#[test]
fn a_long_message_travels_in_pieces_between_those_of_others() {
    let mut pair = Pair::new();
    pair.settle();
    let long = Bytes::from(vec![5; MAX_PIECE_BYTES * 3 + 1]);
    for (stream, message) in [(0, &long), (1, &Bytes::from_static(b"short"))] {
        pair.sides[0].hand_over(stream, message).unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..5 {
        let mut out = Output::default();
        pair.sides[0].session.fill(LEAST_FILL_BYTES, &mut out);
        pair.sides[1].input.put(out.whole());
        let mut messages = Vec::new();
        let Side { session, input, .. } = &mut pair.sides[1];
        session.read(input, &mut messages).unwrap();
        order.extend(messages);
    }
    assert_eq!(order[0], (StreamId(1), Bytes::from_static(b"short")));
    assert_eq!(order[1], (StreamId(0), long));
}

#[test]
fn a_stream_without_room_stops_no_other() {
    let mut pair = Pair::new();
    pair.settle();
    let message = Bytes::from(vec![1; 500]);
    for _ in 0..6 {
        pair.sides[0].hand_over(0, &message).unwrap();
    }
    for _ in 0..10 {
        pair.sides[0].send(1, 300);
        pair.run(&Step::Fill { side: 0 });
        pair.carry(0, usize::MAX);
        pair.sides[1].work_off(1);
        pair.run(&Step::Fill { side: 1 });
        pair.carry(1, usize::MAX);
    }
    assert_eq!(pair.sides[1].received[0].len(), 2, "two begin within the window of 1,000");
    assert_eq!(pair.sides[1].received[1].len(), 10);
}

#[test]
fn a_new_session_gives_up_what_waited() {
    let mut pair = Pair::new();
    pair.settle();
    pair.sides[0].send(0, 100);
    pair.sides[0].send(1, 100);
    pair.sides.iter_mut().for_each(|side| side.session.begin_anew());
    assert_eq!(pair.sides[0].session.counters.messages_given_up, 2);
    pair.sides[0].sent.iter_mut().for_each(Vec::clear);
    pair.reconnect();
    pair.settle();
    pair.sides[0].send(0, 100);
    pair.settle();
    pair.check_received();
}

#[test]
fn a_closed_stream_refuses_and_keeps_nothing() {
    let mut pair = Pair::new();
    pair.settle();
    pair.sides[0].send(2, 50);
    pair.sides[1].session.close(StreamId(2));
    pair.settle();
    assert!(pair.sides[0].hand_over(2, &Bytes::from_static(b"x")).is_err());
    assert_eq!(pair.sides[0].session.counters.waiting_bytes, 0);
    pair.reconnect();
    pair.settle();
    assert!(pair.sides[0].hand_over(2, &Bytes::from_static(b"x")).is_err());
}

/// What `frames` end with, on a stream with a window of 100 bytes.
fn verdict(frames: &[Frame<'_>]) -> Result<(), Violation> {
    let mut session = Session::new();
    session.open(StreamId(1), 100, MAX_MESSAGE_BYTES);
    session.connect(Integrity::Trusted);
    let mut bytes = BytesMut::new();
    frames.iter().for_each(|frame| frame.encode(Integrity::Trusted, &mut bytes));
    session.read(&mut bytes, &mut Vec::new())
}

#[test]
fn each_breach_has_its_reason() {
    let data = |stream, number, piece| Frame::Data { stream: StreamId(stream), number, part: Part::Last, piece };
    let window = |received, limit| Frame::Window { stream: StreamId(5), received, limit };
    let stream = StreamId(1);
    assert_eq!(verdict(&[data(1, 0, b"a")]), Err(Violation::TooEarly));
    assert_eq!(verdict(&[Frame::Ready, Frame::Ready]), Err(Violation::ReadyTwice));
    assert_eq!(verdict(&[Frame::Ready, data(9, 0, b"a")]), Err(Violation::NotOpen { stream: StreamId(9) }));
    assert_eq!(verdict(&[Frame::Ready, data(1, 1, b"a")]), Err(Violation::Gap { stream, expected: 0, got: 1 }));
    let over = [Frame::Ready, data(1, 0, &[0; 90]), data(1, 1, b"a")];
    assert_eq!(verdict(&over), Err(Violation::Credit { stream, position: 154, limit: 100 }));
    let stream = StreamId(5);
    let ahead = Violation::Position { stream, received: 1, acknowledged: 0, sent: 0 };
    assert_eq!(verdict(&[window(1, 100)]), Err(ahead));
    let back = Violation::RoomTakenBack { stream, limit: 99, before: 100 };
    assert_eq!(verdict(&[window(0, 100), window(0, 99)]), Err(back));
}

#[test]
fn a_message_without_end_is_cut_off() {
    let mut session = Session::new();
    session.open(StreamId(1), 100, MAX_MESSAGE_BYTES);
    session.connect(Integrity::Trusted);
    let mut bytes = BytesMut::new();
    Frame::Ready.encode(Integrity::Trusted, &mut bytes);
    let piece = vec![0; MAX_PIECE_BYTES];
    let mut number = 0;
    let broken = loop {
        Frame::Data { stream: StreamId(1), number, part: Part::More, piece: &piece }
            .encode(Integrity::Trusted, &mut bytes);
        number += 1;
        if let Err(violation) = session.read(&mut bytes, &mut Vec::new()) {
            break violation;
        }
        assert!(session.unfinished_bytes() <= MAX_MESSAGE_BYTES);
    };
    assert_eq!(broken, Violation::MessageTooLong { stream: StreamId(1), limit: MAX_MESSAGE_BYTES });
}
