//! Keep alive: a silent client is closed, a client that speaks is not.

use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::{Broker, Connect, Packet, Publish, Settings, Version, Will, both, fresh, prop};

both! {
    fn mqtt_3_1_2_22_keep_alive_timeout_closes(v) {
        let broker = Broker::shared();
        let topic = fresh("keep/alive/will");
        let mut reader = broker.client(v);
        reader.subscribe(&topic, 1);
        let connect = Connect::fresh(v).keep_alive(1).will(Will::new(&topic, "timeout").qos(1));
        let mut silent = broker.connect(&connect);
        silent.expect_disconnect(0x8d);
        assert_eq!(reader.take().payload, b"timeout");
    }

    /// Every packet counts, not only PINGREQ.
    fn mqtt_3_1_2_22_any_packet_keeps_the_connection(v) {
        let broker = Broker::shared();
        let mut silent = broker.connect(&Connect::fresh(v).keep_alive(4));
        let mut pinging = broker.connect(&Connect::fresh(v).keep_alive(2));
        let mut publishing = broker.connect(&Connect::fresh(v).keep_alive(2));
        let topic = fresh("keep/alive/publish");
        // The silent client's end says that more than its time and a half has gone by.
        for _ in 0..600 {
            pinging.quiet();
            publishing.publish(Publish::new(&topic, "here").qos(1));
            match silent.poll(Duration::from_millis(100)) {
                Some(Event::Closed) => {
                    pinging.quiet();
                    publishing.quiet();
                    return;
                }
                Some(Event::Packet(Packet::Disconnect { reason, .. })) => assert_eq!(reason, 0x8d),
                Some(other) => panic!("{other:?}"),
                None => {}
            }
        }
        panic!("the silent client was never closed");
    }

    /// 3.1.2.10: zero turns the mechanism off.
    fn keep_alive_zero_never_times_out(v) {
        let broker = Broker::shared();
        let mut patient = broker.connect(&Connect::fresh(v).keep_alive(0));
        let mut silent = broker.connect(&Connect::fresh(v).keep_alive(1));
        silent.expect_disconnect(0x8d);
        let mut silent = broker.connect(&Connect::fresh(v).keep_alive(1));
        silent.expect_disconnect(0x8d);
        patient.quiet();
    }

    /// What the broker sends does not count for the client.
    fn mqtt_3_1_2_22_only_the_clients_own_packets_count(v) {
        let broker = Broker::shared();
        let topic = fresh("keep/alive/fed");
        let mut fed = broker.connect(&Connect::fresh(v).keep_alive(1));
        fed.subscribe(&topic, 0);
        let mut feeder = broker.client(v);
        let end = std::time::Instant::now() + causeway_tests::deadline::patience();
        while std::time::Instant::now() < end {
            feeder.publish(Publish::new(&topic, "food"));
            match fed.poll(Duration::from_millis(50)) {
                Some(Event::Closed) => return,
                Some(Event::Packet(Packet::Disconnect { reason, .. })) => assert_eq!(reason, 0x8d),
                Some(Event::Packet(_)) => std::thread::sleep(Duration::from_millis(20)),
                None => {}
            }
        }
        panic!("never closed");
    }
}

#[test]
fn mqtt_3_2_2_22_server_keep_alive_replaces_the_clients() {
    let broker = Broker::start(Settings::new().set("--max-keep-alive", 10));
    let client = broker.connect(&Connect::fresh(Version::V5).keep_alive(60));
    assert_eq!(client.connack.props.number(prop::SERVER_KEEP_ALIVE), Some(10));
    let client = broker.connect(&Connect::fresh(Version::V5).keep_alive(0));
    assert_eq!(client.connack.props.number(prop::SERVER_KEEP_ALIVE), Some(10), "zero is more than any limit");
    let client = broker.connect(&Connect::fresh(Version::V5).keep_alive(5));
    assert_eq!(client.connack.props.number(prop::SERVER_KEEP_ALIVE), None);
}

#[test]
fn server_keep_alive_is_enforced() {
    let broker = Broker::start(Settings::new().set("--max-keep-alive", 1));
    let mut silent = broker.connect(&Connect::fresh(Version::V5).keep_alive(600));
    silent.expect_disconnect(0x8d);
}
