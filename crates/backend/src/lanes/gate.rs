//! Where the stream of a lane arrives: on the link's task.

use std::sync::Arc;

use bytes::Bytes;
use link::inbox::{Closed, Room};
use link::wire::{Destination, Link, StreamId};
use partition::lane::ToPartition;
use partition::{Lane, PartitionId};

use super::entrance::{Entrance, Event, Wish};
use super::line::Line;

/// What a worker may send beyond what the partition had room for, in bytes.
pub(crate) const WINDOW_BYTES: u64 = 1 << 20;

/// The stream of a lane, both ways.
pub(crate) fn stream(partition: PartitionId) -> StreamId {
    StreamId(partition.0.into())
}

/// See the module. What it lets in has been read whole: nothing of it can be wrong once it is in the log.
pub(crate) struct Gate {
    pub lane: Lane,
    pub partition: PartitionId,
    pub link: Link,
    pub entrance: Arc<Entrance>,
}

impl Gate {
    fn read(&self, message: &Bytes) -> Result<Option<Event>, Closed> {
        let lane = self.lane;
        match ToPartition::decode(lane, message) {
            Ok(ToPartition::Open { incarnation, received }) => {
                // The session's own: this is called by the task that would begin another.
                let line = Line::of(&self.link, stream(self.partition), self.entrance.inbox());
                Ok(line.map(|line| Event::Open { lane, wish: Wish { incarnation, received, line } }))
            }
            Ok(ToPartition::Batch(numbered, batch)) => Ok(Some(Event::Batch { lane, numbered, batch })),
            Ok(ToPartition::Leave { incarnation }) => Ok(Some(Event::Leave { lane, incarnation })),
            Err(error) => {
                let Lane { frontend, worker } = lane;
                tracing::error!(frontend, worker, partition = %self.partition, %error, "a lane is closed: what a worker has sent cannot be read");
                Err(Closed)
            }
        }
    }
}

impl Destination for Gate {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        let mut events = Vec::with_capacity(messages.len());
        let mut read = Ok(());
        for message in messages.drain(..) {
            match self.read(&message) {
                Ok(event) => events.extend(event),
                Err(closed) => {
                    read = Err(closed);
                    break;
                }
            }
        }
        let room = self.entrance.send(&mut events)?;
        read.map(|()| room)
    }

    fn room(&mut self) -> Room {
        self.entrance.room()
    }

    fn begin(&mut self) {
        // A partition that has stopped needs no telling.
        let _ = self.entrance.send(&mut vec![Event::Began { lane: self.lane }]);
    }

    fn begun(&mut self) {
        let _ = self.entrance.send(&mut vec![Event::Worker { lane: self.lane, link: self.link.clone() }]);
    }
}
