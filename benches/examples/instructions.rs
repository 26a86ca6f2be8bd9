//! Runs one named step a number of times on fixed input, for a tool that counts instructions.
//!
//! ```text
//! cargo build --release -p causeway-benches --example instructions
//! valgrind --tool=callgrind target/release/examples/instructions decode-publish-v5 100000
//! ```
//!
//! What comes before the first step is the same for every number of them: the difference of two runs divided by the
//! difference of their numbers is what one step takes. The script `benches/instructions` does that.

use std::hint::black_box;

use bytes::BytesMut;
use causeway_benches::packets::{self, Message, Shape};
use causeway_benches::population::{self, Sessions};
use causeway_benches::subscribers::{Subscribers, entry, publishes};
use mqtt::{Peer, ProtocolVersion, QoS, Split, decode, encode, split};
use partition::{Effects, Entry, Partition, PartitionId, Resolved, SlotTable};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of payload of every message.
const PAYLOAD: usize = 64;

/// Subscriptions of the index that is matched against: few enough to be made under a slow tool.
const SUBSCRIPTIONS: u64 = 100_000;

/// Messages in an entry.
const ENTRY: u64 = 50;

/// The most messages that are applied.
const MAX_MESSAGES: u64 = 6000;

/// Bytes after which an output buffer is emptied.
const OUTPUT: usize = 64 * 1024;

/// The name of a step, and what runs it so many times.
type Step = (&'static str, fn(u64));

const STEPS: [Step; 11] = [
    ("decode-publish-v3", |count| decode_publish(ProtocolVersion::V3_1_1, false, count)),
    ("decode-publish-v5", |count| decode_publish(ProtocolVersion::V5, false, count)),
    ("decode-publish-v5-properties", |count| decode_publish(ProtocolVersion::V5, true, count)),
    ("decode-puback", decode_puback),
    ("encode-publish-v3", |count| encode_publish(ProtocolVersion::V3_1_1, count)),
    ("encode-publish-v5", |count| encode_publish(ProtocolVersion::V5, count)),
    ("patch", patch),
    ("match", matching),
    ("apply-publish", |count| apply(1, Answered::No, count)),
    ("apply-publish-and-ack", |count| apply(1, Answered::Yes, count)),
    ("apply-publish-and-ack-10", |count| apply(10, Answered::Yes, count)),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let step = match &arguments[..] {
        [name, count] => STEPS.iter().find(|(step, _)| step == name).zip(count.parse().ok()),
        _ => None,
    };
    let Some(((_, run), count)) = step else {
        eprintln!("usage: instructions STEP COUNT; the steps are");
        STEPS.iter().for_each(|(name, _)| eprintln!("  {name}"));
        std::process::exit(2);
    };
    run(count);
}

fn shape(version: ProtocolVersion, properties: bool) -> Shape {
    Shape { version, qos: QoS::AtLeastOnce, payload: PAYLOAD, properties }
}

fn decode_publish(version: ProtocolVersion, properties: bool, count: u64) {
    read(&Message::new(shape(version, properties)).packet(), version, count);
}

fn decode_puback(count: u64) {
    read(&packets::puback(ProtocolVersion::V5), ProtocolVersion::V5, count);
}

fn read(packet: &[u8], version: ProtocolVersion, count: u64) {
    for _ in 0..count {
        let Ok(Split::Whole { frame, .. }) = split(black_box(packet), u32::MAX) else { panic!("the packet is whole") };
        black_box(&decode(frame, version, Peer::Client).expect("it has been encoded by us"));
    }
}

fn encode_publish(version: ProtocolVersion, count: u64) {
    let message = Message::new(shape(version, false));
    let mut out = BytesMut::with_capacity(2 * OUTPUT);
    message.head(|version, head| {
        for _ in 0..count {
            empty_when_full(&mut out);
            black_box(encode::publish(&mut out, version, black_box(head)));
        }
    });
}

fn patch(count: u64) {
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
fn matching(count: u64) {
    let routes = population::partition(SUBSCRIPTIONS, Sessions::Many).routes();
    let topics = population::topics(1000, 1);
    let mut resolved = Resolved::default();
    for topic in topics.iter().cycle().take(count as usize) {
        routes.resolve(black_box(topic), &mut resolved);
    }
}

/// Whether the subscribers acknowledge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answered {
    Yes,
    No,
}

/// At most [`MAX_MESSAGES`], which all fit into a subscriber's window. The acknowledgements of as many are written before
/// the first step, whether they are used or not.
fn apply(subscribers: u32, answered: Answered, count: u64) {
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
