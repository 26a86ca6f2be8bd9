//! Packet identifiers of a session outlive its connections, and the crash of the frontend that had them.
//!
//! **Reuse.** While a client has not answered a message to the end (PUBACK; PUBREC, PUBREL and PUBCOMP), no other message comes under its identifier,
//! in the same session, on this connection or a later one (MQTT-2.2.1-4).
//!
//! **Repetition.** A message that a session that is kept gets again is repeated under the identifier that it had, with DUP (MQTT-3.3.1-1,
//! MQTT-4.4.0-1), if its publisher has sent it once only.
//!
//! **Resumption.** What such a session was sent and has not answered comes again on its next connection that is open to the end.
//!
//! **Let pass.** Sessions that are not kept, for the last two: they end with their connection. Messages that may have expired, for
//! the last. Copies because of a SUBSCRIBE are messages of their own. Everything, when a power cut may have taken what was
//! acknowledged: the broker has then forgotten what it had handed out.

use std::collections::BTreeMap;

use mqtt::QoS;

use crate::oracle::history::{History, Keeping, LifeNumber, Reception};
use crate::oracle::reach::{is_kept_to_the_end, may_expire};
use crate::oracle::record::{Answer, MessageNumber, Place, What};
use crate::oracle::{Circumstances, Losses, Violation};

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    if circumstances.losses != Losses::None {
        return Vec::new();
    }
    let mut walk = Walk { history, in_flight: BTreeMap::new(), had: BTreeMap::new(), violations: Vec::new() };
    let mut receptions = history.receptions.iter().peekable();
    for (place, entry) in history.record.entries.iter().enumerate() {
        let life = history.connections.get(&entry.connection).and_then(|connection| connection.life);
        let Some(life) = life else { continue };
        match &entry.what {
            What::Received { .. } => {
                if let Some(got) = receptions.next_if(|got| got.place == place) {
                    walk.receive(got);
                }
            }
            What::Answer { how: Answer::PubAck | Answer::PubComp, id } => {
                walk.in_flight.remove(&(life, *id));
            }
            _ => {}
        }
    }
    walk.finish()
}

/// A message under an identifier that the client has not answered.
struct Flight {
    message: Option<MessageNumber>,
    last: Place,
}

struct Walk<'h, 'r> {
    history: &'h History<'r>,
    in_flight: BTreeMap<(LifeNumber, u16), Flight>,
    /// Where and under which identifier a session has got a message live.
    had: BTreeMap<(LifeNumber, MessageNumber), (u16, Place)>,
    violations: Vec<Violation>,
}

impl Walk<'_, '_> {
    fn receive(&mut self, got: &Reception<'_>) {
        if got.qos == QoS::AtMostOnce {
            return;
        }
        let client = self.history.lives[got.life].client;
        let flight = Flight { message: got.message, last: got.place };
        if let Some(before) = self.in_flight.insert((got.life, got.id), flight)
            && before.message != got.message
        {
            let shown = |message: Option<MessageNumber>| message.map_or_else(|| "?".into(), |m| m.to_string());
            let text = format!(
                "{client} got {} under identifier {}, which {} still has",
                shown(got.message),
                got.id,
                shown(before.message)
            );
            self.violations.push(Violation::new(text, [before.last, got.place]));
        }
        self.repeat(got);
    }

    fn repeat(&mut self, got: &Reception<'_>) {
        let Some(number) = got.message.filter(|_| !got.retain) else { return };
        let is_sent_once = self.history.sendings.get(&number).is_none_or(|sending| sending.sent.len() == 1);
        let life = &self.history.lives[got.life];
        let is_shared = life.grants.iter().any(|grant| grant.share().is_some());
        let before = self.had.insert((got.life, number), (got.id, got.place));
        let Some((id, place)) = before.filter(|_| life.keeping == Keeping::Long && !is_shared && is_sent_once) else {
            return;
        };
        if id != got.id || !got.dup {
            let text = format!(
                "{} got {number} again, as identifier {} with DUP {}, and had got it as {id}",
                life.client, got.id, got.dup
            );
            self.violations.push(Violation::new(text, [place, got.place]));
        }
    }

    /// What is in flight at the end must have been sent on the last connection.
    fn finish(mut self) -> Vec<Violation> {
        for ((life_number, id), flight) in &self.in_flight {
            let life = &self.history.lives[*life_number];
            let Some(number) = flight.message.filter(|_| is_kept_to_the_end(self.history, life)) else { continue };
            let last = life.connections.last().and_then(|last| self.history.connections.get(last));
            let Some(last) = last.filter(|last| last.connect > flight.last) else { continue };
            if may_expire(self.history.record.of(number)) {
                continue;
            }
            // With QoS 2, PUBREL alone may go on: the client had answered with PUBREC.
            let entries = self.history.record.entries[last.connect..].iter();
            let mut own = entries.filter(|entry| entry.connection == last.number);
            if own.any(|entry| matches!(entry.what, What::Released { id: released } if released == *id)) {
                continue;
            }
            let text =
                format!("{} has not answered {number} with identifier {id}, and it did not come again", life.client);
            self.violations.push(Violation::new(text, [flight.last, last.connect]));
        }
        self.violations
    }
}

#[cfg(test)]
mod tests {
    use crate::oracle::Scene;
    use crate::oracle::record::{ConnectionNumber, MessageNumber};
    use crate::oracle::scene::Coming;

    const RULE: &str = "identifiers";
    const FIRST: Coming = Coming { qos: 1, id: 7, dup: false, retain: false };

    fn scene() -> (Scene, ConnectionNumber, [MessageNumber; 2]) {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let messages = [scene.publish(writer, "a", 1), scene.publish(writer, "a", 1)];
        (scene, reader, messages)
    }

    #[test]
    fn an_identifier_in_flight_is_not_given_to_another() {
        let (mut scene, reader, [first, second]) = scene();
        scene.come(reader, first, FIRST);
        scene.come(reader, second, FIRST);
        assert_eq!(scene.violations(RULE).len(), 1);
        let (mut scene, reader, [first, second]) = self::scene();
        scene.come(reader, first, FIRST);
        scene.finish(reader, 7, 1);
        scene.come(reader, second, FIRST);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn identifiers_that_begin_anew_on_another_connection_are_seen() {
        let (mut scene, reader, [first, second]) = scene();
        scene.come(reader, first, FIRST);
        scene.lose(reader);
        let again = scene.resume(1);
        assert_eq!(scene.violations(RULE).len(), 1, "it did not come again");
        scene.come(again, first, Coming { dup: true, ..FIRST });
        assert_eq!(scene.violations(RULE), []);
        scene.finish(again, 7, 1);
        scene.lose(again);
        let third = scene.resume(1);
        scene.come(third, second, Coming { id: 9, ..FIRST });
        scene.come(third, first, Coming { id: 1, dup: true, ..FIRST });
        assert_eq!(scene.violations(RULE).len(), 1, "under another identifier");
    }

    #[test]
    fn what_comes_late_on_a_connection_that_was_taken_over_is_not_read() {
        let (mut scene, reader, [first, second]) = scene();
        let newer = scene.resume(1);
        scene.come(newer, first, Coming { dup: true, ..FIRST });
        scene.finish(newer, 7, 1);
        scene.come(reader, first, FIRST);
        scene.come(newer, second, FIRST);
        assert_eq!(scene.violations(RULE), []);
        assert_eq!(scene.violations("exactly-once"), []);
    }

    #[test]
    fn a_repetition_without_dup_is_seen() {
        let (mut scene, reader, [first, _]) = scene();
        scene.come(reader, first, FIRST);
        scene.lose(reader);
        let again = scene.resume(1);
        scene.come(again, first, FIRST);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn what_has_got_as_far_as_pubrec_goes_on_with_pubrel() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a", 2);
        let message = scene.publish(writer, "a", 2);
        scene.come(reader, message, Coming { qos: 2, ..FIRST });
        scene.lose(reader);
        let again = scene.resume(1);
        scene.add(again, crate::oracle::record::What::Released { id: 7 });
        assert_eq!(scene.violations(RULE), []);
    }
}
