//! What a worker hears that looks for a partition where it is not.

use std::sync::Arc;

use bytes::Bytes;
use link::inbox::{Closed, Room};
use link::wire::{Destination, Link};
use partition::lane::{ToPartition, ToWorker};
use partition::{Lane, PartitionId};

use super::gate::stream;
use crate::leaders::Leaders;

/// The stream of a lane to a partition that another backend leads.
pub(crate) struct Elsewhere {
    pub lane: Lane,
    pub partition: PartitionId,
    pub leaders: Arc<Leaders>,
    pub link: Link,
}

impl Destination for Elsewhere {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        for message in messages.drain(..) {
            let read = ToPartition::decode(self.lane, &message);
            if let (Ok(ToPartition::Open { .. }), Some(sender)) = (read, self.link.sender(stream(self.partition))) {
                // Where the session has ended meanwhile, the worker asks again.
                let _ = sender.send(ToWorker::Elsewhere { leader: self.leaders.of(self.partition) }.encode());
            }
        }
        Ok(Room::Free)
    }

    fn room(&mut self) -> Room {
        Room::Free
    }
}
