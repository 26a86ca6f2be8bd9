//! Single steps of a message, each alone in one thread.

use std::hint::black_box;

use bytes::BytesMut;
use causeway_benches::packets::{self, Message, Shape};
use causeway_benches::population::{self, Sessions};
use causeway_benches::subscribers::{Subscribers, entry, publishes};
use mqtt::{Peer, ProtocolVersion, QoS, Split, decode, encode, split};
use partition::{Effects, Entry, Partition, PartitionId, Resolved, SlotTable};

use crate::PAYLOAD;

/// Subscriptions of the index that is matched against: few enough to be made under a slow tool.
const SUBSCRIPTIONS: u64 = 100_000;

/// Messages in an entry.
const ENTRY: u64 = 50;

/// The most messages that are applied.
const MAX_MESSAGES: u64 = 6000;

/// Bytes after which an output buffer is emptied.
const OUTPUT: usize = 64 * 1024;

fn shape(version: ProtocolVersion, properties: bool) -> Shape {
    Shape { version, qos: QoS::AtLeastOnce, payload: PAYLOAD, properties }
}

pub fn decode_publish(version: ProtocolVersion, properties: bool, count: u64) {
    read(&Message::new(shape(version, properties)).packet(), version, count);
}

pub fn decode_puback(count: u64) {
    read(&packets::puback(ProtocolVersion::V5), ProtocolVersion::V5, count);
}

fn read(packet: &[u8], version: ProtocolVersion, count: u64) {
    for _ in 0..count {
        let Ok(Split::Whole { frame, .. }) = split(black_box(packet), u32::MAX) else { panic!("the packet is whole") };
        black_box(&decode(frame, version, Peer::Client).expect("it has been encoded by us"));
    }
}

pub fn encode_publish(version: ProtocolVersion, count: u64) {
    let message = Message::new(shape(version, false));
    let mut out = BytesMut::with_capacity(2 * OUTPUT);
    message.head(|version, head| {
        for _ in 0..count {
            empty_when_full(&mut out);
            black_box(encode::publish(&mut out, version, black_box(head)));
        }
    });
}

pub fn patch(count: u64) {
    let mut frame = BytesMut::new();
    let message = Message::new(shape(ProtocolVersion::V5, false));
    let encoded = message.head(|version, head| encode::publish(&mut frame, version, head));
    let at = encoded.id_at.expect("QoS 1 has an identifier");
    let mut out = BytesMut::with_capacity(2 * OUTPUT);
    for id in 0..count {
        empty_when_full(&mut out);
        let start = out.len();
        out.extend_from_slice(black_box(&frame));
        out[start + at..start + at + 2].copy_from_slice(&(id as u16).to_be_bytes());
    }
}

fn empty_when_full(out: &mut BytesMut) {
    if out.len() >= OUTPUT {
        black_box(&out[..]);
        out.clear();
    }
}

/// Without any cache of what was found.
pub fn matching(count: u64) {
    let routes = population::partition(SUBSCRIPTIONS, Sessions::Many).routes();
    let topics = population::topics(1000, 1);
    let mut resolved = Resolved::default();
    for topic in topics.iter().cycle().take(count as usize) {
        routes.resolve(black_box(topic), &mut resolved);
    }
}

/// Whether the subscribers acknowledge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Yes,
    No,
}

/// At most [`MAX_MESSAGES`], which all fit into a subscriber's window. The acknowledgements of as many are written before
/// the first step, whether they are used or not.
pub fn apply(subscribers: u32, answered: Answered, count: u64) {
    assert!(count <= MAX_MESSAGES, "at most {MAX_MESSAGES}");
    let mut partition = Partition::new(PartitionId(0), SlotTable::even(1));
    let mut effects = Effects::new();
    let mut index = 0;
    let mut run = |payload: &[u8], effects: &mut Effects| {
        index += 1;
        effects.clear();
        partition.apply(Entry { index, payload }, effects).expect("the entry is well-formed");
    };
    run(&entry(&Subscribers::arrive(subscribers)), &mut effects);
    let commands = ENTRY as usize * subscribers as usize;
    let acknowledgements = Subscribers::of_effects(&effects).acknowledgements(MAX_MESSAGES as usize, commands);
    let publish = entry(&publishes(ENTRY as usize, PAYLOAD));
    for acknowledgements in &acknowledgements[..(count / ENTRY) as usize] {
        run(&publish, &mut effects);
        if answered == Answered::Yes {
            run(acknowledgements, &mut effects);
        }
    }
}
