//! Conformance as data: every packet of `data/verdicts.txt` gets the verdict written beside it.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use mqtt::{Peer, ProtocolVersion, Split, Violation, decode, split};

const VERDICTS: &str = include_str!("data/verdicts.txt");
const MAX_PACKET_SIZE: u32 = 1024;

struct Probe<'a> {
    version: ProtocolVersion,
    from: Peer,
    verdict: &'a str,
    packet: Vec<u8>,
}

fn parse(line: &str) -> Probe<'_> {
    let fields: Vec<&str> = line.splitn(6, " | ").collect();
    let [version, from, verdict, _clause, hex, _title] = fields[..] else {
        panic!("not six fields: {line}");
    };
    Probe {
        version: match version {
            "3.1" => ProtocolVersion::V3_1,
            "3.1.1" => ProtocolVersion::V3_1_1,
            "5" => ProtocolVersion::V5,
            other => panic!("version {other}"),
        },
        from: match from {
            "client" => Peer::Client,
            "server" => Peer::Server,
            other => panic!("sender {other}"),
        },
        verdict,
        packet: (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect(),
    }
}

fn judge(probe: &Probe<'_>) -> Result<(), Violation> {
    match split(&probe.packet, MAX_PACKET_SIZE)? {
        Split::Whole { frame, len } => {
            assert_eq!(len, probe.packet.len());
            decode(frame, probe.version, probe.from).map(drop)
        }
        Split::Partial { need } => panic!("{need} bytes needed"),
    }
}

#[test]
fn every_packet_gets_its_verdict() {
    let lines = VERDICTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in lines {
        count += 1;
        let probe = parse(line);
        let judged = judge(&probe);
        let verdict = match judged {
            Ok(()) => "ok".to_owned(),
            Err(violation) => format!("{:02x}", violation.reason() as u8),
        };
        if verdict != probe.verdict || judged == Err(Violation::Refused) {
            wrong.push(format!("{verdict} ({judged:?}) for: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 87, "only {count} packets");
}

/// A packet that arrives byte by byte is partial until it is whole, and is never judged wrong on the way.
#[test]
fn every_accepted_packet_may_arrive_byte_by_byte() {
    for line in VERDICTS.lines().filter(|line| line.contains(" | ok | ")) {
        let packet = parse(line).packet;
        for have in 0..packet.len() {
            match split(&packet[..have], MAX_PACKET_SIZE) {
                Ok(Split::Partial { need }) => assert!(need > have && need <= packet.len().max(2)),
                other => panic!("{other:?} after {have} bytes of {line}"),
            }
        }
    }
}
