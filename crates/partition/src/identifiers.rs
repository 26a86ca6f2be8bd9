//! Packet identifiers of persistent sessions: a function of the partition and the number of the queue entry, so that a
//! new owner sends again with the same identifiers and nobody has to write them down.

use mqtt::PacketId;

use crate::address::PartitionId;
use crate::sabotage::renumbering;

/// The identifiers that one partition owns in every persistent session: those congruent to its number, modulo the
/// number of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identifiers {
    base: u16,
    step: u16,
    count: u64,
}

impl Identifiers {
    pub(crate) fn of(partition: PartitionId, partitions: u16) -> Self {
        // 0 is no identifier (MQTT-2.2.1-3).
        let base = if partition.0 == 0 { partitions } else { partition.0 };
        let count = u64::from((u16::MAX - base) / partitions) + 1;
        Self { base, step: partitions, count }
    }

    /// How many there are. Entries that are this far apart share one, so they are never in flight together.
    pub(crate) fn count(self) -> u64 {
        self.count
    }

    pub(crate) fn of_entry(self, entry: u64) -> PacketId {
        let id = u64::from(self.base) + u64::from(self.step) * ((entry + renumbering()) % self.count);
        PacketId::new(id as u16).expect("identifiers are from `base` to 65,535")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn mqtt_2_2_1_3_partitions_divide_all_identifiers_among_themselves() {
        for partitions in [1, 2, 3, 64] {
            let mut all = BTreeSet::new();
            for partition in 0..partitions {
                let identifiers = Identifiers::of(PartitionId(partition), partitions);
                for entry in 0..identifiers.count() {
                    assert!(all.insert(identifiers.of_entry(entry)), "no identifier twice");
                }
                assert_eq!(identifiers.of_entry(0), identifiers.of_entry(identifiers.count()));
            }
            assert_eq!(all.len(), 65_535);
        }
    }
}
