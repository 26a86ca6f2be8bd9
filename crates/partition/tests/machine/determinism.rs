//! The same log makes the same state and the same effects, from its beginning and from any snapshot.

use mqtt::QoS;
use partition::*;
use proptest::prelude::*;

use crate::harness::{message, publish};
use crate::random::{Driver, Op, TOPICS, ops};

fn new() -> Partition {
    Partition::new(PartitionId(0), SlotTable::even(1))
}

fn snapshot(partition: &Partition) -> Vec<u8> {
    let mut bytes = Vec::new();
    partition.snapshot(&mut bytes);
    bytes
}

fn apply(partition: &mut Partition, entry: &(u64, Vec<u8>)) -> Vec<Effect> {
    let mut out = Effects::new();
    partition.apply(Entry { index: entry.0, payload: &entry.1 }, &mut out).expect("the entry is well formed");
    out.drain().collect()
}

fn live(ops: &[Op]) -> Driver {
    let mut driver = Driver::new();
    ops.iter().for_each(|op| driver.step(op));
    driver
}

/// What is derived is the same as well.
fn assert_same(a: &Partition, b: &Partition) {
    assert_eq!(snapshot(a), snapshot(b));
    assert_eq!(a.counters(), b.counters());
    assert_eq!(a.live().collect::<Vec<_>>(), b.live().collect::<Vec<_>>());
    assert_eq!(a.live_bodies(u64::MAX), b.live_bodies(u64::MAX));
    let owed = |partition: &Partition| {
        let mut out = Effects::new();
        partition.resume(&mut out);
        out
    };
    assert_eq!(owed(a), owed(b));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_log_applied_twice_gives_the_same_effects(ops in ops(120)) {
        let driver = live(&ops);
        let mut second = new();
        for (entry, effects) in driver.machine.log.iter().zip(&driver.machine.history) {
            prop_assert_eq!(&apply(&mut second, entry), effects);
        }
        assert_same(&driver.machine.partition, &second);
    }

    #[test]
    fn a_restored_partition_goes_on_as_the_one_that_was_written(
        ops in ops(120),
        at in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let driver = live(&ops);
        let log = &driver.machine.log;
        prop_assume!(!log.is_empty());
        let at: Vec<_> = at.iter().map(|at| at.index(log.len())).collect();
        let mut second = new();
        for (n, (entry, effects)) in log.iter().zip(&driver.machine.history).enumerate() {
            if at.contains(&n) {
                let restored = Partition::restore(&snapshot(&second)).expect("a snapshot is read back");
                assert_same(&restored, &second);
                second = restored;
            }
            let again = apply(&mut second, entry);
            // What is not logged takes turns of its own, which no snapshot holds.
            if entry.0 != 0 {
                prop_assert_eq!(&again, effects);
            }
        }
        assert_same(&driver.machine.partition, &second);
    }

    #[test]
    fn the_live_counts_are_those_of_the_live_bodies(ops in ops(120)) {
        let driver = live(&ops);
        let partition = &driver.machine.partition;
        let bodies = partition.live_bodies(u64::MAX);
        let buckets: std::collections::BTreeSet<_> = bodies.iter().map(|body| body.index / BODY_BUCKET).collect();
        let counted: std::collections::BTreeSet<_> = partition.live().map(|(bucket, _)| bucket).collect();
        prop_assert_eq!(buckets, counted);
        for body in bodies {
            driver.machine.message(body);
        }
    }

    #[test]
    fn bodies_of_queues_are_counted_once(ops in ops(120)) {
        let mut machine = live(&ops).machine;
        for topic in TOPICS {
            machine.run(&publish("p", Message { retain: true, ..message(topic, "", QoS::AtMostOnce) }));
        }
        // Without retained messages, only queues refer to bodies.
        let bytes: u64 = machine.partition.live_bodies(u64::MAX).iter().map(|body| u64::from(body.len)).sum();
        let counters = machine.partition.counters();
        prop_assert_eq!((counters.retained, counters.queued_distinct_bytes), (0, bytes));
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_read_but_never_a_panic(
        ops in ops(40),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = snapshot(&live(&ops).machine.partition);
        prop_assert!(Partition::restore(&bytes[..at.index(bytes.len())]).is_err());
        // Checksums catch what is damaged; here only the version and the ends are looked at.
        bytes[0] = byte;
        // Bytes of one version may be read as another where they do not differ.
        prop_assert!(Partition::restore(&bytes).is_err() || byte <= SNAPSHOT_VERSION);
        prop_assert!(byte != SNAPSHOT_VERSION || Partition::restore(&bytes).is_ok());
    }
}
