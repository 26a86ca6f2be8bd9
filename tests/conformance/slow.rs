//! Slow readers and slow writers hold up nobody else.

use std::time::Duration;

use causeway_tests::{Ack, AckKind, Broker, Client, Connect, Packet, Publish, Settings, Version, both, fresh};

both! {
    /// One subscriber reads nothing; the others get everything.
    fn a_reader_that_does_not_read_stalls_nobody(v) {
        let broker = Broker::start(Settings::new());
        let mut stuck = broker.client(v);
        stuck.subscribe("flood", 0);
        let mut reader = broker.client(v);
        reader.subscribe("flood", 0);
        let mut publisher = broker.client(v);
        let payload = vec![7; 10_000];
        // Far more than the buffers of a socket hold.
        for _ in 0..3_000 {
            publisher.send_publish(Publish::new("flood", &payload));
            assert_eq!(reader.expect_publish().payload.len(), 10_000);
        }
        reader.quiet();
    }

    /// The same for QoS 1: the stuck one's messages wait, the others' do not.
    fn a_reader_that_does_not_acknowledge_stalls_nobody(v) {
        let broker = Broker::start(Settings::new());
        let connect = Connect::persistent(v, "stuck");
        let mut stuck = broker.connect(&connect);
        stuck.subscribe("flow", 1);
        let mut reader = broker.client(v);
        reader.subscribe("flow", 1);
        let mut publisher = broker.client(v);
        for n in 0..2_000 {
            publisher.publish(Publish::new("flow", format!("{n:0>2000}")).qos(1));
            reader.take();
        }
        stuck.vanish();
        let mut stuck = broker.connect(&connect);
        for n in 0..2_000 {
            assert_eq!(stuck.take().text(), format!("{n:0>2000}"));
        }
    }

    /// Half a packet is no reason to wait for the rest with everybody else.
    fn half_a_packet_stalls_nobody(v) {
        let broker = Broker::shared();
        let whole = Publish::new(&fresh("half"), vec![0; 100_000]).qos(1).packet_id(1).encode(v);
        let (head, tail) = whole.split_at(50_000);
        let mut half: Vec<Client> = (0..50).map(|_| broker.client(v)).collect();
        half.iter_mut().for_each(|client| client.send(head));
        let topic = fresh("whole");
        let mut other = broker.client(v);
        other.subscribe(&topic, 1);
        for _ in 0..100 {
            other.publish(Publish::new(&topic, "x").qos(1));
            other.take();
        }
        for client in &mut half {
            client.send(tail);
            client.expect_ack(AckKind::PubAck, 1);
        }
        other.quiet();
    }

    /// Many connections, most of them idle.
    fn many_idle_connections(v) {
        let broker = Broker::shared();
        let mut clients: Vec<Client> = (0..500).map(|_| broker.client(v)).collect();
        let topic = fresh("idle");
        clients.iter_mut().for_each(|c| c.subscribe(&topic, 1));
        broker.client(v).publish(Publish::new(&topic, "everyone").qos(1));
        for client in &mut clients {
            assert_eq!(client.take().payload, b"everyone");
            client.quiet();
        }
    }

    /// Many publishers to one reader: nothing acknowledged is dropped.
    fn fan_in_loses_nothing(v) {
        const PUBLISHERS: usize = 20;
        const EACH: usize = 400;
        let broker = Broker::start(Settings::new());
        let mut reader = broker.connect(&Connect::persistent(v, "reader"));
        reader.subscribe("in/#", 1);
        let mut publishers: Vec<Client> = (0..PUBLISHERS).map(|_| broker.client(v)).collect();
        for block in 0..EACH / 20 {
            for (p, publisher) in publishers.iter_mut().enumerate() {
                let mut bytes = Vec::new();
                for n in 0..20 {
                    let message = Publish::new(&format!("in/{p}"), (block * 20 + n).to_string());
                    bytes.extend(message.qos(1).packet_id(n as u16 + 1).encode(v));
                }
                publisher.send(&bytes);
            }
            for publisher in &mut publishers {
                (1..=20).for_each(|id| drop(publisher.await_ack(AckKind::PubAck, id)));
            }
        }
        let mut next = [0; PUBLISHERS];
        for _ in 0..PUBLISHERS * EACH {
            let message = reader.take();
            let p: usize = message.topic[3..].parse().expect("a publisher's number");
            assert_eq!(message.text(), next[p].to_string(), "publisher {p}");
            next[p] += 1;
        }
        reader.quiet();
    }
}

/// A publisher faster than everything else is slowed by TCP, not dropped, and loses nothing.
#[test]
fn a_311_publisher_is_never_closed_for_being_fast() {
    let v = Version::V311;
    let broker = Broker::start(Settings::new().set("--memory-profile", "tiny"));
    let connect = Connect::persistent(v, "away");
    let mut away = broker.connect(&connect);
    away.subscribe("fast", 1);
    away.disconnect();
    let mut publisher = broker.client(v);
    let mut acked = 0u32;
    let mut sent = 0u32;
    // 40 MB, several times what the profile holds in memory.
    while acked < 20_000 {
        while sent < 20_000 && sent - acked < 500 {
            let id = (sent % 60_000 + 1) as u16;
            publisher.send(&Publish::new("fast", format!("{sent:0>2000}")).qos(1).packet_id(id).encode(v));
            sent += 1;
        }
        publisher.expect_ack(AckKind::PubAck, (acked % 60_000 + 1) as u16);
        acked += 1;
    }
    let mut away = broker.connect(&connect);
    for n in 0..20_000u32 {
        let message = away.expect_publish();
        assert_eq!(message.text(), format!("{n:0>2000}"));
        away.send(&Ack::new(AckKind::PubAck, message.packet_id).encode(v));
    }
    away.quiet();
}

/// A client that never reads its acknowledgements cannot make the broker hold them without end.
#[test]
fn a_writer_that_reads_nothing_is_bounded() {
    let v = Version::V311;
    let broker = Broker::start(Settings::new());
    let before = broker.resident();
    let mut writer = broker.client(v);
    let ping = [0xc0, 0].repeat(500_000);
    let mut sent = 0;
    for _ in 0..60 {
        let now = writer.send_until_stalled(&ping, Duration::from_millis(300));
        sent += now;
        if now < ping.len() {
            break;
        }
    }
    let grown = broker.resident().saturating_sub(before);
    assert!(grown < 100_000_000, "{grown} bytes for {sent} bytes of PINGREQ");
    let mut other = broker.client(v);
    other.quiet();
}

/// The stuck client itself is served when it reads again.
#[test]
fn a_stuck_reader_goes_on_when_it_reads() {
    let broker = Broker::start(Settings::new());
    let v = Version::V5;
    let mut stuck = broker.connect(&Connect::persistent(v, "stuck"));
    stuck.subscribe("later", 1);
    let mut publisher = broker.client(v);
    for n in 0..1_000 {
        publisher.publish(Publish::new("later", format!("{n:0>20000}")).qos(1));
    }
    for n in 0..1_000 {
        match stuck.recv() {
            Packet::Publish(m) => {
                assert_eq!(m.text(), format!("{n:0>20000}"));
                stuck.complete(&m);
            }
            other => panic!("{other:?}"),
        }
    }
    stuck.quiet();
}
