//! Connections that cannot go on until there is room somewhere.

use std::rc::Rc;

use super::Worker;
use crate::connection::Connection;

impl Worker {
    /// Has `connection` look again at the packets it holds back, when there may be room.
    pub fn pause(&self, connection: &Rc<Connection>) {
        self.paused.borrow_mut().push(Rc::clone(connection));
        self.pausing.notify_one();
    }

    pub fn has_paused(&self) -> bool {
        !self.paused.borrow().is_empty()
    }

    pub async fn somebody_waits(&self) {
        while !self.has_paused() {
            self.pausing.notified().await;
        }
    }

    pub fn resume_paused(&self) {
        self.look_for_room();
        for connection in self.paused.take() {
            connection.resume();
        }
    }

    pub fn retry_later(&self, connection: &Rc<Connection>) {
        let mut refused = self.refused.borrow_mut();
        if !refused.iter().any(|c| Rc::ptr_eq(c, connection)) {
            refused.push(Rc::clone(connection));
        }
    }
}
