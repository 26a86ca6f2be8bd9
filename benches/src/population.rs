//! A large set of subscriptions, and topics that they match.
//!
//! A million topics of seven levels, `org/region/site/line/machine/sensor/value`. Of the filters of a full population
//! 918,000 are exact, 60,000 end in `+`, 20,000 have `+` in the middle and 2,000 end in `#`; a topic matches 2.1 of
//! them on average.

use mqtt::{QoS, RetainHandling};
use partition::{
    BatchBuilder, Command, Effects, Entry, Epoch, Owner, Partition, PartitionId, QueueLimit, SessionKind, SlotTable,
    Subscribe, SubscriptionOptions, Tag, Timestamp, Unsubscribe, entry_header,
};

use crate::Random;

/// Filters of a full population.
pub const FULL: u64 = 1_000_000;

/// Topics there are.
pub const TOPICS: u64 = 1_000_000;

/// Each session makes this many subscriptions, unless one session makes all.
pub const FILTERS_PER_SESSION: u64 = 10;

/// Commands in one entry while a population is made.
const ENTRY: u64 = 1000;

/// How many values each level takes; their product is [`TOPICS`].
const LEVELS: [(&str, u64); 7] =
    [("org", 10), ("region", 5), ("site", 10), ("line", 10), ("machine", 10), ("sensor", 2), ("value", 10)];

/// The topic of a number below [`TOPICS`].
pub fn topic(number: u64) -> String {
    let mut rest = number;
    let mut levels = LEVELS.map(|_| String::new());
    for (level, (name, values)) in levels.iter_mut().zip(LEVELS).rev() {
        *level = format!("{name}-{}", rest % values);
        rest /= values;
    }
    levels.join("/")
}

/// `count` topics chosen at random.
pub fn topics(count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count).map(|_| topic(random.below(TOPICS))).collect()
}

/// The filter of a number below [`FULL`]; all differ. Any run of a thousand numbers has the kinds in their shares.
pub fn filter(number: u64) -> String {
    let (block, at) = (number / 1000, number % 1000);
    // Multiplied by a number without common factors, so that neighbours in a session are not neighbours in the index.
    let spread = |nth: u64, of: u64| nth * 7_919 % of;
    match at {
        0..918 => topic(spread(block * 918 + at, TOPICS)),
        918..978 => {
            let prefix = spread(block * 60 + at - 918, TOPICS / 10);
            with_level(&topic(prefix * 10), 6, "+")
        }
        978..998 => {
            // Numbers of topics of site 0: one of the ten thousands is left out.
            let nth = spread(block * 20 + at - 978, TOPICS / 10);
            with_level(&topic(nth / 2_000 * 20_000 + nth % 2_000), 2, "+")
        }
        _ => {
            let prefix = spread(block * 2 + at - 998, TOPICS / 200);
            let mut levels: Vec<_> = topic(prefix * 200).split('/').map(str::to_owned).collect();
            levels.truncate(4);
            levels.join("/") + "/#"
        }
    }
}

fn with_level(topic: &str, at: usize, level: &str) -> String {
    let mut levels: Vec<_> = topic.split('/').collect();
    levels[at] = level;
    levels.join("/")
}

/// Who makes the subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// One session makes all of them.
    One,
    /// [`FILTERS_PER_SESSION`] each.
    Many,
}

/// A partition with the first `filters` subscriptions of transient sessions.
pub fn partition(filters: u64, sessions: Sessions) -> Partition {
    let mut partition = Partition::new(PartitionId(0), SlotTable::even(1));
    let mut effects = Effects::new();
    for first in (0..filters).step_by(ENTRY as usize) {
        let mut batch = BatchBuilder::new();
        for number in first..filters.min(first + ENTRY) {
            let session = if sessions == Sessions::One { 0 } else { number / FILTERS_PER_SESSION };
            push_subscribe(&mut batch, session, &filter(number));
        }
        let payload = [&entry_header(Timestamp(1_000))[..], &batch.take()].concat();
        let entry = Entry { index: first / ENTRY + 1, payload: &payload };
        partition.apply(entry, &mut effects).expect("the entry has just been encoded");
        effects.clear();
    }
    assert_eq!(partition.counters().subscriptions as u64, filters, "all filters differ");
    partition
}

/// Adds the subscription of session number `session` to `filter`.
pub fn push_subscribe(batch: &mut BatchBuilder, session: u64, filter: &str) {
    batch.push(&Command::Subscribe(Subscribe {
        owner: owner(session),
        tag: Tag(1),
        client_id: &client_id(session),
        epoch: Epoch(64),
        kind: SessionKind::Transient,
        window: 100,
        queue_limit: QueueLimit { length: 0 },
        filter,
        options: SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::DoNotSend,
            identifier: None,
        },
    }));
}

/// Takes it back.
pub fn push_unsubscribe(batch: &mut BatchBuilder, session: u64, filter: &str) {
    batch.push(&Command::Unsubscribe(Unsubscribe {
        owner: owner(session),
        tag: Tag(1),
        client_id: &client_id(session),
        epoch: Epoch(64),
        filter,
    }));
}

fn owner(session: u64) -> Owner {
    Owner { frontend: 0, worker: 0, slot: session as u32, generation: 1 }
}

fn client_id(session: u64) -> String {
    format!("client-{session:06}")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use partition::Resolved;

    use super::*;

    #[test]
    fn all_filters_differ_and_their_kinds_have_their_shares() {
        let filters: HashSet<_> = (0..FULL).map(filter).collect();
        assert_eq!(filters.len() as u64, FULL);
        let count = |kind: &dyn Fn(&str) -> bool| filters.iter().filter(|filter| kind(filter)).count();
        assert_eq!(count(&|filter| filter.ends_with("/+")), 60_000);
        assert_eq!(count(&|filter| filter.contains("/+/")), 20_000);
        assert_eq!(count(&|filter| filter.ends_with("/#")), 2_000);
    }

    #[test]
    fn a_topic_is_found_by_what_matches_it() {
        let partition = partition(10_000, Sessions::Many);
        let mut resolved = Resolved::default();
        for filter in (0..10_000).step_by(100).map(filter) {
            partition.routes().resolve(&filter, &mut resolved);
            assert!(!resolved.is_empty(), "{filter}");
        }
    }
}
