//! From SUBACK on, what is published arrives, also where nothing is kept.
//!
//! **Claim.** A message that is first sent after the SUBACK of a matching subscription (of a session that is kept or not) arrives on that connection:
//! with QoS 1 or 2 and acknowledged, if the connection is open to the end of the record, or no fault is felt from its PUBLISH until
//! [`PATIENCE`] after its acknowledgement and the connection is open as long; with QoS 0, published or granted, if no fault is
//! felt from its PUBLISH until [`PATIENCE`] after it and the connection is open as long.
//!
//! **Let pass.** QoS 0 near faults: it may be lost. QoS 1 and 2 to sessions that are kept: `at-least-once` has them, over all their
//! connections. Messages that may have expired, those without payload, shared subscriptions (the member is the broker's choice).
//! Connections that another of the same client has taken over.

use std::time::Duration;

use mqtt::QoS;

use crate::oracle::history::{Connection, History, Keeping, Life, Sending};
use crate::oracle::reach::{certain, may_expire};
use crate::oracle::record::{Message, MessageNumber, Place};
use crate::oracle::{Circumstances, Losses, Violation};

/// So long a client that is slow on purpose may let messages wait behind its Receive Maximum.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    if circumstances.losses != Losses::None {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for (number, sending) in &history.sendings {
        let message = history.record.of(*number);
        if message.len == 0 || may_expire(message) {
            continue;
        }
        for connection in history.connections.values() {
            let Some(life) = connection.life.map(|life| &history.lives[life]) else { continue };
            violations.extend(missing(history, circumstances, (*number, message, sending), (connection, life)));
        }
    }
    violations
}

fn missing(
    history: &History<'_>,
    circumstances: &Circumstances,
    (number, message, sending): (MessageNumber, &Message, &Sending),
    (connection, life): (&Connection, &Life),
) -> Option<Violation> {
    let (accepted, first) = (connection.accepted?, sending.first());
    if accepted > first {
        return None;
    }
    let at = |place: Place| history.record.entries[place].at;
    // Until when it is to be subscribed to: an acknowledgement says that it is on its way.
    let taken = sending.acknowledged.filter(|_| message.qos > QoS::AtMostOnce);
    let until = taken.unwrap_or_else(|| after(history, at(first) + PATIENCE));
    let grant = certain(life, message, first, until)?;
    let qos = grant.qos(message.qos);
    let is_calm = circumstances.is_calm(at(first), at(until.min(history.record.entries.len() - 1)) + PATIENCE);
    let deadline = after(history, at(until.min(history.record.entries.len() - 1)) + PATIENCE);
    let is_open_for_long = deadline < history.record.entries.len() && is_open(history, connection, deadline);
    let is_due = match qos {
        QoS::AtMostOnce => is_calm && is_open_for_long && (taken.is_some() || message.qos == QoS::AtMostOnce),
        _ if life.keeping == Keeping::Long || taken.is_none() => false,
        _ => is_open(history, connection, usize::MAX) || is_calm && is_open_for_long,
    };
    let mut received = history.receptions.iter();
    let got = |message: Option<MessageNumber>| message == Some(number);
    if !is_due || received.any(|r| got(r.message) && r.connection == connection.number) {
        return None;
    }
    let text = format!(
        "{number} {message} was sent after the SUBACK of {} for {}, on {}, which stayed open, and did not arrive",
        life.client, grant.filter, connection.number
    );
    Some(Violation::new(text, [grant.possible, first].into_iter().chain(grant.certain).chain(taken)))
}

/// The first place later than a moment; the length of the record where there is none.
fn after(history: &History<'_>, moment: Duration) -> Place {
    history.record.entries.partition_point(|entry| entry.at <= moment)
}

/// Whether it is the client's connection up to a place: open, and not taken over.
fn is_open(history: &History<'_>, connection: &Connection, until: Place) -> bool {
    let closed = connection.closed.map(|(place, _)| place);
    let left = connection.disconnect.map(|(place, ..)| place);
    let others = history.of_client(connection.client).map(|other| other.connect);
    let taken_over = others.filter(|connect| *connect > connection.connect).min();
    closed.into_iter().chain(left).chain(taken_over).all(|place| place >= until)
}

#[cfg(test)]
mod tests {
    use crate::oracle::circumstances::Disturbance;
    use crate::oracle::{Kind, Scene};
    use std::time::Duration;

    const RULE: &str = "subscribed";

    #[test]
    fn an_acknowledged_message_that_a_transient_session_misses_is_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let message = scene.publish(writer, "a", 1);
        assert_eq!(scene.violations(RULE), [], "not acknowledged");
        scene.acknowledge(writer, message);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn what_a_transient_session_had_not_received_ends_with_it() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let message = scene.publish(writer, "a", 1);
        scene.acknowledge(writer, message);
        scene.lose(reader);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn qos_0_arrives_where_nothing_is_disturbed() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "a", 0);
        scene.publish(writer, "a", 0);
        for _ in 0..50 {
            scene.publish(writer, "b", 0);
        }
        assert_eq!(scene.violations(RULE).len(), 1);
        let text = "a backend ended".to_owned();
        let (from, until) = (Duration::from_secs(10), Duration::from_secs(11));
        scene.circumstances.disturbances = vec![Disturbance { from, until, kind: Kind::Other, text }];
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn before_suback_nothing_is_promised() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let early = scene.publish(writer, "a", 1);
        scene.subscribe(reader, "a", 1);
        scene.acknowledge(writer, early);
        assert_eq!(scene.violations(RULE), []);
    }
}
