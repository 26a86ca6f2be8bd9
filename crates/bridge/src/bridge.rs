//! The thread that runs dataflows, and the hand that steers it.

mod supervisor;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use crate::carrier::View;
use crate::counters::Counts;
use crate::credentials::Surroundings;
use crate::dataflow::Dataflow;
use crate::status::DataflowStatus;

use supervisor::{Supervisor, Wanted};

/// What a bridge is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tells this installation from all others, for as long as it exists: client identifiers and trails are made of it.
    pub installation: String,
    /// What is under way when a dataflow is stopped may take this long.
    pub drain: Duration,
    /// Where this process runs, as far as its identity depends on it.
    pub surroundings: Surroundings,
}

/// Dataflows at work. Dropped without `stop`, it ends without waiting for what is under way: the sources send that again.
#[derive(Debug)]
pub struct Bridge {
    /// The newest counts.
    wanted: watch::Sender<Wanted>,
    view: BridgeView,
    thread: Option<JoinHandle<()>>,
}

/// What is to be seen of a bridge from anywhere. When the bridge has ended, there is nothing left to be seen.
#[derive(Debug, Clone)]
pub struct BridgeView {
    views: watch::Receiver<Vec<View>>,
}

impl BridgeView {
    /// Whether the bridge's thread is there.
    pub fn is_running(&self) -> bool {
        self.views.has_changed().is_ok()
    }

    /// How every dataflow is doing, by name and instance.
    pub fn status(&self) -> Vec<DataflowStatus> {
        self.views.borrow().iter().map(View::status).collect()
    }

    /// What every dataflow has carried, with its name and instance, in the order of `status`.
    pub fn counters(&self) -> Vec<(Arc<Dataflow>, Counts)> {
        self.views.borrow().iter().map(|view| (view.dataflow.clone(), view.counts())).collect()
    }
}

impl Bridge {
    /// Starts the thread, without a dataflow.
    ///
    /// # Errors
    /// No thread, or no runtime on it.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let (wanted, wishes) = watch::channel(Wanted::default());
        let (board, views) = watch::channel(Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            runtime.block_on(Supervisor::new(settings, wishes, board).run());
            // The name of a host may still be looked up, which nothing can end.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("bridge".to_owned()).spawn(run)?;
        Ok(Self { wanted, view: BridgeView { views }, thread: Some(thread) })
    }

    /// Says which dataflows there are to be, instances included. Those that are as before go on undisturbed; changed
    /// ones stop, and start anew on their sessions. The session of one that is gone ends by its expiry; if nobody can go on
    /// in it, or if it would go on taking messages from others, it is emptied and ended.
    pub fn set(&self, dataflows: Vec<Dataflow>) {
        let dataflows = dataflows.into_iter().map(|dataflow| (dataflow.key(), Arc::new(dataflow))).collect();
        self.wanted.send_modify(|wanted| wanted.dataflows = dataflows);
    }

    /// What is to be seen of it, for those who only look.
    pub fn view(&self) -> BridgeView {
        self.view.clone()
    }

    /// As [`BridgeView::status`].
    pub fn status(&self) -> Vec<DataflowStatus> {
        self.view.status()
    }

    /// As [`BridgeView::counters`].
    pub fn counters(&self) -> Vec<(Arc<Dataflow>, Counts)> {
        self.view.counters()
    }

    /// Stops every dataflow and waits: for as long as [`Settings::drain`], and some seconds for connections to end.
    pub fn stop(mut self) {
        self.wanted.send_modify(Wanted::end);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
