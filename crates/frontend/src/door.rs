//! Connections through memory: for clients in this process, which need no socket and come from nobody outside.

use std::sync::Arc;

use tokio::io::{DuplexStream, duplex};
use tokio::sync::watch;

use crate::entrance::Entrance;
use crate::worker::{Request, Shared};

/// Bytes that either side of a connection may have written ahead of the other.
const BUFFER_BYTES: usize = 64 * 1024;

/// Opens connections to speak MQTT over, as over a socket. They are shown as those of a listener called `internal`, and
/// nobody is asked who he is.
///
/// Those of [`Frontend::door`](crate::Frontend::door) are the broker's own: they may publish where only the broker may, and
/// count neither as connections nor as clients. Those of
/// [`Frontend::client_door`](crate::Frontend::client_door) count as both, and may do what a client without rules may: what
/// they publish is somebody else's.
#[derive(Clone)]
pub struct Door {
    pub(crate) shared: Arc<Shared>,
    pub(crate) entrance: Arc<Entrance>,
    pub(crate) stopped: watch::Receiver<bool>,
}

impl Door {
    /// Workers that can be connected to, numbered from 0.
    pub fn workers(&self) -> u16 {
        self.shared.peers.len() as u16
    }

    /// Connects to a worker; numbers beyond the last begin again with the first. Of a frontend that has stopped one gets
    /// a connection that has ended.
    pub fn connect(&self, worker: u16) -> DuplexStream {
        let (ours, theirs) = duplex(BUFFER_BYTES);
        if !*self.stopped.borrow() {
            self.shared
                .request(usize::from(worker % self.workers()), Request::Enter(theirs, Arc::clone(&self.entrance)));
        }
        ours
    }
}
