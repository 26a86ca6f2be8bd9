//! Runs one named step a number of times on fixed input, for a tool that counts instructions.
//!
//! ```text
//! cargo build --release -p causeway-benches --example instructions
//! valgrind --tool=callgrind target/release/examples/instructions decode-publish-v5 100000
//! ```
//!
//! What comes before the first step is the same for every number of them: the difference of two runs divided by the
//! difference of their numbers is what one step takes. The script `benches/instructions` does that.

mod links;
mod site;
mod steps;

use mqtt::{ProtocolVersion, QoS};

use site::{Audience, Road};
use steps::Answered;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of payload of every message.
const PAYLOAD: usize = 64;

/// The name of a step, and what runs it so many times.
type Step = (&'static str, fn(u64));

/// Bytes of payload of a large message.
const LARGE_PAYLOAD: usize = 1 << 20;

const STEPS: [Step; 20] = [
    ("decode-publish-v3", |count| steps::decode_publish(ProtocolVersion::V3_1_1, false, count)),
    ("decode-publish-v5", |count| steps::decode_publish(ProtocolVersion::V5, false, count)),
    ("decode-publish-v5-properties", |count| steps::decode_publish(ProtocolVersion::V5, true, count)),
    ("decode-puback", steps::decode_puback),
    ("encode-publish-v3", |count| steps::encode_publish(ProtocolVersion::V3_1_1, count)),
    ("encode-publish-v5", |count| steps::encode_publish(ProtocolVersion::V5, count)),
    ("patch", steps::patch),
    ("match", steps::matching),
    ("apply-publish", |count| steps::apply(1, Answered::No, count)),
    ("apply-publish-and-ack", |count| steps::apply(1, Answered::Yes, count)),
    ("apply-publish-and-ack-10", |count| steps::apply(10, Answered::Yes, count)),
    ("link-message", links::carry),
    ("broker-qos0", |count| broker(QoS::AtMostOnce, 1, Audience::Transient, count)),
    ("broker-large", large),
    ("broker-qos1", |count| broker(QoS::AtLeastOnce, 1, Audience::Transient, count)),
    ("broker-qos1-persistent", |count| broker(QoS::AtLeastOnce, 1, Audience::Persistent, count)),
    ("broker-qos1-away", |count| broker(QoS::AtLeastOnce, 1, Audience::Away, count)),
    ("broker-fan-out-100-qos0", |count| broker(QoS::AtMostOnce, 100, Audience::Transient, count)),
    ("broker-fan-out-100-qos1", |count| broker(QoS::AtLeastOnce, 100, Audience::Transient, count)),
    ("broker-fan-out-10-persistent", |count| broker(QoS::AtLeastOnce, 10, Audience::Persistent, count)),
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

fn broker(qos: QoS, subscribers: u32, audience: Audience, count: u64) {
    let road = Road { qos, subscribers, audience, payload: PAYLOAD, burst: 50 };
    site::publish(road, count);
}

/// Fewer at a time, so that they lie in the caches.
fn large(count: u64) {
    let (qos, audience) = (QoS::AtMostOnce, Audience::Transient);
    site::publish(Road { qos, subscribers: 1, audience, payload: LARGE_PAYLOAD, burst: 2 }, count);
}
