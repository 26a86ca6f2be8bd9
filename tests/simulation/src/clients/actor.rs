//! A client over all its connections.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Habits;
use super::connection::{Connection, End};
use super::entry::Entry;
use super::ghost;
use super::memory::Memory;
use super::notebook::Notebook;
use crate::oracle::{Closed, What};

/// What clients do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Whatever their habits are.
    Load,
    /// Each comes back, stays, reads and answers.
    Drain,
}

/// Where all clients look to know what to do. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Stage(Arc<AtomicBool>);

impl Stage {
    pub fn phase(&self) -> Phase {
        if self.0.load(Ordering::Relaxed) { Phase::Drain } else { Phase::Load }
    }

    pub fn drain(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// See the module.
pub(super) struct Actor<E> {
    entry: E,
    stage: Stage,
    notebook: Rc<Notebook>,
    habits: Habits,
    memory: Memory,
}

impl<E: Entry> Actor<E> {
    pub fn new(entry: E, stage: Stage, notebook: Rc<Notebook>, habits: Habits) -> Self {
        Self { entry, stage, notebook, habits, memory: Memory::default() }
    }

    /// Connects again and again.
    pub async fn live(mut self) {
        if !self.habits.deeds.is_empty() && self.habits.wills > 0 {
            // Who watches wills is to be there first.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        loop {
            let pause = self.live_once().await;
            tokio::time::sleep(pause).await;
        }
    }

    /// One connection; how long to wait before the next.
    async fn live_once(&mut self) -> Duration {
        let Self { entry, stage, notebook, habits, memory } = self;
        let frontend = habits.dice.below(entry.frontends().into()) as u16;
        let worker = habits.dice.below(entry.workers().into()) as u16;
        let millis = |low, high| Duration::from_millis(low)..=Duration::from_millis(high);
        let Ok(stream) = entry.connect(frontend, worker).await else {
            return habits.dice.duration(millis(50, 500));
        };
        let client = habits.client;
        let mut connection = Connection::new(stream, (&*stage, &**notebook), habits, memory);
        let end = connection.serve(frontend).await;
        let (number, wire) = connection.into_parts();
        let close = |how| notebook.add(client, number, What::Closed(how));
        match end {
            End::Gone(how) => close(how),
            End::Dropped => close(Closed::ByClient),
            End::Left => {
                let finished = tokio::time::timeout(Duration::from_secs(5), wire.finish()).await;
                close(finished.unwrap_or(Closed::ByClient));
            }
            End::TakenOver => {
                let notebook = Rc::clone(notebook);
                tokio::task::spawn_local(ghost::haunt(wire, notebook, (client, number)));
                return Duration::ZERO;
            }
        }
        match stage.phase() {
            Phase::Drain => habits.dice.duration(millis(20, 200)),
            Phase::Load => habits.dice.duration(millis(20, 2500)),
        }
    }
}
