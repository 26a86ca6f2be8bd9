//! How the world tells a process what to do, and hears how far it is.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::engine;

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Starting,
    Up,
    Stopping,
    Stopped,
}

struct State<H> {
    stage: Stage,
    is_to_stop: bool,
    /// By which one looks into it while it is up.
    handles: Option<Arc<H>>,
}

/// Between the world and one run of a process.
pub struct Control<H> {
    state: Mutex<State<H>>,
    told: Condvar,
}

impl<H> Control<H> {
    pub fn new() -> Arc<Self> {
        let state = State { stage: Stage::Starting, is_to_stop: false, handles: None };
        Arc::new(Self { state: Mutex::new(state), told: Condvar::new() })
    }

    fn with<R>(&self, work: impl FnOnce(&mut State<H>) -> R) -> R {
        engine::uninterruptible(|| work(&mut self.lock()))
    }

    fn lock(&self) -> MutexGuard<'_, State<H>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stage(&self) -> Stage {
        self.with(|state| state.stage)
    }

    /// What it has shown, while it is up.
    pub fn handles(&self) -> Option<Arc<H>> {
        self.with(|state| state.handles.clone())
    }

    pub fn stop(&self) {
        self.with(|state| state.is_to_stop = true);
        self.told.notify_all();
    }

    /// Whether somebody waits for its end.
    pub fn is_to_stop(&self) -> bool {
        self.with(|state| state.is_to_stop)
    }

    /// Says that it is up, and waits until it is to stop.
    pub fn serve(&self, handles: H) {
        let handles = Some(Arc::new(handles));
        self.with(|state| (state.stage, state.handles) = (Stage::Up, handles));
        let mut state = self.lock();
        while !state.is_to_stop {
            state = self.told.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.stage = Stage::Stopping;
        let handles = state.handles.take();
        drop(state);
        drop(handles);
    }

    pub fn stopped(&self) {
        self.with(|state| state.stage = Stage::Stopped);
    }
}
