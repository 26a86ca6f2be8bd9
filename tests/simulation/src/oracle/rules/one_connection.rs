//! A client identifier has one connection.
//!
//! **Claim.** At the end of the record at most one connection of a client identifier is open. Where no fault is felt, the older one
//! is closed by the server within [`PROMPTLY`] of the CONNACK on the newer (MQTT-3.1.4-3).
//! A SUBSCRIBE that is sent on the older one after the CONNACK on the newer is never granted.
//!
//! **Let pass.** What happens to the older one while a frontend cannot be told: the broker takes it away when it can.

use std::time::Duration;

use crate::oracle::history::{Connection, History};
use crate::oracle::record::{Place, What};
use crate::oracle::{Circumstances, Violation};

const PROMPTLY: Duration = Duration::from_secs(5);

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    let mut violations = Vec::new();
    for newer in history.connections.values() {
        let Some(accepted) = newer.accepted else { continue };
        let older = history.of_client(newer.client).filter(|older| older.accepted.is_some_and(|at| at < accepted));
        for older in older.filter(|older| older.connect < newer.connect) {
            violations.extend(both_live(history, circumstances, older, (newer, accepted)));
        }
    }
    violations
}

fn both_live(
    history: &History<'_>,
    circumstances: &Circumstances,
    older: &Connection,
    (newer, accepted): (&Connection, Place),
) -> Option<Violation> {
    let begun = older.accepted?;
    let pair = format!("{} and {} of {}", older.number, newer.number, newer.client);
    if older.is_open_at_end() && newer.is_open_at_end() {
        return Some(Violation::new(format!("{pair} are both open at the end"), [begun, accepted]));
    }
    let entries = &history.record.entries;
    let deadline = entries[accepted].at + PROMPTLY;
    let is_calm = circumstances.is_calm(entries[begun].at, deadline) && history.record.end() > deadline;
    let is_late = older.closed.is_none_or(|(place, _)| entries[place].at > deadline);
    if is_calm && is_late {
        let text = format!("{pair}: the older one was open {} s after the newer began", PROMPTLY.as_secs());
        return Some(Violation::new(text, [begun, accepted]));
    }
    let granted = entries.iter().enumerate().skip(accepted).find(|(place, entry)| {
        let What::Subscribed { id, reason, .. } = &entry.what else { return false };
        let is_its = |asked: &What| matches!(asked, What::Subscribe { id: asked, .. } if asked == id);
        let mut asked = entries[accepted..*place].iter();
        entry.connection == older.number
            && !reason.is_error()
            && asked.any(|asked| asked.connection == older.number && is_its(&asked.what))
    });
    granted.map(|(place, _)| {
        let text = format!("{pair}: a SUBSCRIBE was granted to the older one, which was taken over before");
        Violation::new(text, [begun, accepted, place])
    })
}

#[cfg(test)]
mod tests {
    use crate::oracle::Kind;
    use crate::oracle::Scene;
    use crate::oracle::circumstances::Disturbance;
    use crate::oracle::record::{Closed, What};
    use mqtt::ReasonCode;
    use std::time::Duration;

    const RULE: &str = "one-connection";

    #[test]
    fn two_open_connections_are_seen() {
        let mut scene = Scene::new();
        let first = scene.persistent(1);
        scene.resume(1);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.add(first, What::Closed(Closed::Told(ReasonCode::SessionTakenOver)));
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn without_faults_the_older_one_is_closed_at_once() {
        let mut scene = Scene::new();
        let (first, busy) = (scene.persistent(1), scene.transient(2));
        scene.resume(1);
        for _ in 0..10 {
            scene.publish(busy, "a", 0);
        }
        scene.add(first, What::Closed(Closed::Told(ReasonCode::SessionTakenOver)));
        assert_eq!(scene.violations(RULE).len(), 1);
        let (from, until) = (Duration::ZERO, Duration::from_secs(20));
        let text = "the frontend was cut off".to_owned();
        scene.circumstances.disturbances = vec![Disturbance { from, until, kind: Kind::Other, text }];
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_subscription_of_the_older_one_is_seen() {
        let mut scene = Scene::new();
        let first = scene.persistent(1);
        scene.resume(1);
        scene.subscribe(first, "a", 1);
        scene.lose(first);
        assert_eq!(scene.violations(RULE).len(), 1);
    }
}
