//! What versions before this one have written: their snapshots, and the entries that were logged behind one.
//!
//! `data/snapshot-1.bin` is of three clients: `sub` with a limit of 3 and a window of 2, `also`, and `leaver` with a will.
//! `data/snapshot-2.bin` is of the same, with a retained message more, and knows no lanes.
//! `data/entries-1.bin` holds each entry as `u64 index | u32 length | payload`: `sub` connects and is attached.

use mqtt::QoS;
use partition::*;

use crate::harness::*;

const SNAPSHOT: &[u8] = include_bytes!("../data/snapshot-1.bin");
const SNAPSHOT_2: &[u8] = include_bytes!("../data/snapshot-2.bin");
const ENTRIES: &[u8] = include_bytes!("../data/entries-1.bin");

fn entries() -> Vec<(u64, &'static [u8])> {
    let (mut rest, mut entries) = (ENTRIES, Vec::new());
    while let Some((head, tail)) = rest.split_first_chunk::<12>() {
        let index = u64::from_le_bytes(head[..8].try_into().expect("8 bytes"));
        let len = u32::from_le_bytes(head[8..].try_into().expect("4 bytes")) as usize;
        entries.push((index, &tail[..len]));
        rest = &tail[len..];
    }
    entries
}

#[test]
fn a_snapshot_and_a_log_of_version_1_are_read() {
    let mut partition = Partition::restore(SNAPSHOT).expect("version 1 is read");
    let mut deliveries = Vec::new();
    for (index, payload) in entries() {
        let mut out = Effects::new();
        partition.apply(Entry { index, payload }, &mut out).expect("the entry is well formed");
        deliveries.extend(self::deliveries(&replies(out.drain().collect())));
    }
    let qos: Vec<_> = deliveries.iter().map(|delivery| (delivery.dup, delivery.qos)).collect();
    let once = (false, QoS::AtLeastOnce);
    let again = (true, QoS::AtLeastOnce);
    assert_eq!(qos, [again, again, once, once, (false, QoS::ExactlyOnce)], "an attachment of old keeps the limit");

    let counters = partition.counters();
    assert_eq!((counters.sessions, counters.persistent, counters.persistent_connected, counters.wills), (3, 2, 2, 1));
    assert_eq!((counters.subscriptions, counters.shared_subscriptions), (4, 1));
    assert_eq!((counters.queued, counters.queued_bytes, counters.will_bytes), (11, 104, 4));
    // Properties are not told apart from the payload.
    assert_eq!((counters.retained, counters.retained_payload_bytes), (2, 4 + 6 + 7));

    let mut second = Vec::new();
    partition.snapshot(&mut second);
    assert_eq!(second[0], SNAPSHOT_VERSION);
    let restored = Partition::restore(&second).expect("a snapshot is read back");
    assert_eq!(restored.counters(), counters);
}

#[test]
fn a_snapshot_of_version_2_is_read() {
    let partition = Partition::restore(SNAPSHOT_2).expect("version 2 is read");
    let counters = partition.counters();
    assert_eq!((counters.sessions, counters.subscriptions, counters.queued), (3, 4, 11));
    // The length of the payload is told of the message that came last.
    assert_eq!((counters.retained, counters.retained_payload_bytes), (3, 4 + 6 + 7 + 6));
    assert_eq!((partition.lanes().count(), partition.frontends().count()), (0, 0));
    let mut now = Vec::new();
    partition.snapshot(&mut now);
    // Version 3 has lanes, and knows no publishers of retained messages either.
    let no_frontends_and_lanes = [0, 0];
    let third = [&[3], &SNAPSHOT_2[1..], &no_frontends_and_lanes].concat();
    let publishers = 3 * size_of::<u64>();
    assert_eq!((now[0], now.len()), (SNAPSHOT_VERSION, third.len() + publishers));
    for form in [third, now.clone()] {
        let mut again = Vec::new();
        Partition::restore(&form).expect("it is read").snapshot(&mut again);
        assert_eq!(again, now);
    }
}
