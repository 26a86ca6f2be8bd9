//! What a topic retains is what was acknowledged last.
//!
//! **Claim.** Each topic is a register: a retained PUBLISH writes it from its first packet to its acknowledgement, a SUBSCRIBE reads
//! it from its packet on (what it brings may wait behind other messages, also until the client has subscribed again). A value that is
//! read was written before, and nothing that was acknowledged had replaced it when the SUBSCRIBE was sent: no other write began
//! after its acknowledgement and was acknowledged before the SUBSCRIBE. That nothing is read is right only where
//! nothing was ever acknowledged to be there, or something empty may have been written later. This holds for reads of single
//! topics with QoS 1 or 2 whose connection is open to the end, so that what it was sent has arrived, and, of the value
//! that came, for every read.
//!
//! **Let pass.** Writes that were not acknowledged may have taken place at any time from their first packet on, or never;
//! those that were refused too, and those of QoS 1 that were sent on several connections: an earlier frontend may hand over its
//! copy at any time, acknowledged or not. Topics of which a message may have expired: nothing is claimed of an empty read. Everything, when
//! a power cut may have taken what was acknowledged. An empty read with No Local of a topic that its own client has written: what is there
//! may be the client's own.

use std::collections::BTreeMap;

use mqtt::QoS;

use crate::oracle::history::{Connection, History, Life, LifeNumber, Novelty, Reception, Sending};
use crate::oracle::reach::may_expire;
use crate::oracle::record::{Message, MessageNumber, Place, What};
use crate::oracle::{Circumstances, Losses, Violation};

pub(super) fn check(history: &History<'_>, circumstances: &Circumstances) -> Vec<Violation> {
    if circumstances.losses != Losses::None {
        return Vec::new();
    }
    let writes = writes(history);
    let mut before: BTreeMap<(LifeNumber, &str), usize> = BTreeMap::new();
    let came = history.receptions.iter().filter(|got| got.retain && got.novelty == Novelty::New);
    let stale = came.filter_map(|got| {
        let number = got.message?;
        let nth = before.entry((got.life, got.topic)).or_default();
        let asked = asked(history, got, *nth);
        *nth += 1;
        let asked = asked?;
        let write = writes.iter().find(|write| write.number == number)?;
        let newer = replaced(&writes, write, asked)?;
        let text = format!(
            "{number} {} came as retained, and {} had replaced it before the SUBSCRIBE",
            write.message, newer.number
        );
        let places = [write.begun, asked, got.place, newer.begun];
        Some(Violation::new(text, places.into_iter().chain(write.done).chain(newer.done)))
    });
    stale.chain(empty_reads(history, &writes)).collect()
}

/// A retained PUBLISH.
struct Write<'h> {
    number: MessageNumber,
    message: &'h Message,
    begun: Place,
    done: Option<Place>,
}

fn writes<'h>(history: &'h History<'_>) -> Vec<Write<'h>> {
    let all = (0..).map(MessageNumber).zip(&history.record.messages);
    let retained = all.filter(|(_, message)| message.retain);
    retained
        .filter_map(|(number, message)| {
            let begun = history.earliest(number)?;
            let sending = history.sendings.get(&number);
            let has_end = |sending: &&Sending| message.qos != QoS::AtLeastOnce || !sending.has_moved();
            let done = sending.filter(has_end).and_then(|sending| sending.acknowledged);
            Some(Write { number, message, begun, done })
        })
        .collect()
}

/// What has surely replaced a write before `read`.
fn replaced<'w, 'h>(writes: &'w [Write<'h>], write: &Write<'_>, read: Place) -> Option<&'w Write<'h>> {
    let done = write.done?;
    let mut others = writes.iter().filter(|other| other.message.topic == write.message.topic);
    others.find(|other| other.begun > done && other.done.is_some_and(|other| other < read))
}

/// The earliest SUBSCRIBE for which this can be the answer, of those that ask for what its topic retains: each brings one
/// message of a topic at the most, in their order, and `nth` have come before.
fn asked(history: &History<'_>, got: &Reception<'_>, nth: usize) -> Option<Place> {
    if history.lives[got.life].inherits.is_some() {
        return None;
    }
    let entries = history.record.entries[..got.place].iter().enumerate();
    let is_its = |number| history.connections.get(number).is_some_and(|connection| connection.life == Some(got.life));
    let mut asking = entries.filter(|(_, entry)| match &entry.what {
        What::Subscribe { filter, options, .. } => {
            options.wants_retained && mqtt::matches(filter, got.topic) && is_its(&entry.connection)
        }
        _ => false,
    });
    asking.nth(nth).map(|(place, _)| place)
}

/// Reads that found nothing, though something was there.
fn empty_reads(history: &History<'_>, writes: &[Write<'_>]) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (place, entry) in history.record.entries.iter().enumerate() {
        let What::Subscribe { filter, options, .. } = &entry.what else { continue };
        let Some(connection) = history.connections.get(&entry.connection) else { continue };
        if options.qos == QoS::AtMostOnce || !options.wants_retained || filter.contains(['+', '#', '$']) {
            continue;
        }
        let is_own = |write: &Write<'_>| write.message.client == connection.client && write.message.topic == *filter;
        if options.no_local && writes.iter().any(is_own) {
            continue;
        }
        let Some(life) = connection.life.map(|life| &history.lives[life]) else { continue };
        if is_answered_in_full(history, (connection, life), filter, place) {
            violations.extend(empty_read(history, writes, (connection, filter), place));
        }
    }
    violations
}

/// Whether SUBACK came, and all that was sent on the connection: a session that is kept may have had more than it takes
/// at once, or get it on a later connection.
fn is_answered_in_full(
    history: &History<'_>,
    (connection, life): (&Connection, &Life),
    filter: &str,
    place: Place,
) -> bool {
    let grants = life.grants.iter().filter(|grant| grant.filter == filter);
    // Of a subscription made again, or ended soon, what comes and when is less clear.
    let is_plain = grants.clone().count() == 1 && grants.clone().all(|grant| grant.possible == place);
    let is_there = |grant: &crate::oracle::Grant| grant.certain.is_some() && grant.may_end.is_none();
    is_plain
        && grants.clone().all(is_there)
        && connection.is_open_at_end()
        && history.of_client(connection.client).all(|other| other.connect <= connection.connect)
}

fn empty_read(
    history: &History<'_>,
    writes: &[Write<'_>],
    (connection, topic): (&Connection, &str),
    read: Place,
) -> Option<Violation> {
    let mut received = history.receptions.iter().filter(|got| got.connection == connection.number);
    if received.any(|got| got.topic == topic && got.retain && got.place > read) {
        return None;
    }
    let own: Vec<_> = writes.iter().filter(|write| write.message.topic == topic).collect();
    if own.iter().any(|write| may_expire(write.message)) {
        return None;
    }
    // The values of which one must be there: acknowledged before, and nothing empty may have come later.
    let mut values = own.iter().filter(|write| write.message.len > 0 && write.message.qos > QoS::AtMostOnce);
    let value = values.find(|value| {
        let Some(done) = value.done.filter(|done| *done < read) else { return false };
        let mut empty = own.iter().filter(|write| write.message.len == 0);
        !empty.any(|empty| empty.done.is_none_or(|end| end > value.begun) && empty.begun < usize::MAX) && done < read
    })?;
    // Something that came live meanwhile has taken the place of what was there: it is not sent as retained.
    let is_overtaken = own.iter().any(|write| write.begun > value.begun && write.done.is_none_or(|done| done > read));
    if is_overtaken {
        return None;
    }
    let text = format!(
        "{} {} is retained, and {} was not sent it after its SUBSCRIBE",
        value.number, value.message, connection.client
    );
    Some(Violation::new(text, [value.begun, read].into_iter().chain(value.done)))
}

#[cfg(test)]
mod tests {
    use crate::oracle::Scene;
    use crate::oracle::record::{ConnectionNumber, MessageNumber};
    use crate::oracle::scene::{Coming, Held};

    const RULE: &str = "retained";

    fn show(scene: &mut Scene, reader: ConnectionNumber, message: MessageNumber) {
        scene.come(reader, message, Coming { qos: 1, id: 90, dup: false, retain: true });
    }

    #[test]
    fn a_value_that_was_replaced_is_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let old = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, old);
        let new = scene.retain(writer, "a", 10);
        scene.subscribe(reader, "a", 1);
        show(&mut scene, reader, old);
        assert_eq!(scene.violations(RULE), [], "the new one was not acknowledged");
        scene.acknowledge(writer, new);
        let late = scene.transient(3);
        scene.subscribe(late, "a", 1);
        show(&mut scene, late, old);
        assert_eq!(scene.violations(RULE).len(), 1);
    }

    #[test]
    fn what_an_earlier_subscribe_has_brought_may_come_behind_a_later_one() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.persistent(1), scene.transient(2));
        let old = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, old);
        scene.subscribe(reader, "#", 1);
        let new = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, new);
        scene.subscribe(reader, "a", 1);
        show(&mut scene, reader, old);
        assert_eq!(scene.violations(RULE), []);
        scene.come(reader, old, Coming { qos: 1, id: 91, dup: false, retain: true });
        assert_eq!(scene.violations(RULE).len(), 1, "the second is of the later one");
    }

    #[test]
    fn a_copy_that_an_earlier_frontend_has_kept_may_set_it_again() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.persistent(2));
        let old = scene.retain(writer, "a", 10);
        scene.lose(writer);
        let writer = scene.resume(2);
        scene.send(writer, old);
        scene.acknowledge(writer, old);
        let new = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, new);
        scene.subscribe(reader, "a", 1);
        show(&mut scene, reader, old);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_value_that_is_not_sent_is_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let value = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, value);
        scene.subscribe(reader, "a", 1);
        assert_eq!(scene.violations(RULE).len(), 1);
        show(&mut scene, reader, value);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn what_a_reader_with_no_local_has_written_itself_may_not_come() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let value = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, value);
        let own = scene.retain(reader, "a", 10);
        scene.acknowledge(reader, own);
        scene.subscribe_with(reader, "a", Held { no_local: true, ..Held::at(1) });
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn something_empty_may_have_removed_it() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let value = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, value);
        scene.retain(writer, "a", 0);
        scene.subscribe(reader, "a", 1);
        assert_eq!(scene.violations(RULE), []);
    }

    #[test]
    fn a_value_that_comes_back_after_it_was_removed_is_seen() {
        let mut scene = Scene::new();
        let (reader, writer) = (scene.transient(1), scene.transient(2));
        let value = scene.retain(writer, "a", 10);
        scene.acknowledge(writer, value);
        let empty = scene.retain(writer, "a", 0);
        scene.acknowledge(writer, empty);
        scene.subscribe(reader, "a", 1);
        assert_eq!(scene.violations(RULE), []);
        show(&mut scene, reader, value);
        assert_eq!(scene.violations(RULE).len(), 1);
    }
}
