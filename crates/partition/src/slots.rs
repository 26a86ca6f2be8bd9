//! Which partition is home to a topic, a filter or a client id: keys hash to slots, slots map to partitions.

use xxhash_rust::xxh3::xxh3_64;

use crate::address::{PartitionId, PartitionSet, SLOTS};
use crate::wire::{DecodeError, Reader, Write};

/// The map from slots to partitions; the same on every process of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotTable {
    slots: Box<[PartitionId]>,
    all: PartitionSet,
    /// The only partition, if there is but one: no key need be looked at.
    only: Option<PartitionId>,
}

impl SlotTable {
    /// Slots spread evenly over `partitions`, in runs.
    ///
    /// # Panics
    /// Unless `partitions` is from 1 to [`PartitionSet::MAX`].
    pub fn even(partitions: u16) -> Self {
        assert!((1..=PartitionSet::MAX).contains(&partitions), "a broker has 1 to 64 partitions");
        let of = |slot: u16| PartitionId((u32::from(slot) * u32::from(partitions) / u32::from(SLOTS)) as u16);
        Self::from_slots((0..SLOTS).map(of).collect())
    }

    fn from_slots(slots: Box<[PartitionId]>) -> Self {
        let all = slots.iter().fold(PartitionSet::default(), |set, partition| set.with(*partition));
        let mut each = all.iter();
        let only = each.next().filter(|_| each.next().is_none());
        Self { slots, all, only }
    }

    pub fn partition_of_topic(&self, topic: &str) -> PartitionId {
        self.of(topic)
    }

    pub fn partition_of_client(&self, client_id: &str) -> PartitionId {
        self.of(client_id)
    }

    /// Where a filter is registered: one topic home, or all partitions when it has wildcards. A `$share/group/` in
    /// front is not part of the key.
    pub fn homes_of_filter(&self, filter: &str) -> PartitionSet {
        let filter = without_share(filter);
        if has_wildcards(filter) { self.all } else { PartitionSet::default().with(self.of(filter)) }
    }

    /// Every partition there is.
    pub fn all(&self) -> PartitionSet {
        self.all
    }

    pub fn partitions(&self) -> u16 {
        self.all.iter().count() as u16
    }

    fn of(&self, key: &str) -> PartitionId {
        if let Some(only) = self.only {
            return only;
        }
        self.slots[(xxh3_64(key.as_bytes()) % u64::from(SLOTS)) as usize]
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for partition in &self.slots {
            out.u8(partition.0 as u8);
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = reader.bytes(SLOTS.into())?;
        if let Some(over) = bytes.iter().find(|partition| u16::from(**partition) >= PartitionSet::MAX) {
            return Err(DecodeError::Value((*over).into(), "a partition"));
        }
        Ok(Self::from_slots(bytes.iter().map(|partition| PartitionId((*partition).into())).collect()))
    }
}

/// Whether a filter, as it was written, may match several topics. The name of a share holds no wildcard.
pub(crate) fn has_wildcards(filter: &str) -> bool {
    filter.bytes().any(|byte| byte == b'+' || byte == b'#')
}

/// The filter of `$share/group/filter`, or the filter itself.
pub(crate) fn without_share(filter: &str) -> &str {
    split_share(filter).map_or(filter, |(_, filter)| filter)
}

/// Group and filter of `$share/group/filter`.
pub(crate) fn split_share(filter: &str) -> Option<(&str, &str)> {
    filter.strip_prefix("$share/")?.split_once('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_spread_evenly_and_a_share_lives_with_its_filter() {
        let table = SlotTable::even(3);
        assert_eq!(table.partitions(), 3);
        for partition in table.all().iter() {
            let slots = table.slots.iter().filter(|slot| **slot == partition).count();
            assert!((341..=342).contains(&slots));
        }
        assert_eq!(table.homes_of_filter("a/+"), table.all());
        assert_eq!(table.homes_of_filter("$share/g/a/#"), table.all());
        assert_eq!(table.homes_of_filter("$share/g/a/b"), table.homes_of_filter("a/b"));
        assert!(table.homes_of_filter("a/b").contains(table.partition_of_topic("a/b")));
    }

    #[test]
    fn a_table_is_read_back() {
        let table = SlotTable::even(64);
        let mut bytes = Vec::new();
        table.write(&mut bytes);
        assert_eq!(SlotTable::read(&mut Reader::new(&bytes)), Ok(table));
    }
}
