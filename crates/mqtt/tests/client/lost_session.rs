//! Servers that come back without the session.

use mqtt::client::{Acknowledged, LostSession, RequestError, Settings};
use mqtt::{ProtocolVersion, QoS, ReasonCode};

use super::wire::{Acknowledge, Direction, Wire};

/// Three QoS 2 publishes: one released, one taken over, one sent.
fn unfinished(policy: LostSession) -> Wire {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings { lost_session: policy, ..Settings::default() });
    wire.connect();
    wire.run();
    for n in 0..3 {
        wire.publish(QoS::ExactlyOnce, n.to_string());
    }
    wire.publish(QoS::AtLeastOnce, "3");
    wire.settle();
    (0..2).for_each(|_| assert!(wire.carry(Direction::ToServer)));
    // PUBREC of the first.
    assert!(wire.carry(Direction::ToClient));
    wire.cut();
    wire.server.forgets = true;
    wire.connect();
    wire
}

#[test]
fn republished_they_arrive_at_least_once() {
    let mut wire = unfinished(LostSession::Republish);
    wire.run();
    assert_eq!(wire.server.delivered, ["0", "1", "1", "2", "3"], "the second had arrived before");
    assert!(wire.server.dups.iter().all(|(_, dup)| !dup), "for this session they are new");
    assert!(wire.completed.values().all(|outcome| *outcome == Ok(ReasonCode::Success)));
    assert_eq!(wire.completed.len(), 4);
}

#[test]
fn failed_they_arrive_at_most_once() {
    let mut wire = unfinished(LostSession::Fail);
    wire.run();
    assert_eq!(wire.server.delivered, ["0", "1"]);
    let outcomes: Vec<_> = wire.tokens.iter().map(|(token, ..)| wire.completed[token].clone()).collect();
    let lost = Err(RequestError::SessionLost);
    assert_eq!(outcomes, [Ok(ReasonCode::Success), lost.clone(), lost.clone(), lost]);
    assert!(wire.machine.is_idle());
}

#[test]
fn what_was_never_sent_is_sent_either_way() {
    let mut wire = Wire::new(ProtocolVersion::V5, Settings { lost_session: LostSession::Fail, ..Settings::default() });
    wire.publish(QoS::ExactlyOnce, "x");
    wire.connect();
    wire.run();
    assert_eq!(wire.server.delivered, ["x"]);
}

#[test]
fn receipts_of_a_lost_session_mean_nothing() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.acknowledge = Acknowledge::Never;
    wire.server.publish(QoS::ExactlyOnce, "x");
    wire.server.publish(QoS::AtLeastOnce, "y");
    wire.run();
    wire.cut();
    wire.server.forgets = true;
    wire.connect();
    wire.run();
    for got in wire.got.clone() {
        assert_eq!(wire.machine.acknowledge(got.receipt.unwrap(), ReasonCode::Success), Acknowledged::Stale);
    }
    wire.settle();
    assert!(wire.to_server.is_empty());
}

#[test]
fn an_abandoned_session_owes_nothing() {
    let mut wire = Wire::connected(ProtocolVersion::V5);
    wire.publish(QoS::AtLeastOnce, "sent");
    wire.settle();
    wire.cut();
    wire.publish(QoS::AtLeastOnce, "queued");
    wire.machine.abandon();
    wire.settle();
    assert!(wire.completed.values().all(|outcome| *outcome == Err(RequestError::SessionLost)));
    assert_eq!((wire.completed.len(), wire.machine.is_idle(), wire.machine.has_room()), (2, true, true));
}
