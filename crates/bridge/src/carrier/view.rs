//! What others may see of a dataflow at work.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;

use crate::counters::{Counters, Counts};
use crate::dataflow::Dataflow;
use crate::status::{DataflowStatus, LinkState};

#[derive(Debug, Clone)]
pub(crate) struct View {
    pub dataflow: Arc<Dataflow>,
    pub status: watch::Receiver<DataflowStatus>,
    pub counters: Arc<Counters>,
}

impl View {
    pub fn status(&self) -> DataflowStatus {
        let counts = self.counters.counts();
        DataflowStatus { backlog: counts.held, ..self.status.borrow().clone() }.judged(SystemTime::now())
    }

    pub fn is_subscribed(&self) -> bool {
        matches!(self.status.borrow().source.state, LinkState::Up { .. })
    }

    pub fn counts(&self) -> Counts {
        self.counters.counts()
    }
}
