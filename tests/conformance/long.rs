//! Long packets, which the broker reads straight to where they stay: whole, in order, over every transport, however they are cut.

use causeway_tests::{AckKind, Broker, Client, Connect, Filter, Publish, Settings, Subscribe, Version, both, fresh};

/// Around where the broker begins to treat packets as long, around its read buffer, and beyond what it makes room for at once.
const SIZES: [usize; 8] = [32_700, 32_768, 65_500, 65_536, 100_000, 1_048_576, 16, 3_000_001];

/// One connected client over each transport.
fn over_each(v: Version) -> Vec<Client> {
    let broker = Broker::shared();
    let mut clients = vec![broker.raw(v), broker.tls(v), broker.websocket(v)];
    for client in &mut clients {
        assert_eq!(client.connect(&Connect::fresh(v)).code, 0);
    }
    clients
}

fn payload(size: usize, seed: usize) -> Vec<u8> {
    (0..size).map(|n| ((n + seed) * 31 % 251) as u8).collect()
}

both! {
    /// Long packets with short ones between them, in one stream that is cut where it happens to be. All of QoS 1, and read as
    /// they come: what is QoS 0 is dropped for whoever does not keep up.
    fn long_and_short_packets_pass_in_order(v) {
        for mut publisher in over_each(v) {
            let topic = fresh("long");
            let mut readers = over_each(v);
            readers.iter_mut().for_each(|reader| reader.subscribe(&topic, 1));
            let mut stream = Vec::new();
            for (n, size) in SIZES.into_iter().enumerate() {
                let id = 2 * n as u16 + 1;
                stream.extend(Publish::new(&topic, payload(size, n)).qos(1).packet_id(id).encode(v));
                stream.extend(Publish::new(&topic, format!("behind {n}")).qos(1).packet_id(id + 1).encode(v));
            }
            std::thread::scope(|scope| {
                for reader in &mut readers {
                    scope.spawn(|| {
                        for (n, size) in SIZES.into_iter().enumerate() {
                            assert!(reader.take().payload == payload(size, n), "{size} bytes arrive changed");
                            assert_eq!(reader.take().text(), format!("behind {n}"));
                        }
                    });
                }
                let (mut rest, mut step) = (&stream[..], 7);
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(step.min(rest.len()));
                    publisher.send(piece);
                    (rest, step) = (after, step * 5 % 300_007);
                }
                (1..=2 * SIZES.len() as u16).for_each(|id| _ = publisher.await_ack(AckKind::PubAck, id));
            });
        }
    }

    /// A long packet waits for CONNACK and SUBACK like any other.
    fn a_long_packet_behind_connect_and_subscribe_reaches_the_subscription(v) {
        let broker = Broker::shared();
        let topic = fresh("long/behind");
        let mut bytes = Connect::fresh(v).encode();
        bytes.extend(Subscribe::new(Filter::new(&topic, 1)).encode(v, 1));
        bytes.extend(Publish::new(&topic, payload(200_000, 0)).qos(1).packet_id(2).encode(v));
        bytes.extend(Publish::new(&topic, payload(2_000_000, 1)).qos(1).packet_id(3).encode(v));
        let mut client = broker.raw(v);
        client.send(&bytes);
        assert_eq!(client.expect_connack().code, 0);
        let mut sizes = Vec::new();
        while sizes.len() < 2 {
            let message = client.await_packet("a message", |packet| match packet {
                causeway_tests::Packet::Publish(publish) => Some(publish.clone()),
                _ => None,
            });
            client.complete(&message);
            sizes.push(message.payload.len());
        }
        assert_eq!(sizes, [200_000, 2_000_000]);
    }

    /// To persistent sessions they go through the log, and QoS 2 through all its steps.
    fn long_messages_wait_for_a_session(v) {
        let broker = Broker::shared();
        let (id, topic) = (fresh("long"), fresh("long/kept"));
        let connect = Connect::persistent(v, &id);
        let mut away = broker.connect(&connect);
        away.subscribe(&topic, 2);
        away.disconnect();
        for (n, mut publisher) in over_each(v).into_iter().enumerate() {
            publisher.publish(Publish::new(&topic, payload(300_000 + n, n)).qos(2));
        }
        let mut back = broker.connect(&connect);
        for n in 0..3 {
            assert!(back.take().payload == payload(300_000 + n, n), "message {n} arrives changed");
        }
    }

    /// What was begun and never finished is nobody's message.
    fn half_a_long_packet_is_forgotten_with_its_connection(v) {
        let topic = fresh("long/half");
        let mut reader = Broker::shared().client(v);
        reader.subscribe(&topic, 0);
        for mut publisher in over_each(v) {
            let bytes = Publish::new(&topic, payload(500_000, 0)).encode(v);
            publisher.send(&bytes[..400_000]);
            publisher.vanish();
        }
        reader.quiet();
        Broker::shared().client(v).publish(Publish::new(&topic, "whole"));
        assert_eq!(reader.take().payload, b"whole");
    }

    /// Of who announces much and sends little, little is kept.
    fn announced_packets_take_no_memory(v) {
        const SENDERS: usize = 200;
        const SENT: usize = 40_000;
        let broker = Broker::start(Settings::new());
        let mut other = broker.client(v);
        let bytes = Publish::new("announced", vec![7; 100_000_000]).encode(v);
        let before = broker.resident();
        let mut senders: Vec<Client> = (0..SENDERS).map(|_| broker.client(v)).collect();
        for sender in &mut senders {
            bytes[..SENT].chunks(1000).for_each(|piece| sender.send(piece));
        }
        other.settle();
        let taken = broker.resident().saturating_sub(before);
        assert!(taken < (SENDERS * SENT * 5) as u64, "{taken} bytes for {SENDERS} times {SENT}");
    }
}
