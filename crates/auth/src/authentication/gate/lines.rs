//! One line for each address: so many of it are judged at once, the others wait behind them.
//!
//! Without it, whoever guesses at a thousand passwords in the same moment would have all of them tried before the first
//! failure counts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;

use super::limiter::network;
use crate::authentication::turnstile::Turnstile;

/// The lines of those addresses that have somebody in them.
pub(super) struct Lines {
    by_network: Mutex<HashMap<IpAddr, Arc<Turnstile>>>,
    at_once: usize,
    most_waiting: usize,
}

/// Being in a line. Left when dropped; the last one out takes the line along.
pub(super) struct InLine {
    lines: Arc<Lines>,
    network: IpAddr,
    turnstile: Option<Arc<Turnstile>>,
}

impl Lines {
    pub fn new(at_once: usize, most_waiting: usize) -> Self {
        Self { by_network: Mutex::default(), at_once, most_waiting }
    }

    pub fn join(self: &Arc<Self>, address: IpAddr) -> InLine {
        let network = network(address);
        let mut lines = self.lines();
        let new = || Arc::new(Turnstile::new(self.at_once, self.most_waiting));
        let turnstile = Some(Arc::clone(lines.entry(network).or_insert_with(new)));
        InLine { lines: Arc::clone(self), network, turnstile }
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Turnstile>>> {
        self.by_network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InLine {
    /// Waits for one's turn; `None` at once if too many of this address wait already.
    pub async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        match &self.turnstile {
            Some(turnstile) => turnstile.enter().await,
            None => None,
        }
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        let mut lines = self.lines.lines();
        drop(self.turnstile.take());
        // Counted under the lock: nobody can join meanwhile.
        if lines.get(&self.network).is_some_and(|turnstile| Arc::strong_count(turnstile) == 1) {
            lines.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_address_has_its_line_while_somebody_is_in_it() {
        let lines = Arc::new(Lines::new(1, 0));
        let [here, there]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let (first, second, other) = (lines.join(here), lines.join(here), lines.join(there));
        let place = first.enter().await.unwrap();
        assert!(second.enter().await.is_none() && other.enter().await.is_some());
        drop(place);
        assert!(second.enter().await.is_some());
        drop((first, other));
        assert_eq!(lines.lines().len(), 1);
        drop(second);
        assert!(lines.lines().is_empty());
    }
}
