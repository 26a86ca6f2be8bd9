//! Batches of commands to a partition, wherever it is.

use bytes::Bytes;

use crate::inbox::{self, Closed, Room};
use crate::wire;

/// The sending end of the way to one partition: the same calls, whether it is in this process or in another.
#[derive(Clone)]
pub enum Lane {
    Near(inbox::Sender),
    Far(wire::Sender),
}

impl Lane {
    /// Hands over a batch. The answer says whether to go on or to wait for [`Lane::room`]. An error of a far one says
    /// that its process has restarted or the partition has left it: what was under way is to be asked for anew.
    pub fn send(&self, batch: Bytes) -> Result<Room, Closed> {
        match self {
            Self::Near(inbox) => inbox.send(batch),
            Self::Far(stream) => stream.send(batch),
        }
    }

    pub fn room(&self) -> Room {
        match self {
            Self::Near(inbox) => inbox.room(),
            Self::Far(stream) => stream.room(),
        }
    }
}

impl From<inbox::Sender> for Lane {
    fn from(inbox: inbox::Sender) -> Self {
        Self::Near(inbox)
    }
}

impl From<wire::Sender> for Lane {
    fn from(stream: wire::Sender) -> Self {
        Self::Far(stream)
    }
}
