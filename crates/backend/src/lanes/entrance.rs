//! What comes over links on its way to one partition's thread, in the order of its arrival.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use link::inbox::{self, Closed, Room};
use link::wire;
use partition::{Incarnation, Lane, Numbered};

use super::line::Line;

/// Something that a link has brought.
pub(crate) enum Event {
    /// The link has begun anew: what was sent on it before may not have arrived, and nobody waits for it.
    Began {
        lane: Lane,
    },
    Open {
        lane: Lane,
        wish: Wish,
    },
    /// Checked; the bytes are its frames.
    Batch {
        lane: Lane,
        numbered: Numbered,
        batch: Bytes,
    },
    Leave {
        lane: Lane,
        incarnation: Incarnation,
    },
    /// The link to a worker has a session, in which something can be sent.
    Worker {
        lane: Lane,
        link: wire::Link,
    },
    /// The link to another backend is there.
    Peer {
        backend: u16,
        link: wire::Link,
    },
    /// The other backend may not have what was sent to it.
    PeerBegan {
        backend: u16,
    },
}

/// What a worker that opens its lane says, and how it is answered.
pub(crate) struct Wish {
    pub incarnation: Incarnation,
    pub received: u64,
    pub line: Line,
}

#[derive(Default)]
struct State {
    events: VecDeque<Event>,
    closed: bool,
}

/// See the module. Bounded by bytes, as an [`inbox`] is.
pub(crate) struct Entrance {
    state: Mutex<State>,
    /// Bytes of batches that are not yet worked off.
    held: AtomicUsize,
    limit: usize,
    /// The partition has more to say to somebody than is taken.
    is_pressed: AtomicBool,
    inbox: inbox::Sender,
}

impl Entrance {
    pub fn new(inbox: inbox::Sender, limit: usize) -> Self {
        Self { state: Mutex::default(), held: AtomicUsize::new(0), limit, is_pressed: AtomicBool::new(false), inbox }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands events over, leaving the vector empty. An error says that the partition has stopped.
    pub fn send(&self, events: &mut Vec<Event>) -> Result<Room, Closed> {
        let bytes: usize = events.iter().map(Event::len).sum();
        let was_empty = {
            let mut state = self.lock();
            if state.closed {
                return Err(Closed);
            }
            self.held.fetch_add(bytes, Ordering::AcqRel);
            let was_empty = state.events.is_empty();
            state.events.extend(events.drain(..));
            was_empty
        };
        if was_empty {
            self.inbox.wake();
        }
        Ok(self.room())
    }

    /// To wake the partition's thread.
    pub fn inbox(&self) -> inbox::Sender {
        self.inbox.clone()
    }

    pub fn room(&self) -> Room {
        let is_free = self.held.load(Ordering::Acquire) < self.limit && !self.is_pressed.load(Ordering::Acquire);
        if is_free { Room::Free } else { Room::Full }
    }

    /// Moves what has come into `into`.
    pub fn take(&self, into: &mut VecDeque<Event>) {
        into.append(&mut self.lock().events);
    }

    /// Gives `bytes` of room back: what was taken is worked off.
    pub fn done(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Has workers pause, or go on.
    pub fn press(&self, is_pressed: bool) {
        self.is_pressed.store(is_pressed, Ordering::Release);
    }

    /// Refuses what comes from now on.
    pub fn close(&self) {
        self.lock().closed = true;
    }
}

impl Event {
    /// What it counts as.
    pub fn len(&self) -> usize {
        match self {
            Self::Batch { batch, .. } => batch.len(),
            _ => 0,
        }
    }
}
