//! The threads on which a backend's links do their work: apart from partitions, which must not wait for sockets.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::watch;

/// Threads named `links-N`, each with a runtime of its own: a task stays where it was put. They end, and the tasks with them, when the
/// last clone is gone.
#[derive(Clone)]
pub(crate) struct LinkThreads(Arc<Inside>);

struct Inside {
    handles: Vec<Handle>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl LinkThreads {
    /// # Errors
    /// The system gives no threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut inside = Inside { handles: Vec::new(), stop, threads: Vec::new() };
        for number in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            inside.handles.push(runtime.handle().clone());
            let mut stopped = stopped.clone();
            let thread = thread::Builder::new().name(format!("links-{number}")).spawn(move || {
                // That nobody can say so any more is the end, too.
                runtime.block_on(async { stopped.wait_for(|stopped| *stopped).await.is_ok() });
                // Not for a name that takes long to be found.
                runtime.shutdown_background();
            })?;
            inside.threads.push(thread);
        }
        Ok(Self(Arc::new(inside)))
    }

    /// Has `task` done by one of the threads: the same for the same `number`.
    pub(crate) fn spawn(&self, number: usize, task: impl Future<Output = ()> + Send + 'static) {
        let handles = &self.0.handles;
        if let Some(handle) = handles.get(number % handles.len().max(1)) {
            handle.spawn(task);
        }
    }

    /// Ends the threads, and what is left of their tasks.
    pub(crate) fn stop(self) {
        self.0.stop.send_replace(true);
        let Ok(inside) = Arc::try_unwrap(self.0).map_err(|_| ()) else { return };
        let Inside { threads, .. } = inside;
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of links has panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::LinkThreads;

    #[test]
    fn tasks_of_one_number_share_a_thread_and_end_with_it() {
        let threads = LinkThreads::start(2).unwrap();
        let (sender, receiver) = channel();
        for number in [0, 1, 2, 3] {
            let sender = sender.clone();
            threads.spawn(number, async move {
                let name = thread::current().name().unwrap_or_default().to_owned();
                sender.send((number, name)).unwrap();
                std::future::pending::<()>().await;
            });
        }
        drop(sender);
        let mut ran: Vec<_> = (0..4).map(|_| receiver.recv_timeout(Duration::from_secs(10)).unwrap()).collect();
        ran.sort();
        let names: Vec<_> = ran.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["links-0", "links-1", "links-0", "links-1"]);
        threads.stop();
        receiver.recv_timeout(Duration::from_secs(10)).unwrap_err();
    }
}
