//! What partitions count, as a backend tells it to the frontends.
//!
//! `u8 version | partitions: u16 number, u8 how many counts, counts as varints`. A reader takes counts that it does not
//! know for nothing, and those that it misses for 0: a release reads those of its neighbours.

use bytes::{Bytes, BytesMut};

use crate::address::PartitionId;
use crate::counters::Counters;
use crate::wire::{DecodeError, Reader, Write};

const VERSION: u8 = 1;

const COUNTS: usize = 21;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(pub Vec<(PartitionId, Counters)>);

impl Figures {
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.u8(VERSION);
        for (partition, counters) in &self.0 {
            out.u16(partition.0);
            out.u8(COUNTS as u8);
            counts(counters).into_iter().for_each(|count| out.varint(count));
        }
        out.freeze()
    }

    /// # Errors
    /// When it is no message of this kind.
    pub fn decode(message: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(message);
        match r.u8()? {
            VERSION => {}
            other => return Err(DecodeError::UnknownVersion(other)),
        }
        let mut all = Vec::new();
        while r.finish().is_err() {
            let partition = r.partition()?;
            let mut counts = [0; COUNTS];
            for place in 0..usize::from(r.u8()?) {
                let count = r.varint()?;
                if let Some(known) = counts.get_mut(place) {
                    *known = count;
                }
            }
            all.push((partition, counters(counts)));
        }
        Ok(Self(all))
    }
}

fn counts(c: &Counters) -> [u64; COUNTS] {
    [
        c.sessions as u64,
        c.connected as u64,
        c.persistent as u64,
        c.persistent_connected as u64,
        c.wills as u64,
        c.will_bytes,
        c.expired_sessions,
        c.outbox as u64,
        c.subscriptions as u64,
        c.shared_subscriptions as u64,
        c.retained as u64,
        c.retained_bytes,
        c.retained_payload_bytes,
        c.queued,
        c.queued_bytes,
        c.queued_distinct_bytes,
        c.expired,
        c.dropped_by_limit,
        c.orphaned,
        c.rejected_disk_full,
        c.rejected_queue_disk,
    ]
}

fn counters(counts: [u64; COUNTS]) -> Counters {
    let size = |place: usize| usize::try_from(counts[place]).unwrap_or(usize::MAX);
    Counters {
        sessions: size(0),
        connected: size(1),
        persistent: size(2),
        persistent_connected: size(3),
        wills: size(4),
        will_bytes: counts[5],
        expired_sessions: counts[6],
        outbox: size(7),
        subscriptions: size(8),
        shared_subscriptions: size(9),
        retained: size(10),
        retained_bytes: counts[11],
        retained_payload_bytes: counts[12],
        queued: counts[13],
        queued_bytes: counts[14],
        queued_distinct_bytes: counts[15],
        expired: counts[16],
        dropped_by_limit: counts[17],
        orphaned: counts[18],
        rejected_disk_full: counts[19],
        rejected_queue_disk: counts[20],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let numbered = std::array::from_fn(|place| place as u64 * 100 + 1);
        Figures(vec![(PartitionId(3), counters(numbered)), (PartitionId(60), Counters::default())])
    }

    #[test]
    fn what_is_told_is_read() {
        let message = figures().encode();
        assert_eq!(Figures::decode(&message).unwrap(), figures());
        assert!((0..message.len()).all(|cut| Figures::decode(&message[..cut]).is_err() || cut == 1 || cut == 44));
        assert_eq!(Figures::decode(&[2]).unwrap_err(), DecodeError::UnknownVersion(2));
    }

    #[test]
    fn a_neighbour_may_count_more_or_less() {
        let (fewer, more) = ([VERSION, 1, 0, 1, 7], [&[VERSION, 1, 0, 23][..], &[7; 23]].concat());
        assert_eq!(
            Figures::decode(&fewer).unwrap().0,
            [(PartitionId(1), Counters { sessions: 7, ..Counters::default() })]
        );
        assert_eq!(Figures::decode(&more).unwrap().0, [(PartitionId(1), counters([7; COUNTS]))]);
    }
}
