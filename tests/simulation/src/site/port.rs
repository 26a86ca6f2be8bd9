//! Where a process is reached: a thread that accepts connections and runs what they belong to.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use backend::Links;
use link::wire::{Answer, Arrival, Deadlines, Link, Peer, Refusal, Settings, greet};
use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;
use tokio::time::timeout;

use super::certificates::{Counter, Desk};
use super::keeper::LinkBook;
use super::network::{Network, Place, Stream};
use super::protection::{Protection, meet};
use super::say::say;

/// For a handshake, hello included.
const HANDSHAKE: Duration = Duration::from_secs(5);
const FAREWELL: Duration = Duration::from_secs(1);

/// A thread with a runtime of its own.
pub struct TaskThread {
    handle: Handle,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl TaskThread {
    /// # Errors
    /// No thread, no event queue.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, (stop, mut stopped)) = (runtime.handle().clone(), watch::channel(false));
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(async { stopped.wait_for(|stopped| *stopped).await.is_ok() });
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, stop, thread })
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the thread, and what is left of its tasks.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            say("a thread of tasks has panicked");
        }
    }
}

/// What takes in whoever dials a backend.
pub struct Reception {
    pub network: Network,
    pub us: Peer,
    pub protection: Protection,
    /// The authority, if it is here.
    pub desk: Option<Arc<Desk>>,
    pub links: Links,
    pub book: LinkBook,
    pub handle: Handle,
    pub known: Mutex<BTreeMap<(Place, u32), Link>>,
}

impl Reception {
    /// Accepts for ever.
    pub async fn accept(self: Arc<Self>, here: Place) {
        loop {
            let arrived = self.network.accept(here).await;
            let reception = Arc::clone(&self);
            self.handle.spawn(async move { reception.receive(arrived.stream).await });
        }
    }

    async fn receive(&self, stream: Stream) {
        let met = async {
            let connection = meet(stream, &self.protection, self.desk.as_ref()).await.ok()??;
            greet(connection, &self.us, HANDSHAKE).await.ok()
        };
        let Ok(Some(arrival)) = timeout(HANDSHAKE, met).await else { return };
        if let Err(back) = self.attach(arrival) {
            let (arrival, refusal) = *back;
            arrival.refuse(&refusal, FAREWELL).await;
        }
    }

    fn attach(&self, arrival: Arrival) -> Result<(), Box<(Arrival, Refusal)>> {
        match self.link_of(arrival.peer(), arrival.link()) {
            Some(link) => link.attach(arrival),
            None => Err(Box::new((arrival, Refusal::Other("nobody knows this peer".into())))),
        }
    }

    fn link_of(&self, peer: &Peer, number: u32) -> Option<Link> {
        let ordinal = peer.name.rsplit('-').next()?.parse().ok()?;
        let place = match &*peer.role {
            "frontend" => Place::Frontend(ordinal),
            "backend" => Place::Backend(ordinal),
            _ => return None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let link = known.entry((place, number)).or_insert_with(|| {
            let (link, driver) = Link::accepting(Settings {
                us: self.us.clone(),
                peer_role: peer.role.clone(),
                peer_name: Some(peer.name.clone()),
                number,
                deadlines: Deadlines::default(),
                answer: answer(self.desk.as_ref()),
            });
            match place {
                Place::Frontend(_) => self.links.frontend_link(ordinal, number as u16, &link),
                _ => self.links.peer_link(ordinal, &link),
            }
            self.book.add(&link);
            self.handle.spawn(driver.run());
            link
        });
        Some(link.clone())
    }
}

/// What answers the peers' questions.
pub fn answer(desk: Option<&Arc<Desk>>) -> Option<Arc<dyn Answer>> {
    desk.map(|desk| Arc::new(Counter(Arc::clone(desk))) as _)
}
