//! The listeners of a frontend, added and removed while it runs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use auth::Policy;
use tokio::task::JoinHandle;

use crate::entrance::Entrance;
use crate::listener;
use crate::settings::Listener;
use crate::worker::Worker;

/// Why a listener was not added or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    #[error("there is a listener called {0} already")]
    NameTaken(Arc<str>),
    #[error("there is no listener called {0}")]
    Unknown(Arc<str>),
    #[error("the socket of listener {name} cannot be used: {source}")]
    Socket { name: Arc<str>, source: io::Error },
    #[error("the frontend is stopping")]
    Stopping,
    #[error("the frontend did not answer within {} s", crate::running::REQUEST_DEADLINE.as_secs())]
    Unanswered,
}

/// Who accepts; on one worker.
#[derive(Default)]
pub(crate) struct Listening {
    listeners: RefCell<HashMap<Arc<str>, Accepting>>,
    /// Which worker is to have the next connection.
    turn: Cell<usize>,
}

/// A listener at work.
pub(crate) struct Accepting {
    entrance: Arc<Entrance>,
    task: JoinHandle<()>,
}

impl Accepting {
    /// Closes the entrance and the socket, in this order, so that nobody comes in between.
    pub async fn close(self) -> Arc<Entrance> {
        self.entrance.close();
        self.task.abort();
        // The socket is closed when its task is gone; how it went does not matter.
        let _ = self.task.await;
        self.entrance
    }
}

impl Listening {
    pub fn take(&self, name: &str) -> Option<Accepting> {
        self.listeners.borrow_mut().remove(name)
    }

    /// Has a listener guarded by another policy from now on; `None` if there is no such listener.
    pub fn set_policy(&self, name: &str, policy: Arc<Policy>) -> Option<Arc<Entrance>> {
        let listeners = self.listeners.borrow();
        let entrance = &listeners.get(name)?.entrance;
        entrance.set_policy(policy);
        Some(Arc::clone(entrance))
    }

    /// Accepts no more connections.
    pub fn stop(&self) {
        for accepting in self.listeners.borrow().values() {
            accepting.task.abort();
        }
    }

    /// The worker whose turn it is.
    pub fn next_worker(&self, workers: usize) -> usize {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        turn % workers
    }
}

impl Worker {
    /// Accepts from one more socket.
    pub fn listen(self: &Rc<Self>, listener: Listener) -> Result<(), ListenError> {
        let Listener { name, socket, protocol, policy } = listener;
        if self.is_draining() {
            return Err(ListenError::Stopping);
        }
        let mut listeners = self.listening.listeners.borrow_mut();
        if listeners.contains_key(&name) || name == self.internal.name {
            return Err(ListenError::NameTaken(name));
        }
        let socket = tokio::net::TcpListener::from_std(socket)
            .map_err(|source| ListenError::Socket { name: Arc::clone(&name), source })?;
        let entrance = Arc::new(Entrance::of_listener(Arc::clone(&name), protocol, policy));
        let task = tokio::task::spawn_local(listener::accept(Rc::clone(self), socket, Arc::clone(&entrance)));
        listeners.insert(name, Accepting { entrance, task });
        Ok(())
    }
}
