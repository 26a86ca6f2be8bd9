//! Where the messages of a stream go on the receiving side.

use bytes::Bytes;

use crate::inbox::{self, Closed, Room};

/// The receiving end of one stream. Called by the link's task only, and never waits.
///
/// While it has no room, the sender's is not renewed: it may hold its own bound, one window per stream and one message.
pub trait Destination: Send {
    /// Takes all of `messages`, in order, leaving the vector empty. An error closes the stream.
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed>;

    /// Asked some times a second while there was none.
    fn room(&mut self) -> Room;

    /// What is delivered from now on comes from another run of the peer, or after a loss: it knows nothing of what
    /// went before.
    fn begin(&mut self) {}

    /// What is sent on the stream from now on is for that run of the peer.
    fn begun(&mut self) {}
}

impl Destination for inbox::Sender {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        self.send_all(messages)
    }

    fn room(&mut self) -> Room {
        inbox::Sender::room(self)
    }
}
