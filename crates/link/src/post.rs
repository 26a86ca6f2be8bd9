//! Items to a frontend worker, wherever it is.

use bytes::Bytes;

use crate::inbox::{Closed, Room};
use crate::{mailbox, wire};

/// Encodes items into one message, leaving the vector empty.
pub type Encode<T> = fn(&mut Vec<T>) -> Bytes;

/// Reads the items of one message to the end of the vector; `Err` if it is none.
pub type Decode<T> = fn(&Bytes, &mut Vec<T>) -> Result<(), Undecodable>;

/// A message is not what its stream carries.
#[derive(Debug, thiserror::Error)]
#[error("a message of {length} bytes cannot be read at byte {at}")]
pub struct Undecodable {
    pub length: usize,
    pub at: usize,
}

/// The sending end of the way to one worker: the same calls, whether it is in this process or in another.
pub enum Post<T> {
    Near(mailbox::Sender<T>),
    Far { stream: wire::Sender, encode: Encode<T> },
}

impl<T> Clone for Post<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Near(mailbox) => Self::Near(mailbox.clone()),
            Self::Far { stream, encode } => Self::Far { stream: stream.clone(), encode: *encode },
        }
    }
}

impl<T> Post<T> {
    /// Hands over all of `items`, leaving the vector empty. An error says that the worker is gone, and its sessions'
    /// connections with it. The bound is the sender's, as with a [`mailbox`]: [`Room::Full`] tells that a far worker does
    /// not keep up.
    pub fn send(&self, items: &mut Vec<T>) -> Result<Room, Closed> {
        match self {
            Self::Near(mailbox) => {
                mailbox.send(items);
                Ok(Room::Free)
            }
            Self::Far { stream, .. } if items.is_empty() => Ok(stream.room()),
            Self::Far { stream, encode } => stream.send(encode(items)),
        }
    }
}

/// Puts what arrives over a wire into a worker's mailbox, so that the worker takes it as from this process.
pub struct Delivery<T> {
    pub mailbox: mailbox::Sender<T>,
    pub decode: Decode<T>,
    /// Whether the worker can take more.
    pub room: Box<dyn FnMut() -> Room + Send>,
    /// What the worker is told, in order with the rest, when the peer has restarted.
    pub anew: fn() -> Option<T>,
}

impl<T: Send> wire::Destination for Delivery<T> {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        let mut items = Vec::new();
        for message in messages.drain(..) {
            if let Err(error) = (self.decode)(&message, &mut items) {
                tracing::error!(%error, "a stream is closed");
                return Err(Closed);
            }
        }
        self.mailbox.send(&mut items);
        Ok((self.room)())
    }

    fn room(&mut self) -> Room {
        (self.room)()
    }

    fn begin(&mut self) {
        if let Some(item) = (self.anew)() {
            self.mailbox.send_one(item);
        }
    }
}
