//! Runs the table of malformed and illegal packets, `malformed.txt`.

use causeway_tests::{Broker, Client, Connect, Packet, Publish, Version, fresh, wire};

const TABLE: &str = include_str!("malformed.txt");

struct Row<'a> {
    line: usize,
    versions: &'a str,
    phase: &'a str,
    expected: &'a str,
    clause: &'a str,
    bytes: &'a str,
    what: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().enumerate().filter(|(_, l)| !l.is_empty() && !l.starts_with('#'));
    let rows = lines.map(|(n, line)| {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [versions, phase, expected, clause, bytes, what] = fields[..] else {
            panic!("line {}: six fields, not {}", n + 1, fields.len())
        };
        Row { line: n + 1, versions, phase, expected, clause, bytes, what }
    });
    rows.collect()
}

/// Turns the notation of the table into bytes.
fn bytes(text: &str, version: Version) -> Vec<u8> {
    // Properties nest: the innermost open block is the last one here.
    let mut blocks: Vec<Vec<u8>> = vec![Vec::new()];
    let mut length_at = None;
    for token in text.split_whitespace().flat_map(braces) {
        match token {
            "{" => blocks.push(Vec::new()),
            "}" => {
                let block = blocks.pop().expect("an open block");
                let out = blocks.last_mut().expect("the packet");
                if version.is_v5() {
                    wire::put_var(out, block.len() as u32);
                    out.extend(block);
                }
            }
            _ => {
                let out = blocks.last_mut().expect("the packet");
                match token {
                    "*" => length_at = Some(out.len()),
                    "LV" => out.push(version.level()),
                    _ => put_token(out, token),
                }
            }
        }
    }
    let mut packet = blocks.pop().expect("the packet");
    if let Some(at) = length_at {
        let body = packet.split_off(at);
        wire::put_var(&mut packet, body.len() as u32);
        packet.extend(body);
    }
    packet
}

fn braces(word: &str) -> Vec<&str> {
    if word == "{}" { vec!["{", "}"] } else { vec![word] }
}

fn put_token(out: &mut Vec<u8>, token: &str) {
    if let Some(text) = token.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')) {
        wire::put_str(out, text);
    } else if let Some(text) = token.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        out.extend_from_slice(text.as_bytes());
    } else if let Some((count, byte)) = token.split_once('*') {
        let byte = u8::from_str_radix(byte, 16).expect("a byte in hex");
        out.extend(std::iter::repeat_n(byte, count.parse().expect("a count")));
    } else {
        out.push(u8::from_str_radix(token, 16).unwrap_or_else(|_| panic!("{token} is no byte")));
    }
}

fn codes(list: &str) -> Vec<u8> {
    list.split(',').map(|c| u8::from_str_radix(c, 16).expect("a code in hex")).collect()
}

/// Runs one row; says what was wrong.
fn run(row: &Row, version: Version) -> Result<(), String> {
    let broker = Broker::shared();
    let mut client = if row.phase == "raw" { broker.raw(version) } else { broker.client(version) };
    let _ = client.try_send(&bytes(row.bytes, version));
    let (kind, list) = row.expected.split_once(':').unwrap_or((row.expected, ""));
    if kind == "ok" {
        return accepted(&mut client, row.phase);
    }
    let answers = answers(&mut client)?;
    let refusals: Vec<&Packet> = answers.iter().collect();
    let v5 = version.is_v5();
    let fine = match (kind, refusals.as_slice()) {
        ("close", all) => all.iter().all(|p| refuses(p)),
        ("disc" | "connack", []) => !v5,
        ("disc", [Packet::Disconnect { reason, .. }]) => codes(list).contains(reason),
        ("connack", [Packet::ConnAck(answer)]) => v5 && codes(list).contains(&answer.code),
        ("filter", []) => !v5,
        ("filter", [Packet::Disconnect { reason, .. }]) => codes(list).contains(reason),
        ("filter", [Packet::SubAck(answer) | Packet::UnsubAck(answer)]) => {
            answer.codes == [if v5 { 0x8f } else { 0x80 }]
        }
        _ => false,
    };
    if fine { Ok(()) } else { Err(format!("answered with {answers:02x?}")) }
}

fn refuses(packet: &Packet) -> bool {
    match packet {
        Packet::ConnAck(answer) => answer.code != 0,
        Packet::Disconnect { reason, .. } => *reason >= 0x80,
        _ => false,
    }
}

fn accepted(client: &mut Client, phase: &str) -> Result<(), String> {
    if phase == "raw" {
        let answer = client.recv();
        return match answer {
            Packet::ConnAck(a) if a.code == 0 => Ok(()),
            other => Err(format!("{other:?}")),
        };
    }
    let _ = client.try_send(&[0xc0, 0]);
    loop {
        match client.event() {
            causeway_tests::client::Event::Packet(Packet::PingResp) => return Ok(()),
            causeway_tests::client::Event::Packet(Packet::Disconnect { reason, .. }) => {
                return Err(format!("DISCONNECT {reason:#04x}"));
            }
            causeway_tests::client::Event::Packet(_) => {}
            causeway_tests::client::Event::Closed => return Err("closed".into()),
        }
    }
}

/// Everything up to the end of the connection, or the one acknowledgement of an open one.
fn answers(client: &mut Client) -> Result<Vec<Packet>, String> {
    let mut all = Vec::new();
    loop {
        match client.poll(std::time::Duration::from_secs(5)) {
            Some(causeway_tests::client::Event::Packet(packet)) => {
                let refused = matches!(packet, Packet::SubAck(_) | Packet::UnsubAck(_));
                all.push(packet);
                if refused {
                    return Ok(all);
                }
            }
            Some(causeway_tests::client::Event::Closed) => return Ok(all),
            None => return Err(format!("not closed; answered with {all:02x?}")),
        }
    }
}

fn run_all(version: Version) {
    let mut wrong = Vec::new();
    let mut count = 0;
    let level = if version.is_v5() { '5' } else { '4' };
    for row in rows().iter().filter(|row| row.versions.contains(level)) {
        count += 1;
        let outcome =
            std::panic::catch_unwind(|| run(row, version)).unwrap_or_else(|_| Err("unreadable answer".into()));
        if let Err(how) = outcome {
            wrong.push(format!("line {}: {} [{}] {}: {how}", row.line, row.what, row.clause, row.expected));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
    Broker::shared().client(version).quiet();
}

#[test]
fn mqtt_4_13_1_1_malformed_packets_close_v311() {
    run_all(Version::V311);
}

#[test]
fn mqtt_4_13_1_1_malformed_packets_close_v5() {
    run_all(Version::V5);
}

#[test]
fn the_table_is_large_enough() {
    assert!(rows().len() >= 150, "{} rows", rows().len());
}

/// Random bytes, and good packets with a byte changed: the broker stays up and serves others.
#[test]
fn noise_does_no_harm() {
    let broker = Broker::shared();
    let seed = causeway_tests::random::Random::seed();
    eprintln!("CAUSEWAY_TEST_SEED={seed}");
    let mut random = causeway_tests::random::Random::new(seed);
    let topic = fresh("noise");
    let mut steady = broker.client(Version::V5);
    steady.subscribe(&topic, 1);
    for round in 0..300 {
        let version = if round % 2 == 0 { Version::V311 } else { Version::V5 };
        let mut bytes = Connect::fresh(version).encode();
        bytes.extend(Publish::new("noise/elsewhere", "payload").qos(2).packet_id(3).encode(version));
        bytes.extend([0x82, 9, 0, 1, 0, 0, 3, b'n', b'/', b'#', 1, 0xc0, 0]);
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.number() as u8;
        }
        let mut client = broker.raw(version);
        let _ = client.try_send(&bytes);
        drop(client);
        if round % 50 == 0 {
            steady.publish(Publish::new(&topic, "still here").qos(1));
            steady.take();
        }
    }
    steady.quiet();
}
