//! Nothing comes twice that was published once.
//!
//! **Claim.** Of a message published with QoS 2, a session receives no second one with QoS 2, over all of its connections: a PUBLISH
//! with an identifier that the client holds (received, and no PUBREL yet) is the same one again. Of one that was published with QoS
//! 1 in a single PUBLISH packet, a session that is kept gets no second one with QoS 1, but for repetitions with DUP under the same
//! identifier. Of one with QoS 0, nobody gets a second one. In a shared group, all members count as one for QoS 2. That
//! it comes at all is what `at-least-once` says.
//!
//! **Let pass.** QoS 1 to sessions that are not kept: what reaches them is not logged, and comes again when a backend dies in just that
//! moment. QoS 1 that its publisher has sent again: it is another publish to the broker. Copies that came because of a
//! SUBSCRIBE (retain flag). Sessions with shared and other subscriptions to one topic: two copies are right there. QoS 2 that a publisher
//! has sent by two frontends and then given up, unanswered, by beginning a new session: with the old one goes what a
//! partition out of reach would have known its repetition by.
//! Everything, when a power cut may have taken what was acknowledged, since then acknowledgements of receivers are gone too.

use std::collections::BTreeMap;

use mqtt::QoS;

use crate::oracle::history::{Grant, History, Keeping, Novelty, Reception};
use crate::oracle::reach::possible;
use crate::oracle::record::{MessageNumber, Place};
use crate::oracle::{Circumstances, Losses, Violation};

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    if circumstances.losses != Losses::None {
        return Vec::new();
    }
    let mut seen: BTreeMap<(MessageNumber, String), Place> = BTreeMap::new();
    let mut violations = Vec::new();
    for got in history.receptions.iter().filter(|got| !got.retain && got.novelty == Novelty::New) {
        let Some(number) = got.message.filter(|number| is_claimed(history, got, *number)) else { continue };
        let Some(receiver) = receiver(history, got, number) else { continue };
        if let Some(first) = seen.insert((number, receiver.clone()), got.place) {
            let message = history.record.of(number);
            let text = format!("{number} {message} was published once, and {receiver} got it twice");
            let sent = history.sendings.get(&number).map(|sending| sending.first());
            violations.push(Violation::new(text, sent.into_iter().chain([first, got.place])));
        }
    }
    violations
}

fn is_claimed(history: &History<'_>, got: &Reception<'_>, number: MessageNumber) -> bool {
    let message = history.record.of(number);
    let sent = history.sendings.get(&number).map_or(1, |sending| sending.sent.len());
    match (message.qos, got.qos) {
        (QoS::ExactlyOnce, QoS::ExactlyOnce) => !is_given_up(history, number),
        (QoS::AtMostOnce, _) => true,
        (QoS::AtLeastOnce, QoS::AtLeastOnce) => sent == 1 && history.lives[got.life].keeping == Keeping::Long,
        _ => false,
    }
}

/// Whether it was sent again elsewhere, unanswered, by a publisher that may have begun a new session since.
fn is_given_up(history: &History<'_>, number: MessageNumber) -> bool {
    let Some(sending) = history.sendings.get(&number) else { return false };
    let life = history.connections.get(&sending.sent[0].1).and_then(|connection| connection.life);
    let may_have_ended = life.is_some_and(|life| history.lives[life].may_end.is_some());
    sending.has_moved() && sending.acknowledged.is_none() && may_have_ended
}

/// Who is to get one copy: the session, or the group; nobody where that is not clear.
fn receiver(history: &History<'_>, got: &Reception<'_>, number: MessageNumber) -> Option<String> {
    let life = &history.lives[got.life];
    let message = history.record.of(number);
    let grants: Vec<&Grant> = possible(life, message, history.earliest(number)?, got.place).collect();
    let mut shared: Vec<&str> = grants.iter().filter(|g| g.share().is_some()).map(|grant| &*grant.filter).collect();
    shared.dedup();
    let is_plain = grants.iter().any(|grant| grant.share().is_none());
    match shared[..] {
        [] => Some(format!("{} (session {})", life.client, got.life)),
        [group] if !is_plain && message.qos == QoS::ExactlyOnce => Some(group.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::oracle::Scene;
    use crate::oracle::scene::Coming;

    const RULE: &str = "exactly-once";

    #[test]
    fn a_second_copy_with_qos_2_is_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "a", 2);
        let message = scene.publish(writer, "a", 2);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE), []);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn a_repetition_before_pubrel_is_the_same_one() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a", 2);
        let message = scene.publish(writer, "a", 2);
        let coming = Coming { qos: 2, id: 7, dup: false, retain: false };
        scene.come(reader, message, coming);
        scene.lose(reader);
        let again = scene.resume(1);
        scene.come(again, message, Coming { dup: true, ..coming });
        scene.finish(again, 7, 2);
        assert_eq!(scene.violations(RULE), []);
        scene.come(again, message, Coming { dup: true, ..coming });
        assert_eq!(scene.violations(RULE).len(), 1, "the client has let it go");
    }

    #[test]
    fn what_a_publisher_has_given_up_with_its_session_may_come_twice() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.persistent(2));
        scene.subscribe(reader, "a", 2);
        let message = scene.publish(writer, "a", 2);
        scene.lose(writer);
        let writer = scene.resume(2);
        scene.send(writer, message);
        scene.deliver(reader, message);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE).len(), 1, "its session goes on");
        scene.lose(writer);
        scene.transient(2);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn with_qos_1_only_its_own_identifier_may_repeat_it() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let message = scene.publish(writer, "a", 1);
        let coming = Coming { qos: 1, id: 7, dup: false, retain: false };
        scene.come(reader, message, coming);
        scene.come(reader, message, Coming { dup: true, ..coming });
        assert_eq!(scene.violations(RULE), []);
        scene.come(reader, message, Coming { id: 8, ..coming });
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.send(writer, message);
        assert_eq!(scene.violations(RULE), [], "its publisher has sent it twice");
    }

    #[test]
    fn a_transient_session_may_get_qos_1_twice_and_nobody_qos_0() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        scene.subscribe(reader, "a", 1);
        let message = scene.publish(writer, "a", 1);
        scene.deliver(reader, message);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE), []);
        let message = scene.publish(writer, "a", 0);
        scene.deliver(reader, message);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn a_group_is_one_receiver() {
        let mut scene = Scene::new();
        let (one, other, writer) = (scene.persistent(1), scene.persistent(2), scene.transient(3));
        scene.subscribe(one, "$share/g/a", 2);
        scene.subscribe(other, "$share/g/a", 2);
        let message = scene.publish(writer, "a", 2);
        scene.deliver(one, message);
        assert_eq!(scene.violations(RULE), []);
        scene.deliver(other, message);
        assert_eq!(scene.violations(RULE).len(), 1);
    }
}
