//! Items on their way to one frontend worker, whose thread runs a tokio runtime.
//!
//! The senders bound what they put in: a partition sends at most a session's window and one answer per request, a
//! worker stops reading its publishers while the receivers' memory is short.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

struct Shared<T> {
    items: Mutex<Vec<T>>,
    arrived: Notify,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // Nothing panics while the lock is held, so a poisoned vector is a whole vector.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a mailbox.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared { items: Mutex::new(Vec::new()), arrived: Notify::new() });
    (Sender { shared: Arc::clone(&shared) }, Receiver { shared })
}

/// The sending end, for any thread.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Sender<T> {
    /// Hands over all of `items`, leaving the vector empty. Wakes the worker once if nothing was waiting.
    pub fn send(&self, items: &mut Vec<T>) {
        if items.is_empty() {
            return;
        }
        let was_empty = {
            let mut waiting = self.shared.lock();
            let was_empty = waiting.is_empty();
            waiting.append(items);
            was_empty
        };
        if was_empty {
            self.shared.arrived.notify_one();
        }
    }

    pub fn send_one(&self, item: T) {
        self.send(&mut vec![item]);
    }
}

/// The worker's end.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// Waits until something is there and moves all of it into `into`. Cancel safe: nothing is taken before it is
    /// returned.
    pub async fn receive(&mut self, into: &mut Vec<T>) {
        // A send between the two leaves its permit in `arrived`, so it is not missed.
        while !self.take(into) {
            self.shared.arrived.notified().await;
        }
    }

    /// Moves what is there into `into` without waiting; false if nothing was.
    pub fn take(&mut self, into: &mut Vec<T>) -> bool {
        let mut waiting = self.shared.lock();
        if waiting.is_empty() {
            return false;
        }
        into.append(&mut waiting);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_sent_arrives_in_order_from_another_thread() {
        let (sender, mut receiver) = channel();
        let thread = std::thread::spawn(move || {
            for n in 0..1000 {
                sender.send(&mut vec![n * 2, n * 2 + 1]);
            }
        });
        let mut got = Vec::new();
        while got.len() < 2000 {
            receiver.receive(&mut got).await;
        }
        thread.join().unwrap();
        assert_eq!(got, (0..2000).collect::<Vec<_>>());
    }
}
