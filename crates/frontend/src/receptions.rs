//! Incoming QoS 2 publishes between PUBLISH and PUBCOMP, by packet identifier.

use std::collections::HashMap;

use mqtt::PacketId;
use partition::PartitionId;

/// How far the exchange of one publish is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reception {
    /// The partition that remembers the identifier; `None` where only this connection does.
    pub home: Option<PartitionId>,
    /// PUBREC has left, so PUBREL may come.
    pub told: bool,
}

/// Holds no memory while there are none.
#[derive(Default)]
pub(crate) struct Receptions(HashMap<PacketId, Reception, ahash::RandomState>);

impl Receptions {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, id: PacketId) -> Option<Reception> {
        self.0.get(&id).copied()
    }

    /// A PUBLISH was taken.
    pub fn begin(&mut self, id: PacketId, home: Option<PartitionId>) {
        self.0.insert(id, Reception { home, told: false });
    }

    /// Its PUBREC leaves.
    pub fn told(&mut self, id: PacketId) {
        if let Some(reception) = self.0.get_mut(&id) {
            reception.told = true;
        }
    }

    /// It is released, or was refused.
    pub fn end(&mut self, id: PacketId) {
        self.0.remove(&id);
        if self.0.is_empty() && self.0.capacity() > 64 {
            self.0 = HashMap::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_counts_from_publish_to_its_end_once() {
        let mut receptions = Receptions::default();
        let (a, b) = (PacketId::new(1).unwrap(), PacketId::new(2).unwrap());
        receptions.begin(a, None);
        receptions.begin(b, Some(PartitionId(3)));
        receptions.told(b);
        assert_eq!(receptions.get(a), Some(Reception { home: None, told: false }));
        assert_eq!(receptions.get(b), Some(Reception { home: Some(PartitionId(3)), told: true }));
        receptions.end(a);
        receptions.end(a);
        receptions.told(a);
        assert_eq!((receptions.len(), receptions.get(a)), (1, None));
    }

    #[test]
    fn a_flood_that_is_over_leaves_no_memory_behind() {
        let mut receptions = Receptions::default();
        let ids = || (1..=65_535).filter_map(PacketId::new);
        ids().for_each(|id| receptions.begin(id, None));
        ids().for_each(|id| receptions.end(id));
        assert_eq!((receptions.len(), receptions.0.capacity()), (0, 0));
    }
}
