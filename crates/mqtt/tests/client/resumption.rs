//! The connection breaks at every point: QoS 1 arrives at least once, QoS 2 exactly once, in both directions, in order.

use std::num::NonZeroU16;

use mqtt::client::Settings;
use mqtt::{ProtocolVersion, QoS, ReasonCode};
use proptest::prelude::*;

use super::server::Body;
use super::wire::{Acknowledge, Direction, Wire};

const MESSAGES: u8 = 4;

/// Four messages each way, half of each quality, through small windows.
fn busy(version: ProtocolVersion, acknowledge: Acknowledge, window: u16) -> Wire {
    let window = NonZeroU16::new(window).unwrap();
    let mut wire = Wire::new(version, Settings { in_flight: window, ..Settings::default() });
    wire.acknowledge = acknowledge;
    wire.connect.receive_maximum = Some(window);
    wire.server.connack.receive_maximum = Some(window);
    for n in 0..MESSAGES {
        let qos = QoS::try_from(1 + n % 2).unwrap();
        wire.publish(qos, format!("{}{n}", n % 2 + 1));
        wire.server.publish(qos, format!("{}{n}", n % 2 + 1));
    }
    wire
}

/// Runs until nothing moves, breaking the connection whenever as many packets have been carried as `cuts` says next.
fn run(wire: &mut Wire, cuts: &[u32]) {
    let mut cuts = cuts.iter().copied().peekable();
    wire.connect();
    let mut since = 0;
    loop {
        if cuts.peek() == Some(&since) {
            cuts.next();
            since = 0;
            wire.cut();
            wire.connect();
            continue;
        }
        since += 1;
        wire.server.send(&mut wire.to_client);
        let moved = wire.carry(Direction::ToServer) || wire.carry(Direction::ToClient) || wire.acknowledge_one();
        if !moved {
            return;
        }
    }
}

fn check(wire: &Wire) {
    check_arrivals(&wire.server.delivered);
    check_arrivals(&wire.got_bodies());
    assert!(wire.server.is_idle() && wire.machine.is_idle());
    assert!(wire.server.unreleased().is_empty());
    assert_eq!(wire.completed.len(), wire.tokens.len());
    assert!(wire.completed.values().all(|outcome| *outcome == Ok(ReasonCode::Success)));
}

/// Bodies begin with their QoS: of QoS 2 each came once, of QoS 1 at least once, first arrivals in order.
fn check_arrivals(arrived: &[Body]) {
    let mut firsts: Vec<&Body> = Vec::new();
    for body in arrived {
        let again = firsts.contains(&body);
        assert!(!again || body.starts_with('1'), "{body} came twice: {arrived:?}");
        if !again {
            firsts.push(body);
        }
    }
    for qos in ['1', '2'] {
        let of_this: Vec<_> = firsts.iter().filter(|body| body.starts_with(qos)).collect();
        assert!(of_this.is_sorted(), "out of order: {arrived:?}");
    }
    assert_eq!(firsts.len(), usize::from(MESSAGES), "some are missing: {arrived:?}");
}

fn cases() -> impl Iterator<Item = (ProtocolVersion, Acknowledge, u16)> {
    let versions = [ProtocolVersion::V3_1_1, ProtocolVersion::V5];
    versions.into_iter().flat_map(|version| {
        let ways = [Acknowledge::AtOnce, Acknowledge::LateAndBackwards];
        ways.into_iter().flat_map(move |way| [1, 3, 100].map(|window| (version, way, window)))
    })
}

#[test]
fn one_break_anywhere() {
    for (version, acknowledge, window) in cases() {
        let mut whole = busy(version, acknowledge, window);
        run(&mut whole, &[]);
        check(&whole);
        for cut in 0..=whole.carried + MESSAGES as u32 {
            let mut wire = busy(version, acknowledge, window);
            run(&mut wire, &[cut]);
            check(&wire);
        }
    }
}

#[test]
fn two_breaks_anywhere() {
    for (version, acknowledge, window) in cases().filter(|(.., window)| *window == 3) {
        for first in 0..40 {
            for second in (first % 3..40).step_by(3) {
                let mut wire = busy(version, acknowledge, window);
                run(&mut wire, &[first, second]);
                check(&wire);
            }
        }
    }
}

/// MQTT-3.3.1-1, MQTT-4.6.0-1
#[test]
fn what_is_sent_again_has_dup_and_its_old_place() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    for n in 0..6 {
        wire.publish(if n % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce }, n.to_string());
    }
    wire.settle();
    wire.cut();
    wire.publish(QoS::AtLeastOnce, "new");
    wire.connect();
    wire.run();
    let again = (0..6).map(|n: u8| (n.to_string(), true));
    let expected: Vec<_> = again.chain([("new".to_owned(), false)]).collect();
    assert_eq!(wire.server.dups, expected);
}

/// The order is that of sending, not of packet identifiers.
#[test]
fn what_is_sent_again_keeps_its_place_when_identifiers_begin_anew() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    for n in 0..u16::MAX - 3 {
        wire.publish(QoS::AtLeastOnce, n.to_string());
        wire.run();
    }
    for n in 0..6 {
        wire.publish(QoS::AtLeastOnce, n.to_string());
    }
    wire.settle();
    wire.cut();
    wire.connect();
    wire.run();
    assert_eq!(wire.server.dups, (0..6).map(|n: u8| (n.to_string(), true)).collect::<Vec<_>>());
}

/// MQTT-4.6.0-4
#[test]
fn pubrels_go_out_again_in_the_order_of_their_pubrecs() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    for n in 0..3 {
        wire.publish(QoS::ExactlyOnce, n.to_string());
    }
    wire.settle();
    for id in [2, 3, 1] {
        wire.feed(&[0x50, 2, 0, id]);
    }
    wire.cut();
    wire.connect();
    wire.to_server.clear();
    wire.feed(&[0x20, 3, 1, 0, 0]);
    assert_eq!(wire.to_server[..], [0x62, 2, 0, 2, 0x62, 2, 0, 3, 0x62, 2, 0, 1]);
}

/// The caller holds a QoS 2 message over a reconnect and acknowledges it while there is no connection.
#[test]
fn a_qos_2_message_stays_the_callers_over_connections() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.acknowledge = Acknowledge::LateAndBackwards;
    wire.server.publish(QoS::ExactlyOnce, "x");
    wire.server.send(&mut wire.to_client);
    assert!(wire.carry(Direction::ToClient));
    wire.cut();
    assert!(wire.acknowledge_one());
    assert!(wire.to_server.is_empty());
    wire.connect();
    wire.run();
    assert_eq!(wire.got_bodies(), ["x"]);
    assert!(wire.server.is_idle());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Any number of breaks, either side moving when it likes, new messages at any time.
    #[test]
    fn any_course_of_events(
        version in prop_oneof![Just(ProtocolVersion::V3_1_1), Just(ProtocolVersion::V5)],
        late in any::<bool>(),
        window in 1u16..5,
        moves in prop::collection::vec(0u8..16, 0..150),
    ) {
        let acknowledge = if late { Acknowledge::LateAndBackwards } else { Acknowledge::AtOnce };
        let mut wire = busy(version, acknowledge, window);
        wire.connect();
        for next in moves {
            match next {
                0 => {
                    wire.cut();
                    wire.connect();
                }
                1..=3 => drop(wire.acknowledge_one()),
                4..=9 => drop(wire.carry(Direction::ToServer)),
                _ => drop(wire.carry(Direction::ToClient)),
            }
            wire.server.send(&mut wire.to_client);
        }
        wire.run();
        check(&wire);
    }
}
