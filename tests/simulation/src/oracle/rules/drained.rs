//! When nothing is disturbed any more, everything comes to its end.
//!
//! **Claim.** From [`Circumstances::calm_from`] on every client is connected and reads; the record goes on for a while. At its end every
//! client has an open connection; every PUBLISH, SUBSCRIBE and UNSUBSCRIBE that was sent on it at least [`LATE`] before the end is
//! answered, to PUBCOMP where there is one; and the backends have nothing waiting for any session.
//!
//! **Let pass.** Nothing: what was refused is answered too.

use std::collections::BTreeSet;
use std::time::Duration;

use mqtt::QoS;

use crate::oracle::history::{Connection, History};
use crate::oracle::record::{ConnectionNumber, MessageNumber, Place, What};
use crate::oracle::{Circumstances, Violation};

const LATE: Duration = Duration::from_secs(6);

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    let Some(calm_from) = circumstances.calm_from else { return Vec::new() };
    let mut violations: Vec<_> =
        circumstances.waiting.iter().map(|line| Violation::new(format!("at the end {line}"), [])).collect();
    let clients: BTreeSet<_> = history.connections.values().map(|connection| connection.client).collect();
    for client in clients {
        let last = history.of_client(client).max_by_key(|connection| connection.connect);
        let Some(last) = last.filter(|last| !last.is_open_at_end()) else { continue };
        let text = format!(
            "{client} has no connection at the end, {:?} after all faults",
            history.record.end().saturating_sub(calm_from)
        );
        let places = [Some(last.connect), last.accepted, last.closed.map(|(place, _)| place)];
        violations.push(Violation::new(text, places.into_iter().flatten()));
    }
    let open = history.connections.values().filter(|connection| connection.is_open_at_end());
    violations.extend(open.flat_map(|connection| unanswered(history, connection)));
    violations
}

fn unanswered(history: &History<'_>, connection: &Connection) -> Vec<Violation> {
    let entries = &history.record.entries;
    let end = history.record.end();
    let own = |place: &Place| entries[*place].connection == connection.number && entries[*place].at + LATE < end;
    let asked = (connection.connect..entries.len()).filter(own);
    let open = asked.filter(|place| !is_answered(history, connection.number, *place));
    let text = |place: Place| format!("{} has had no answer to this since:", history.record.entries[place].client);
    open.map(|place| Violation::new(text(place), [place])).collect()
}

fn is_answered(history: &History<'_>, connection: ConnectionNumber, place: Place) -> bool {
    let rest = history.record.entries[place..].iter().filter(|entry| entry.connection == connection);
    let mut rest = rest.map(|entry| &entry.what);
    match &history.record.entries[place].what {
        What::Publish { message, .. } => is_published(history, *message, rest),
        What::Release { message, .. } => {
            rest.any(|what| matches!(what, What::Completed { message: done, .. } if done == message))
        }
        What::Subscribe { id, filter, .. } => {
            rest.any(|what| matches!(what, What::Subscribed { id: i, filter: f, .. } if i == id && f == filter))
        }
        What::Unsubscribe { id, filter } => {
            rest.any(|what| matches!(what, What::Unsubscribed { id: i, filter: f, .. } if i == id && f == filter))
        }
        _ => true,
    }
}

fn is_published<'w>(history: &History<'_>, number: MessageNumber, mut rest: impl Iterator<Item = &'w What>) -> bool {
    let is_last = |what: &What| match what {
        What::Acknowledged { message, reason } => {
            *message == number && (history.record.of(number).qos == QoS::AtLeastOnce || reason.is_error())
        }
        What::Completed { message, .. } => *message == number,
        _ => false,
    };
    history.record.of(number).qos == QoS::AtMostOnce || rest.any(is_last)
}

#[cfg(test)]
mod tests {
    use crate::oracle::Scene;
    use crate::oracle::scene::Held;
    use std::time::Duration;

    const RULE: &str = "drained";

    fn scene() -> Scene {
        let mut scene = Scene::new();
        scene.circumstances.calm_from = Some(Duration::ZERO);
        scene
    }

    #[test]
    fn what_is_not_answered_to_the_end_is_seen() {
        for qos in [1, 2] {
            let mut scene = scene();
            let writer = scene.transient(1);
            let message = scene.publish(writer, "a", qos);
            scene.begin_subscribe(writer, "b", Held::at(1));
            for _ in 0..40 {
                scene.publish(writer, "a", 0);
            }
            assert_eq!(scene.violations(RULE).len(), 2);
            scene.acknowledge(writer, message);
            assert_eq!(scene.violations(RULE).len(), usize::from(qos), "PUBCOMP is missing, or the SUBACK alone");
        }
    }

    #[test]
    fn a_client_that_cannot_come_back_is_seen() {
        let mut scene = scene();
        let first = scene.persistent(1);
        assert_eq!(scene.violations(RULE), []);
        scene.lose(first);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.resume(1);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_queue_that_is_not_empty_is_seen() {
        let mut scene = scene();
        scene.transient(1);
        scene.circumstances.waiting = vec!["3 messages wait for c1".into()];
        assert_eq!(scene.violations(RULE).len(), 1);
    }
}
