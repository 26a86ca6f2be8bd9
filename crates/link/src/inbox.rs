//! Batches of commands on their way to one partition's thread.
//!
//! Bounded by bytes: a sender that is told [`Room::Full`] stops taking new work for this partition until the receiver
//! has caught up. What a sender had already accepted is still taken, so the bound may be passed by one batch per sender.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

/// Whether a sender may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    Full,
}

/// The receiver is gone; nothing will be processed any more.
#[derive(Debug, thiserror::Error)]
#[error("the partition has stopped")]
pub struct Closed;

struct State {
    batches: Vec<Bytes>,
    receiver_sleeps: bool,
    /// The receiver is to come back though no batch is there.
    woken: bool,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
    /// Bytes sent and not yet taken as done.
    held: AtomicUsize,
    limit: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, so a poisoned state is a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self) -> Room {
        if self.held.load(Ordering::Acquire) < self.limit { Room::Free } else { Room::Full }
    }
}

/// Makes an inbox that asks its senders to pause once `limit` bytes wait in it.
pub fn channel(limit: usize) -> (Sender, Receiver) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State { batches: Vec::new(), receiver_sleeps: false, woken: false, closed: false }),
        arrived: Condvar::new(),
        held: AtomicUsize::new(0),
        limit,
    });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

/// The sending end; one per worker, cheap to clone.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

impl Sender {
    /// Hands over a batch. The answer says whether to go on or to wait for [`Sender::room`].
    pub fn send(&self, batch: Bytes) -> Result<Room, Closed> {
        let len = batch.len();
        let wake = {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(Closed);
            }
            self.shared.held.fetch_add(len, Ordering::AcqRel);
            state.batches.push(batch);
            std::mem::take(&mut state.receiver_sleeps)
        };
        if wake {
            self.shared.arrived.notify_one();
        }
        Ok(self.shared.room())
    }

    /// Hands over all of `batches`, leaving the vector empty: one lock and at most one wake.
    pub fn send_all(&self, batches: &mut Vec<Bytes>) -> Result<Room, Closed> {
        let wake = {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(Closed);
            }
            self.shared.held.fetch_add(batches.iter().map(Bytes::len).sum(), Ordering::AcqRel);
            state.batches.append(batches);
            !state.batches.is_empty() && std::mem::take(&mut state.receiver_sleeps)
        };
        if wake {
            self.shared.arrived.notify_one();
        }
        Ok(self.shared.room())
    }

    pub fn room(&self) -> Room {
        self.shared.room()
    }

    /// Has the receiver come back at once though nothing is sent: something waits for it beside the inbox.
    pub fn wake(&self) {
        let wake = {
            let mut state = self.shared.lock();
            state.woken = true;
            std::mem::take(&mut state.receiver_sleeps)
        };
        if wake {
            self.shared.arrived.notify_one();
        }
    }
}

/// What [`Receiver::receive`] came back with.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    Batches,
    /// The deadline passed first, or [`Sender::wake`] was called.
    Idle,
    /// Every sender is gone or [`Receiver::close`] was called, and nothing is left.
    Closed,
}

/// The receiving end, owned by the partition's thread.
pub struct Receiver {
    shared: Arc<Shared>,
}

impl Receiver {
    /// Moves all waiting batches into `into`, sleeping for them up to `wait`.
    pub fn receive(&self, into: &mut Vec<Bytes>, wait: Duration) -> Received {
        let mut state = self.shared.lock();
        if state.batches.is_empty() && !state.closed && !state.woken {
            state.receiver_sleeps = true;
            let slept = self.shared.arrived.wait_timeout(state, wait);
            state = slept.unwrap_or_else(PoisonError::into_inner).0;
            state.receiver_sleeps = false;
        }
        state.woken = false;
        if !state.batches.is_empty() {
            into.append(&mut state.batches);
            return Received::Batches;
        }
        // Strong references: this receiver's, and one per sender.
        if state.closed || Arc::strong_count(&self.shared) == 1 { Received::Closed } else { Received::Idle }
    }

    /// Gives `bytes` of room back to the senders: what was received is worked off.
    pub fn done(&self, bytes: usize) {
        self.shared.held.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Refuses further batches.
    pub fn close(&self) {
        self.shared.lock().closed = true;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_WAIT: Duration = Duration::ZERO;

    #[test]
    fn batches_come_out_whole_and_in_order() {
        let (sender, receiver) = channel(1000);
        for n in 0..10u8 {
            sender.send(Bytes::from(vec![n; 3])).unwrap();
        }
        let mut got = Vec::new();
        assert_eq!(receiver.receive(&mut got, NO_WAIT), Received::Batches);
        assert_eq!(got, (0..10u8).map(|n| vec![n; 3]).collect::<Vec<_>>());
        assert_eq!(receiver.receive(&mut got, NO_WAIT), Received::Idle);
    }

    #[test]
    fn full_until_worked_off() {
        let (sender, receiver) = channel(10);
        assert_eq!(sender.send(vec![0; 9].into()).unwrap(), Room::Free);
        assert_eq!(sender.send(vec![0; 1].into()).unwrap(), Room::Full);
        receiver.receive(&mut Vec::new(), NO_WAIT);
        assert_eq!(sender.room(), Room::Full, "received is not yet worked off");
        receiver.done(10);
        assert_eq!(sender.room(), Room::Free);
    }

    #[test]
    fn a_sleeping_receiver_is_woken() {
        let (sender, receiver) = channel(10);
        let thread = std::thread::spawn(move || receiver.receive(&mut Vec::new(), Duration::from_secs(30)));
        while !sender.shared.lock().receiver_sleeps {
            std::thread::yield_now();
        }
        sender.send(vec![1].into()).unwrap();
        assert_eq!(thread.join().unwrap(), Received::Batches);
    }

    #[test]
    fn a_call_from_beside_is_not_missed() {
        let (sender, receiver) = channel(10);
        sender.wake();
        assert_eq!(receiver.receive(&mut Vec::new(), Duration::from_secs(30)), Received::Idle);
        let thread = std::thread::spawn(move || receiver.receive(&mut Vec::new(), Duration::from_secs(30)));
        while !sender.shared.lock().receiver_sleeps {
            std::thread::yield_now();
        }
        sender.wake();
        assert_eq!(thread.join().unwrap(), Received::Idle);
    }

    #[test]
    fn both_ends_see_the_other_go() {
        let (sender, receiver) = channel(10);
        drop(sender);
        assert_eq!(receiver.receive(&mut Vec::new(), NO_WAIT), Received::Closed);
        let (sender, receiver) = channel(10);
        drop(receiver);
        assert!(sender.send(vec![1].into()).is_err());
    }
}
