//! At most so many at once; a few more wait; the rest is turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds what is done at once.
#[derive(Debug)]
pub(crate) struct Turnstile {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
}

impl Turnstile {
    pub fn new(places: usize, most_waiting: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), waiting: AtomicUsize::new(0), most_waiting }
    }

    /// Waits for a place; `None` at once if too many wait already. Who waits is under the caller's deadline.
    pub async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some(place);
        }
        let _waiter = Waiter::join(self)?;
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

/// Counts one who waits, also when the wait is given up.
struct Waiter<'t>(&'t Turnstile);

impl<'t> Waiter<'t> {
    fn join(turnstile: &'t Turnstile) -> Option<Self> {
        let before = turnstile.waiting.fetch_add(1, Ordering::Relaxed);
        let waiter = Self(turnstile);
        (before < turnstile.most_waiting).then_some(waiter)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_place_waits_or_is_turned_away() {
        let turnstile = Turnstile::new(1, 1);
        let inside = turnstile.enter().await.unwrap();
        let mut second = Box::pin(turnstile.enter());
        assert!(futures_poll(&mut second).is_none());
        assert!(turnstile.enter().await.is_none());
        drop(inside);
        let second_inside = second.await;
        assert!(second_inside.is_some());
        // One who gives up leaves room for another.
        let mut third = Box::pin(turnstile.enter());
        assert!(futures_poll(&mut third).is_none());
        drop(third);
        let mut fourth = Box::pin(turnstile.enter());
        assert!(futures_poll(&mut fourth).is_none());
        drop(second_inside);
        assert!(fourth.await.is_some());
    }

    /// What a future has to say if asked once.
    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
