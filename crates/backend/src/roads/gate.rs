//! Where commands of other backends' partitions arrive: on the link's task.

use std::sync::Arc;

use bytes::Bytes;
use link::inbox::{self, Closed, Room};
use link::wire::Destination;
use partition::{Command, CommandReader, Origin, PartitionId};

use crate::lanes::{Entrance, Event};

/// See the module. What it lets in has been read whole: nothing of it can be wrong once it is in the log.
pub(crate) struct CommandGate {
    pub backend: u16,
    pub partition: PartitionId,
    pub inbox: inbox::Sender,
    pub entrance: Arc<Entrance>,
}

impl Destination for CommandGate {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        for message in messages.drain(..) {
            let mut commands = CommandReader::new(&message);
            if !commands.all(|command| command.is_ok_and(|command| is_from_partition(&command))) {
                let (backend, partition) = (self.backend, self.partition);
                tracing::error!(backend, %partition, "a stream is closed: what a backend has sent cannot be read");
                return Err(Closed);
            }
            self.inbox.send(message)?;
        }
        Ok(self.inbox.room())
    }

    fn room(&mut self) -> Room {
        self.inbox.room()
    }

    fn begin(&mut self) {
        // A partition that has stopped needs no telling.
        let _ = self.entrance.send(&mut vec![Event::PeerBegan { backend: self.backend }]);
    }
}

/// Whether a partition says this to another.
fn is_from_partition(command: &Command<'_>) -> bool {
    match command {
        Command::Confirm(_) | Command::Waiting(_) | Command::Drop(_) | Command::Trim(_) | Command::ForgetWill(_) => {
            true
        }
        Command::Publish(publish) => matches!(publish.origin, Origin::Will { .. }),
        _ => false,
    }
}
