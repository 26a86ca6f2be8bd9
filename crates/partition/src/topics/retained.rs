//! Retained messages, in the order of their topics.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::ops::Bound;
use std::sync::Arc;

use mqtt::QoS;
use xxhash_rust::xxh3::xxh3_64;

use crate::address::{BodyRef, Timestamp};
use crate::message::Message;
use crate::moment::Moment;
use crate::view::{self, RetainedView};

/// One step of a read takes at most this many messages,
const STEP_MESSAGES: usize = 256;
/// this many bytes of messages (or one),
const STEP_BYTES: u64 = 256 * 1024;
/// and looks at this many topics.
const STEP_TOPICS: usize = 1024;

/// A topic's retained message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) body: BodyRef,
    pub(crate) qos: QoS,
    /// Bytes of its payload.
    pub(crate) payload: u32,
    pub(crate) expires: Option<Timestamp>,
    /// Not known of what was set before it was kept.
    pub(crate) publisher: Option<Publisher>,
}

const _: () = assert!(size_of::<Kept>() == 48);

/// Stands for a client id among millions of messages that each have one: 64 bits of its hash. Two that look alike cost
/// one, if it asks for No Local, the other's retained messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publisher(pub(crate) NonZeroU64);

impl Publisher {
    pub(crate) fn of(client_id: &str) -> Self {
        Self(NonZeroU64::new(xxh3_64(client_id.as_bytes())).unwrap_or(NonZeroU64::MIN))
    }
}

impl Kept {
    pub(crate) fn of(message: &Message<'_>, publisher: &str, body: BodyRef) -> Self {
        let payload = message.payload.len() as u32;
        Self { body, qos: message.qos, payload, expires: message.expires, publisher: Some(Publisher::of(publisher)) }
    }

    fn view(&self, topic: &Arc<str>) -> RetainedView {
        let payload_bytes = self.payload.into();
        RetainedView { topic: Arc::clone(topic), qos: self.qos, payload_bytes, expires: self.expires }
    }

    /// What a snapshot of the first form tells of the payload's length: properties are counted with it.
    pub(crate) fn payload_at_most(topic: &str, body: BodyRef, expires: Option<Timestamp>) -> u32 {
        let beside = Message { topic, qos: QoS::AtMostOnce, retain: true, expires, properties: &[], payload: &[] };
        body.len.saturating_sub(beside.encoded_len() as u32)
    }

    /// Whether it was set by a command after the one at `registered`.
    fn is_after(&self, registered: Registration) -> bool {
        (self.body.index, self.body.offset) > (registered.index, registered.position)
    }

    fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }
}

/// Where a subscription stands in the log: what is set later reaches it live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) index: u64,
    pub(crate) position: u32,
}

impl From<Moment> for Registration {
    fn from(at: Moment) -> Self {
        Self { index: at.index, position: at.position }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    topics: BTreeMap<Arc<str>, Kept>,
    expiring: BTreeSet<(Timestamp, Arc<str>)>,
    bytes: u64,
    payload_bytes: u64,
}

/// What one step of a read has found.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    pub(crate) messages: Vec<Kept>,
    /// The last topic looked at, when there may be more.
    pub(crate) more: Option<Arc<str>>,
}

impl Retained {
    pub(crate) fn len(&self) -> usize {
        self.topics.len()
    }

    /// Topics and encoded messages.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// Sets or replaces (MQTT-3.3.1-5); the message that was there.
    pub(crate) fn set(&mut self, topic: &str, kept: Kept) -> Option<Kept> {
        let old = self.remove(topic);
        let topic: Arc<str> = topic.into();
        self.bytes += size(&topic, &kept);
        self.payload_bytes += u64::from(kept.payload);
        if let Some(at) = kept.expires {
            self.expiring.insert((at, Arc::clone(&topic)));
        }
        self.topics.insert(topic, kept);
        old
    }

    pub(crate) fn remove(&mut self, topic: &str) -> Option<Kept> {
        let (topic, kept) = self.topics.remove_entry(topic)?;
        self.bytes -= size(&topic, &kept);
        self.payload_bytes -= u64::from(kept.payload);
        if let Some(at) = kept.expires {
            self.expiring.remove(&(at, topic));
        }
        Some(kept)
    }

    /// Ascending by topic.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Kept)> {
        self.topics.iter()
    }

    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiring.first().map(|(at, _)| *at)
    }

    /// Removes one message that has expired.
    pub(crate) fn pop_expired(&mut self, now: Timestamp) -> Option<Kept> {
        let (_, topic) = self.expiring.first().filter(|(at, _)| *at <= now)?;
        let topic = Arc::clone(topic);
        self.remove(&topic)
    }

    /// Reads on from `after` in the order of topics. A message that was set after the registration is left out, and one
    /// of the publisher `not_by`.
    pub(crate) fn read(
        &self,
        filter: &str,
        after: Option<&str>,
        not_by: Option<Publisher>,
        registered: Registration,
        now: Timestamp,
    ) -> Slice {
        let is_due = |kept: &Kept| !kept.is_after(registered) && !kept.is_expired(now);
        let is_wanted = |kept: &Kept| not_by.is_none() || kept.publisher != not_by;
        let mut slice = Slice::default();
        let mut bytes = 0;
        for (looked, (topic, kept)) in self.candidates(filter, after).enumerate() {
            let full = slice.messages.len() == STEP_MESSAGES || looked == STEP_TOPICS;
            let len = u64::from(kept.body.len);
            if full || (bytes > 0 && bytes + len > STEP_BYTES) {
                return slice;
            }
            if mqtt::matches(filter, topic) && is_due(kept) && is_wanted(kept) {
                slice.messages.push(*kept);
                bytes += len;
            }
            slice.more = Some(Arc::clone(topic));
        }
        slice.more = None;
        slice
    }

    /// Reads on from `after` in the order of topics, those that match the filter or all.
    pub(crate) fn list(
        &self,
        filter: Option<&str>,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> view::Slice<RetainedView> {
        let mut slice = view::Slice::default();
        for (looked, (topic, kept)) in self.candidates(filter.unwrap_or("#"), after).enumerate() {
            if looked == view::SLICE || slice.items.len() == limit {
                return slice;
            }
            slice.more = Some(Arc::clone(topic));
            if filter.is_none_or(|filter| mqtt::matches(filter, topic)) && !kept.is_expired(now) {
                slice.items.push(kept.view(topic));
            }
        }
        slice.more = None;
        slice
    }

    /// The topic's message, and where its body is.
    pub(crate) fn find(&self, topic: &str, now: Timestamp) -> Option<(RetainedView, BodyRef)> {
        let (topic, kept) = self.topics.get_key_value(topic).filter(|(_, kept)| !kept.is_expired(now))?;
        Some((kept.view(topic), kept.body))
    }

    /// The topics that begin like the filter, up to its first wildcard.
    fn candidates(&self, filter: &str, after: Option<&str>) -> impl Iterator<Item = (&Arc<str>, &Kept)> {
        let prefix = literal_prefix(filter);
        // `a/#` matches `a` too, and `a` without wildcards only itself: it stands before everything with the prefix.
        let single = if prefix.len() == filter.len() { filter } else { prefix.strip_suffix('/').unwrap_or("") };
        let is_due = after.is_none_or(|after| after < single);
        let single = self.topics.get_key_value(single).filter(|_| is_due);
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let range = (prefix.len() < filter.len()).then(|| self.topics.range::<str, _>((from, Bound::Unbounded)));
        let range = range.into_iter().flatten().take_while(move |(topic, _)| topic.starts_with(prefix));
        single.into_iter().chain(range)
    }
}

/// The levels before the first wildcard, with the `/` behind them.
fn literal_prefix(filter: &str) -> &str {
    let Some(wildcard) = filter.find(['+', '#']) else { return filter };
    &filter[..wildcard]
}

fn size(topic: &str, kept: &Kept) -> u64 {
    topic.len() as u64 + u64::from(kept.body.len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(index: u64, len: u32) -> Kept {
        let body = BodyRef { index, offset: 20, len };
        Kept { body, qos: QoS::AtMostOnce, payload: len, expires: None, publisher: None }
    }

    fn read_all(retained: &Retained, filter: &str, registered: u64) -> (Vec<u64>, usize) {
        let registered = Registration { index: registered, position: 10 };
        let (mut after, mut all, mut steps) = (None, Vec::new(), 0);
        loop {
            let slice = retained.read(filter, after.as_deref(), None, registered, Timestamp(0));
            assert!(slice.messages.len() <= STEP_MESSAGES);
            all.extend(slice.messages.iter().map(|kept| kept.body.index));
            steps += 1;
            match slice.more {
                Some(more) => after = Some(more),
                None => return (all, steps),
            }
        }
    }

    #[test]
    fn a_wildcard_read_goes_in_slices_and_finds_each_topic_once() {
        let mut retained = Retained::default();
        for i in 0..1000 {
            retained.set(&format!("a/{i:04}/x"), kept(i + 1, 100));
            retained.set(&format!("a-{i:04}"), kept(5000, 100));
        }
        retained.set("a", kept(2000, 100));
        assert_eq!(read_all(&retained, "a/+/x", 9999), ((1..=1000).collect(), 4));
        let (with_parent, _) = read_all(&retained, "a/#", 9999);
        assert_eq!((with_parent.len(), with_parent[0]), (1001, 2000));
        assert_eq!(read_all(&retained, "a", 9999), (vec![2000], 1));
        assert_eq!(read_all(&retained, "a/0007/x", 9999), (vec![8], 1));
        assert_eq!(read_all(&retained, "b/#", 9999), (vec![], 1));
        assert_eq!(read_all(&retained, "#", 9999).0.len(), 2001);
    }

    #[test]
    fn a_read_leaves_out_what_was_set_after_the_registration() {
        let mut retained = Retained::default();
        retained.set("a/1", kept(5, 1));
        retained.set("a/2", kept(6, 1));
        retained.set("a/3", kept(7, 1));
        assert_eq!(read_all(&retained, "a/+", 6).0, [5], "of index 6, offset 20 is after position 10");
        assert_eq!(read_all(&retained, "a/+", 7).0, [5, 6]);
    }

    #[test]
    fn a_read_leaves_out_what_is_of_its_own_reader_and_nothing_of_unknown_publishers() {
        let mut retained = Retained::default();
        let of = |client_id| Some(Publisher::of(client_id));
        for (topic, publisher) in [("a", of("x")), ("b", of("y")), ("c", None)] {
            retained.set(topic, Kept { publisher, ..kept(1, 1) });
        }
        let registered = Registration { index: 9, position: 0 };
        let count = |not_by| retained.read("#", None, not_by, registered, Timestamp(0)).messages.len();
        assert_eq!((count(None), count(of("x")), count(of("z"))), (3, 2, 3));
    }

    #[test]
    fn a_slice_is_bounded_in_bytes_but_never_empty_handed() {
        let mut retained = Retained::default();
        for i in 0..4 {
            retained.set(&format!("a/{i}"), kept(i + 1, 200 * 1024));
        }
        assert_eq!(read_all(&retained, "a/+", 99), (vec![1, 2, 3, 4], 4));
    }
}
