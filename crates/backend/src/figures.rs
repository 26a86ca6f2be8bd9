//! Tells the frontends what the partitions count, once a second.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use link::inbox::Room;
use partition::{Figures, PartitionId};

use crate::backend::View;
use crate::links::{FIGURES, Links};

const INTERVAL: Duration = Duration::from_secs(1);

pub(crate) struct FiguresThread {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl FiguresThread {
    pub fn start(views: Vec<(PartitionId, Arc<View>)>, links: Links) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let work = move || {
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                tell(&views, &links);
            }
        };
        let thread = std::thread::Builder::new().name("figures".to_owned()).spawn(work)?;
        Ok(Self { stop, thread })
    }

    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the figures thread has panicked");
        }
    }
}

fn tell(views: &[(PartitionId, Arc<View>)], links: &Links) {
    let read = |(partition, view): &(PartitionId, Arc<View>)| {
        (*partition, *view.counters.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let led = views.iter().filter(|(_, view)| view.leads.load(Ordering::Acquire));
    let message = Figures(led.map(read).collect()).encode();
    for link in links.figures() {
        // Who does not take them hears the next ones.
        if let Some(sender) = link.sender(FIGURES)
            && sender.room() == Room::Free
        {
            let _ = sender.send(message.clone());
        }
    }
}
