//! Other policies while clients are connected.

use std::rc::Rc;
use std::sync::Arc;

use tokio::task::yield_now;

use super::Worker;
use super::requests::{Waiter, answer};
use crate::entrance::Entrance;

/// Connections that are looked at before others get their turn.
const STEP: usize = 64;

/// Has all clients of these entrances go by the policies there.
pub(super) async fn review(worker: Rc<Worker>, entrances: Arc<[Arc<Entrance>]>, waiter: Waiter<()>) {
    let mut place = 0;
    while place < worker.places() {
        for place in place..place + STEP {
            let connection = worker.connections.borrow().get(place).cloned();
            if let Some(connection) = connection
                && entrances.iter().any(|entrance| Arc::ptr_eq(entrance, &connection.entrance))
            {
                connection.review(&worker);
            }
        }
        place += STEP;
        yield_now().await;
    }
    answer(&waiter, ());
}

impl Worker {
    /// Places that connections may have; more come only with new connections, which know the new policies.
    fn places(&self) -> usize {
        self.connections.borrow().capacity()
    }
}
