//! Reading and writing packets: one iteration is one packet.

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use causeway_benches::packets::{self, Message, Shape};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mqtt::{Packet, Peer, ProtocolVersion, QoS, Split, decode, encode, split};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes of frames after which an output buffer is emptied, as a write would.
const OUTPUT: usize = 64 * 1024;

const VERSIONS: [(&str, ProtocolVersion); 2] = [("v3.1.1", ProtocolVersion::V3_1_1), ("v5", ProtocolVersion::V5)];

fn shapes() -> Vec<(String, Shape)> {
    let mut shapes = Vec::new();
    for (name, version) in VERSIONS {
        for (qos, payload) in
            [(QoS::AtMostOnce, 64), (QoS::AtLeastOnce, 64), (QoS::AtMostOnce, 1024), (QoS::AtLeastOnce, 1024)]
        {
            let shape = Shape { version, qos, payload, properties: false };
            shapes.push((format!("{name}/qos{}/{payload}B", qos as u8), shape));
        }
    }
    for payload in [64, 1024] {
        let shape = Shape { version: ProtocolVersion::V5, qos: QoS::AtLeastOnce, payload, properties: true };
        shapes.push((format!("v5/qos1/{payload}B/properties"), shape));
    }
    shapes
}

fn read(bytes: &[u8], version: ProtocolVersion) -> Packet<'_> {
    match split(bytes, u32::MAX) {
        Ok(Split::Whole { frame, .. }) => decode(frame, version, Peer::Client).expect("it has been encoded by us"),
        _ => panic!("the packet is whole"),
    }
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode-publish");
    for (name, shape) in shapes() {
        let packet = Message::new(shape).packet();
        group.throughput(Throughput::Bytes(packet.len() as u64));
        group.bench_function(name, |b| b.iter(|| _ = black_box(&read(black_box(&packet), shape.version))));
    }
    group.finish();
    let mut group = c.benchmark_group("decode");
    for (name, version) in VERSIONS {
        let control = [
            ("puback", packets::puback(version)),
            ("connect", packets::connect(version)),
            ("subscribe-1", packets::subscribe(version, 1)),
            ("subscribe-10", packets::subscribe(version, 10)),
        ];
        for (packet_name, packet) in control {
            let name = format!("{packet_name}/{name}");
            group.bench_function(name, |b| b.iter(|| _ = black_box(&read(black_box(&packet), version))));
        }
    }
    group.finish();
}

fn encoding(c: &mut Criterion) {
    let mut out = BytesMut::with_capacity(2 * OUTPUT);
    let mut group = c.benchmark_group("encode-publish");
    for (name, shape) in shapes() {
        let message = Message::new(shape);
        group.bench_function(name, |b| {
            b.iter(|| {
                empty_when_full(&mut out);
                message.head(|version, head| black_box(encode::publish(&mut out, version, black_box(head))))
            });
        });
    }
    group.finish();
    c.bench_function("encode/puback/v5", |b| {
        b.iter(|| {
            empty_when_full(&mut out);
            let (id, reason) = (black_box(packets::packet_id()), mqtt::ReasonCode::Success);
            encode::ack(&mut out, ProtocolVersion::V5, mqtt::AckKind::PubAck, id, reason);
        });
    });
}

/// What a receiver of a message costs whose frame has been encoded for another: a copy, and its own identifier.
fn patching(c: &mut Criterion) {
    let mut out = BytesMut::with_capacity(2 * OUTPUT);
    let mut group = c.benchmark_group("copy-and-patch");
    for payload in [64, 1024] {
        let shape = Shape { version: ProtocolVersion::V5, qos: QoS::AtLeastOnce, payload, properties: false };
        let mut frame = BytesMut::new();
        let encoded = Message::new(shape).head(|version, head| encode::publish(&mut frame, version, head));
        let at = encoded.id_at.expect("QoS 1 has an identifier");
        group.bench_function(format!("{payload}B"), |b| {
            let mut id: u16 = 0;
            b.iter(|| {
                empty_when_full(&mut out);
                id = id.wrapping_add(1);
                let start = out.len();
                out.extend_from_slice(black_box(&frame));
                out[start + at..start + at + 2].copy_from_slice(&id.to_be_bytes());
            });
        });
    }
    group.finish();
}

fn empty_when_full(out: &mut BytesMut) {
    if out.len() >= OUTPUT {
        black_box(&out[..]);
        out.clear();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = decoding, encoding, patching
}
criterion_main!(benches);
