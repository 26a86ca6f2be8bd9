//! Fuzzing of the decoder on stable Rust, for `FUZZ_SECONDS` (5) from `FUZZ_SEED`: packets of `data/verdicts.txt` and
//! freshly written ones are mutated, mostly keeping the remaining length true, and read in every version from both
//! sides. Nothing panics; nothing outside the packet is read; nothing our own check let through is refused behind it;
//! and what is accepted can be written and read again as the same packet.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use mqtt::{
    Ack, AckKind, Frame, Packet, PacketId, Peer, ProtocolVersion, Publish, PublishHead, QoS, ReasonCode, Split,
    Violation, decode, encode, split,
};

const VERDICTS: &str = include_str!("data/verdicts.txt");
const DEFAULT_SEED: u64 = 0x6d71_7474;
const VERSIONS: [ProtocolVersion; 3] = [ProtocolVersion::V3_1, ProtocolVersion::V3_1_1, ProtocolVersion::V5];
/// Bytes that mean something somewhere: lengths, property identifiers, wildcards, UTF-8.
const TELLING_BYTES: &[u8] = &[
    0, 1, 2, 3, 8, 9, 11, 17, 18, 19, 21, 22, 23, 24, 25, 26, 28, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 47,
    0x7f, 0x80, 0x81, 0xc0, 0xc2, 0xe2, 0xed, 0xef, 0xf0, 0xff,
];

/// xorshift64*: the same numbers everywhere for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    fn byte(&mut self) -> u8 {
        if self.one_in(2) { TELLING_BYTES[self.below(TELLING_BYTES.len())] } else { self.next() as u8 }
    }
}

#[test]
fn decoding_survives_mutated_packets() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let seed = number("FUZZ_SEED", DEFAULT_SEED);
    let until = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", 5));
    let mut random = Random(seed.max(1));
    let corpus = corpus();
    let (mut packets, mut accepted) = (0u64, 0u64);
    while packets < 1000 || Instant::now() < until {
        let packet = mutated(&corpus, &mut random);
        match catch_unwind(AssertUnwindSafe(|| judge(&packet))) {
            Ok(readings) => accepted += readings,
            Err(_) => panic!("packet {packets} of seed {seed}: {packet:02x?}"),
        }
        packets += 1;
    }
    println!("seed {seed}: {packets} packets, {accepted} readings accepted");
    assert!(accepted * 20 > packets, "mutations leave too little intact: {accepted} of {packets}");
}

fn corpus() -> Vec<Vec<u8>> {
    let lines = VERDICTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut corpus: Vec<Vec<u8>> = lines
        .map(|line| {
            let hex = line.split(" | ").nth(4).unwrap();
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        })
        .collect();
    for version in VERSIONS {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            let properties: [&[u8]; 1] = [&[1, 1, 3, 0, 1, b'c', 38, 0, 2, b'k', b'k', 0, 3, 0xe2, 0x82, 0xac]];
            let head = PublishHead {
                topic: "plant/line 7/robot/temperature",
                qos,
                id: PacketId::new(7),
                expiry: Some(60),
                properties: &properties,
                payload: &[0; 200],
                ..PublishHead::default()
            };
            corpus.push(written(|out| _ = encode::publish(out, version, &head)));
        }
    }
    corpus
}

fn written(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut out);
    out.to_vec()
}

/// A packet of the corpus after a few mutations.
fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let packet = &corpus[random.below(corpus.len())];
    let Ok(Split::Whole { frame, .. }) = split(packet, u32::MAX) else {
        let mut packet = packet.clone();
        mutate(&mut packet, corpus, random);
        return packet;
    };
    let mut first = packet[0];
    if random.one_in(8) {
        first ^= 1 << random.below(8);
    }
    let mut body = frame.body.to_vec();
    for _ in 0..random.below(4) {
        mutate(&mut body, corpus, random);
    }
    let mut packet = vec![first];
    put_length(&mut packet, body.len());
    packet.extend_from_slice(&body);
    if random.one_in(16) {
        mutate(&mut packet, corpus, random);
    }
    packet
}

fn put_length(packet: &mut Vec<u8>, mut length: usize) {
    while length > 0x7f {
        packet.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let end = (at + random.below(9)).min(bytes.len());
    match random.below(8) {
        0 => bytes.insert(at, random.byte()),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.truncate(at),
        3 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len());
            let to = (from + random.below(24)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        5 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = byte.wrapping_add(random.below(5) as u8).wrapping_sub(2);
            }
        }
        6 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.byte();
            }
        }
    }
}

/// Reads a packet in every way and returns how many accepted it.
fn judge(packet: &[u8]) -> u64 {
    let (frame, len) = match split(packet, 1 << 20) {
        Ok(Split::Whole { frame, len }) => (frame, len),
        Ok(Split::Partial { need }) => {
            assert!(need > packet.len());
            return 0;
        }
        Err(_) => return 0,
    };
    assert!(len <= packet.len() && within(frame.body, packet));
    assert!(split(packet, len as u32 - 1).is_err(), "one byte too large is too large");

    // What follows the packet in the buffer does not matter.
    let followed = [&packet[..len], &[0xff; 9]].concat();
    let Ok(Split::Whole { frame: again, len: same }) = split(&followed, 1 << 20) else { panic!("{followed:02x?}") };
    assert_eq!((again, same), (frame, len));

    let mut accepted = 0;
    for version in VERSIONS {
        for from in [Peer::Client, Peer::Server] {
            match decode(frame, version, from) {
                Ok(decoded) => {
                    read_again(&decoded, frame, version, from);
                    accepted += 1;
                }
                Err(violation) => {
                    assert_ne!(violation, Violation::Refused);
                    assert!(violation.reason().is_error());
                }
            }
        }
    }
    accepted
}

fn within(part: &[u8], whole: &[u8]) -> bool {
    let Range { start, end } = whole.as_ptr_range();
    let range = part.as_ptr_range();
    part.is_empty() || (range.start >= start && range.end <= end)
}

/// What was accepted is written, read as the same packet, and written alike once more.
fn read_again(decoded: &Packet<'_>, frame: Frame<'_>, version: ProtocolVersion, from: Peer) {
    if let Packet::Publish(publish) = decoded {
        assert!(within(publish.topic.as_bytes(), frame.body) && within(publish.payload, frame.body));
        assert!(publish.properties.len() <= frame.body.len());
        publish.properties.user_properties().count();
    }
    // A CONNECT is written in the version it names.
    let bytes = written(|out| write(out, version, decoded));
    let Ok(Split::Whole { frame, len }) = split(&bytes, u32::MAX) else {
        panic!("{decoded:?} written as {bytes:02x?}")
    };
    assert_eq!(len, bytes.len());
    match decode(frame, version, from) {
        Ok(again) => {
            assert_eq!(flat(&again), flat(&as_written(decoded)));
            assert_eq!(written(|out| write(out, version, &again)), bytes);
        }
        Err(violation) => panic!("{violation}: {decoded:?} written as {bytes:02x?}"),
    }
}

/// What a packet becomes by being written: a refusal that is not PUBACK's or PUBREC's, which is taken from servers and
/// never sent, becomes the plain one.
fn as_written<'a>(packet: &Packet<'a>) -> Packet<'a> {
    use ReasonCode as R;
    let written = |ack: &Ack| match ack.reason {
        R::ImplementationSpecificError
        | R::NotAuthorized
        | R::TopicNameInvalid
        | R::PacketIdentifierInUse
        | R::QuotaExceeded
        | R::PayloadFormatInvalid => *ack,
        reason if reason.is_error() => Ack { reason: R::UnspecifiedError, ..*ack },
        _ => *ack,
    };
    match packet {
        Packet::PubAck(ack) => Packet::PubAck(written(ack)),
        Packet::PubRec(ack) => Packet::PubRec(written(ack)),
        other => other.clone(),
    }
}

/// The packet with its forwarded properties in one piece: taken-out properties are written first, so that the runs
/// around them may differ.
fn flat<'a>(packet: &Packet<'a>) -> (Packet<'a>, Vec<u8>) {
    match packet {
        Packet::Publish(publish) => {
            let raw = publish.properties.slices().concat();
            let bare = Publish { properties: Default::default(), ..publish.clone() };
            (Packet::Publish(bare), raw)
        }
        other => (other.clone(), Vec::new()),
    }
}

fn write(out: &mut BytesMut, version: ProtocolVersion, packet: &Packet<'_>) {
    let mut ack = |kind, Ack { id, reason }: &Ack| encode::ack(out, version, kind, *id, *reason);
    match packet {
        Packet::PubAck(inner) => ack(AckKind::PubAck, inner),
        Packet::PubRec(inner) => ack(AckKind::PubRec, inner),
        Packet::PubRel(inner) => ack(AckKind::PubRel, inner),
        Packet::PubComp(inner) => ack(AckKind::PubComp, inner),
        Packet::Publish(publish) => write_publish(out, version, publish),
        Packet::Connect(connect) => encode::connect(out, connect).unwrap(),
        Packet::ConnAck(connack) => encode::connack(out, version, connack),
        Packet::Subscribe(subscribe) => encode::subscribe(out, version, subscribe).unwrap(),
        Packet::SubAck(inner) => encode::suback(out, version, inner.id, &inner.codes, inner.reason_string.as_deref()),
        Packet::Unsubscribe(unsubscribe) => encode::unsubscribe(out, version, unsubscribe).unwrap(),
        Packet::UnsubAck(inner) => {
            encode::unsuback(out, version, inner.id, &inner.codes, inner.reason_string.as_deref());
        }
        Packet::PingReq => encode::pingreq(out),
        Packet::PingResp => encode::pingresp(out),
        Packet::Disconnect(disconnect) => encode::disconnect(out, version, disconnect),
        Packet::Auth(auth) => encode::auth(out, auth).unwrap(),
    }
}

fn write_publish(out: &mut BytesMut, version: ProtocolVersion, publish: &Publish<'_>) {
    let dup = match publish.delivery {
        mqtt::Delivery::AtMostOnce => false,
        mqtt::Delivery::AtLeastOnce { dup, .. } | mqtt::Delivery::ExactlyOnce { dup, .. } => dup,
    };
    let properties = publish.properties.slices();
    let head = PublishHead {
        topic: publish.topic,
        qos: publish.delivery.qos(),
        dup,
        retain: publish.retain,
        id: publish.delivery.id(),
        alias: publish.alias,
        expiry: publish.expiry,
        subscription_ids: &publish.subscription_ids,
        properties: &properties,
        payload: publish.payload,
    };
    let encoded = encode::publish(out, version, &head);
    assert_eq!(encoded.len, encode::publish_len(version, &head));
    assert_eq!(encoded.id_at.is_some(), publish.delivery.id().is_some());
}
