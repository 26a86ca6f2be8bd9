//! Messages come in the order in which they were published.
//!
//! **Claim.** For each publisher, topic and QoS: a session that receives two messages with the same QoS receives first (for the first
//! time) the one that was published first (MQTT-4.6.0-5, -6). Published first means: its PUBLISH was sent on the same
//! connection before the first PUBLISH of the other, or it was acknowledged before that was sent.
//!
//! **Let pass.** What comes again after it has come. Pairs of which the first was sent on an earlier connection only and never
//! acknowledged: its connection was lost, and when the broker heard of it nobody knows. Pairs of which the first was published with
//! QoS 1 on several connections: the earlier frontend may hand over its copy at any time, and it is the first for a session
//! that was not subscribed when the other came. Pairs of QoS 1 of which the first was sent before the session was subscribed for certain: it may
//! have been published then, and once more to the session when its batch went to another leader. Messages that were refused. Pairs of a client
//! before MQTT 5 of which the second was sent before the first was acknowledged, and a disk was full meanwhile: the client is not told that
//! the first is refused, and when its frontend sends it again the second may have found room (docs/decisions/0004-durability.md). Shared
//! subscriptions, for which MQTT promises no order. Copies that came because of a SUBSCRIBE. Everything, when a power cut may have
//! taken what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use mqtt::QoS;

use crate::oracle::history::{History, LifeNumber, Sending};
use crate::oracle::reach::{certain, possible};
use crate::oracle::record::{ClientNumber, MessageNumber, Place, Version};
use crate::oracle::{Circumstances, Losses, Violation};

/// What is in order: receiver, publisher, topic, QoS as published and as received.
type Line<'r> = (LifeNumber, ClientNumber, &'r str, QoS, QoS);

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    if circumstances.losses != Losses::None {
        return Vec::new();
    }
    let mut known = BTreeSet::new();
    let mut lines: BTreeMap<Line<'_>, Vec<(MessageNumber, &Sending, Place)>> = BTreeMap::new();
    for got in history.receptions.iter().filter(|got| !got.retain) {
        let Some((number, sending)) = got.message.and_then(|number| Some((number, history.sendings.get(&number)?)))
        else {
            continue;
        };
        let message = history.record.of(number);
        let life = &history.lives[got.life];
        let mut grants = possible(life, message, sending.first(), got.place);
        let is_shared = grants.any(|grant| grant.share().is_some());
        if !known.insert((got.life, number)) || is_shared || sending.refused.is_some() {
            continue;
        }
        let line = (got.life, message.client, &*message.topic, message.qos, got.qos);
        lines.entry(line).or_default().push((number, sending, got.place));
    }
    lines.iter().flat_map(|((life, ..), line)| turned(history, circumstances, *life, line)).collect()
}

/// For each message that came after one that was published later, the first such pair.
fn turned(
    history: &History<'_>,
    circumstances: &Circumstances,
    life: LifeNumber,
    line: &[(MessageNumber, &Sending, Place)],
) -> Vec<Violation> {
    let mut violations = Vec::new();
    // What came so far, by when it was published, the latest last.
    let mut before: BTreeMap<Place, (MessageNumber, &Sending, Place)> = BTreeMap::new();
    for (number, sending, place) in line {
        let mut later = before.range(sending.first()..).map(|(_, came)| came);
        let message = history.record.of(*number);
        let is_subscribed = || certain(&history.lives[life], message, sending.first(), *place).is_some();
        let may_be_late = message.qos == QoS::AtLeastOnce && (sending.has_moved() || !is_subscribed());
        let is_turned =
            |after: &Sending| is_before(sending, after) && !may_overtake(history, circumstances, sending, after);
        if let Some((other, after, came)) = later.find(|(_, after, _)| !may_be_late && is_turned(after)) {
            let client = history.lives[life].client;
            let text = format!(
                "{number} was published before {other} {}, and {client} got them the other way round",
                history.record.of(*other)
            );
            let places = [sending.first(), after.first(), *came, *place];
            violations.push(Violation::new(text, places.into_iter().chain(sending.acknowledged)));
        }
        before.insert(sending.first(), (*number, sending, *place));
    }
    violations
}

fn is_before(first: &Sending, second: &Sending) -> bool {
    let (begun, on) = second.sent[0];
    let is_acknowledged = first.acknowledged.is_some_and(|place| place < begun);
    is_acknowledged || first.sent.iter().any(|(place, connection)| *place < begun && *connection == on)
}

/// Whether the first may have been refused without its client being told, and the second not.
fn may_overtake(history: &History<'_>, circumstances: &Circumstances, first: &Sending, second: &Sending) -> bool {
    let at = |place: Place| history.record.entries[place].at;
    let (begun, on) = first.sent[0];
    let is_told = history.connections.get(&on).is_none_or(|connection| connection.version == Version::V5);
    let until = first.acknowledged.map_or(history.record.end(), at);
    let is_behind = first.acknowledged.is_none_or(|acknowledged| acknowledged > second.first());
    !is_told && is_behind && circumstances.refuse_publishes(at(begun), until)
}

#[cfg(test)]
mod tests {
    use crate::oracle::circumstances::Disturbance;
    use crate::oracle::record::{Version, What};
    use crate::oracle::scene::Coming;
    use crate::oracle::{Kind, Scene};

    const RULE: &str = "order";

    #[test]
    fn two_that_come_the_other_way_round_are_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let messages = [1, 1, 1].map(|qos| scene.publish(writer, "a", qos));
        scene.deliver(reader, messages[0]);
        scene.deliver(reader, messages[2]);
        assert_eq!(scene.violations(RULE), []);
        scene.deliver(reader, messages[1]);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn other_topics_publishers_and_qualities_have_an_order_of_their_own() {
        let mut scene = Scene::new();
        let (reader, writer, other) = (scene.transient(1), scene.transient(2), scene.transient(3));
        scene.subscribe(reader, "#", 2);
        let first = scene.publish(writer, "a", 1);
        let rest = [scene.publish(writer, "b", 1), scene.publish(writer, "a", 0), scene.publish(other, "a", 1)];
        for message in rest.into_iter().chain([first]) {
            scene.deliver(reader, message);
        }
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn what_comes_again_does_not_count() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let messages = [scene.publish(writer, "a", 1), scene.publish(writer, "a", 1)];
        for (id, message) in [(7, messages[0]), (8, messages[1])] {
            scene.come(reader, message, Coming { qos: 1, id, dup: false, retain: false });
        }
        scene.lose(reader);
        let again = scene.resume(1);
        scene.come(again, messages[0], Coming { qos: 1, id: 7, dup: true, retain: false });
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_copy_that_an_earlier_frontend_has_kept_may_come_late_with_qos_1() {
        for qos in [1, 2] {
            let mut scene = Scene::new();
            let (reader, writer) = (scene.transient(1), scene.persistent(2));
            scene.subscribe(reader, "a", 2);
            let first = scene.publish(writer, "a", qos);
            scene.lose(writer);
            let writer = scene.resume(2);
            scene.send(writer, first);
            let second = scene.publish(writer, "a", qos);
            scene.deliver(reader, second);
            scene.deliver(reader, first);
            assert_eq!(scene.violations(RULE).len(), usize::from(qos == 2));
        }
    }

    #[test]
    fn what_was_sent_before_the_session_was_subscribed_may_come_with_a_repetition_of_qos_1() {
        for qos in [1, 2] {
            let mut scene = Scene::new();
            let (reader, writer) = (scene.transient(1), scene.transient(2));
            let first = scene.publish(writer, "a", qos);
            scene.subscribe(reader, "a", 2);
            let second = scene.publish(writer, "a", qos);
            scene.deliver(reader, second);
            scene.deliver(reader, first);
            assert_eq!(scene.violations(RULE).len(), usize::from(qos == 2));
        }
    }

    #[test]
    fn of_two_connections_only_what_was_acknowledged_is_before() {
        for is_acknowledged in [false, true] {
            let mut scene = Scene::new();
            let (reader, writer) = (scene.transient(1), scene.persistent(2));
            scene.subscribe(reader, "a", 1);
            let first = scene.publish(writer, "a", 1);
            if is_acknowledged {
                scene.acknowledge(writer, first);
            }
            scene.lose(writer);
            let writer = scene.resume(2);
            let second = scene.publish(writer, "a", 1);
            scene.deliver(reader, second);
            scene.deliver(reader, first);
            assert_eq!(scene.violations(RULE).len(), usize::from(is_acknowledged));
        }
    }
    #[test]
    fn behind_what_a_full_disk_has_refused_a_client_before_mqtt_5_may_be_faster() {
        for (version, kind, is_acknowledged) in [
            (Version::V311, Kind::FullDisk, false),
            (Version::V311, Kind::FullDisk, true),
            (Version::V311, Kind::Other, false),
            (Version::V5, Kind::FullDisk, false),
        ] {
            let mut scene = Scene::new();
            let (reader, writer) = (scene.transient(1), scene.transient(2));
            let connect = scene.record.entries.iter_mut().rev().find_map(|entry| match &mut entry.what {
                What::Connect { version, .. } => Some(version),
                _ => None,
            });
            *connect.expect("the writer's") = version;
            scene.subscribe(reader, "a", 2);
            let from = scene.record.end();
            let first = scene.publish(writer, "a", 2);
            if is_acknowledged {
                scene.acknowledge(writer, first);
            }
            let until = scene.record.end();
            scene.circumstances.disturbances = vec![Disturbance { from, until, kind, text: String::new() }];
            let second = scene.publish(writer, "a", 2);
            scene.deliver(reader, second);
            scene.deliver(reader, first);
            let is_let_pass = (version, kind, is_acknowledged) == (Version::V311, Kind::FullDisk, false);
            assert_eq!(scene.violations(RULE).is_empty(), is_let_pass, "{version:?} {kind:?} {is_acknowledged}");
        }
    }
}
