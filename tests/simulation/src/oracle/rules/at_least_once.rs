//! What was acknowledged has reached every session that asked for it.
//!
//! **Claim.** A message with QoS 1 or 2 for which the client has seen PUBACK or PUBREC without error is received by every
//! session that is kept (session expiry beyond the run, never ended by its client) and that has, from before the first
//! PUBLISH until after the acknowledgement, a subscription with QoS 1 or 2: SUBACK seen before, UNSUBSCRIBE not sent until
//! after. A shared group whose members are all such sessions has one that receives it. Whoever reads the record at the end has
//! waited until everything is drained.
//!
//! **Let pass.** Messages that may have expired; those without payload, which cannot be told apart; sessions whose client is not
//! connected at the end (the rule `drained` speaks of those); groups with a member that is not kept or has left, since
//! what such a member was handed ends with it; everything, when a power cut or a lost disk may have taken what
//! was acknowledged.

use std::collections::BTreeMap;

use mqtt::QoS;

use crate::oracle::history::{Grant, History, Life, Sending};
use crate::oracle::reach::{certain, is_kept_to_the_end, is_sure, may_expire};
use crate::oracle::record::{Message, MessageNumber, Place};
use crate::oracle::{Circumstances, Losses, Violation};

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    if circumstances.losses != Losses::None {
        return Vec::new();
    }
    let kept: Vec<_> = history.lives.iter().enumerate().filter(|(_, life)| is_kept_to_the_end(history, life)).collect();
    let groups = groups(history);
    let mut violations = Vec::new();
    for (number, sending) in &history.sendings {
        let message = history.record.of(*number);
        let Some(acknowledged) = sending.acknowledged else { continue };
        if message.qos == QoS::AtMostOnce || message.len == 0 || may_expire(message) {
            continue;
        }
        let due = Due { number: *number, message, sending, acknowledged };
        for (life_number, life) in &kept {
            let grant = certain(life, message, sending.first(), acknowledged);
            let Some(grant) = grant.filter(|grant| is_sure(grant, message)) else { continue };
            if history.received(*life_number, *number).next().is_none() {
                violations.push(due.missing(life, grant));
            }
        }
        violations.extend(groups.values().filter_map(|group| group.check(history, &due)));
    }
    violations
}

/// A message that is owed.
struct Due<'a> {
    number: MessageNumber,
    message: &'a Message,
    sending: &'a Sending,
    acknowledged: Place,
}

impl Due<'_> {
    fn missing(&self, life: &Life, grant: &Grant) -> Violation {
        let Self { number, message, sending, acknowledged } = self;
        let text = format!(
            "{number} {message} was acknowledged, and {} has been subscribed to {} all along, and never got it",
            life.client, grant.filter
        );
        Violation::new(text, [grant.possible, sending.first(), *acknowledged].into_iter().chain(grant.certain))
    }
}

/// The members of `$share/name/filter`, over the whole run.
#[derive(Default)]
struct Group<'h> {
    members: Vec<(usize, &'h Life, &'h Grant)>,
}

fn groups<'h>(history: &'h History<'_>) -> BTreeMap<&'h str, Group<'h>> {
    let mut groups: BTreeMap<&str, Group<'h>> = BTreeMap::new();
    for (number, life) in history.lives.iter().enumerate() {
        for grant in life.grants.iter().filter(|grant| grant.share().is_some()) {
            groups.entry(&grant.filter).or_default().members.push((number, life, grant));
        }
    }
    groups
}

impl Group<'_> {
    fn check(&self, history: &History<'_>, due: &Due<'_>) -> Option<Violation> {
        let Due { number, message, sending, acknowledged } = due;
        let (_, life, grant) = self.members.first()?;
        if !grant.matches(&message.topic) {
            return None;
        }
        let stays = |life: &Life, grant: &Grant| {
            is_kept_to_the_end(history, life) && grant.may_end.is_none() && is_sure(grant, message)
        };
        let is_certain = self.members.iter().any(|(_, _, grant)| grant.is_certain(sending.first(), *acknowledged));
        let all_stay = self.members.iter().all(|(_, life, grant)| stays(life, grant));
        let mut members = self.members.iter();
        let got = members.any(|(life, ..)| history.received(*life, *number).next().is_some());
        (is_certain && all_stay && !got).then(|| due.missing(life, grant))
    }
}

#[cfg(test)]
mod tests {
    use crate::oracle::Scene;
    use crate::oracle::scene::Held;

    const RULE: &str = "at-least-once";

    #[test]
    fn an_acknowledged_message_that_never_comes_is_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a/+", 1);
        let message = scene.publish(writer, "a/1", 1);
        scene.acknowledge(writer, message);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.deliver(reader, message);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn it_may_come_on_a_later_connection() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a/1", 2);
        scene.lose(reader);
        let message = scene.publish(writer, "a/1", 2);
        scene.acknowledge(writer, message);
        let again = scene.resume(1);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.deliver(again, message);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn what_was_not_acknowledged_or_asked_for_all_along_is_not_owed() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.publish(writer, "a/1", 1);
        let early = scene.publish(writer, "a/1", 1);
        scene.subscribe(reader, "a/1", 1);
        scene.acknowledge(writer, early);
        let late = scene.publish(writer, "a/1", 1);
        scene.unsubscribe(reader, "a/1");
        scene.acknowledge(writer, late);
        let weak = scene.persistent(3);
        scene.subscribe(weak, "#", 0);
        let only_qos_0 = scene.publish(writer, "a/1", 1);
        scene.acknowledge(writer, only_qos_0);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_session_that_its_client_ends_is_owed_nothing() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        scene.subscribe(reader, "a/1", 1);
        let message = scene.publish(writer, "a/1", 1);
        scene.acknowledge(writer, message);
        scene.lose(reader);
        scene.persistent(1);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_group_has_one_member_that_gets_it() {
        let mut scene = Scene::new();
        let (one, other, writer) = (scene.persistent(1), scene.persistent(2), scene.transient(3));
        scene.subscribe(one, "$share/g/a", 1);
        scene.subscribe(other, "$share/g/a", 1);
        let message = scene.publish(writer, "a", 1);
        scene.acknowledge(writer, message);
        assert_eq!(scene.violations(RULE).len(), 1);
        scene.deliver(other, message);
        assert_eq!(scene.violations(RULE), []);
        let second = scene.publish(writer, "a", 1);
        scene.acknowledge(writer, second);
        scene.unsubscribe(one, "$share/g/a");
        assert_eq!(scene.violations(RULE), [], "it may have been handed to the one that left");
    }

    #[test]
    fn an_own_message_is_not_owed_with_no_local() {
        let mut scene = Scene::new();
        let both = scene.persistent(1);
        scene.subscribe_with(both, "a", Held { no_local: true, ..Held::at(1) });
        let message = scene.publish(both, "a", 1);
        scene.acknowledge(both, message);
        assert_eq!(scene.violations(RULE), []);
    }
}
