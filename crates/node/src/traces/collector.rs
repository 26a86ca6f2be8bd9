//! The way of spans from the frontend into the store; it can be opened, changed and closed while the broker runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use config::Traces;
use frontend::SpanSink;

use super::{TraceCounts, TraceStore};

/// What is kept while nothing is said about traces.
const NO_CAPACITY: u64 = 0;

/// The store and the queue in front of it.
#[derive(Debug, Clone)]
pub(crate) struct Collector {
    store: TraceStore,
    sinks: Arc<Mutex<Sinks>>,
}

#[derive(Debug, Default)]
struct Sinks {
    current: Option<(u32, SpanSink)>,
    /// Of queues that are closed.
    dropped: u64,
}

impl Default for Collector {
    fn default() -> Self {
        Self { store: TraceStore::new(NO_CAPACITY), sinks: Arc::default() }
    }
}

impl Collector {
    pub(crate) fn store(&self) -> &TraceStore {
        &self.store
    }

    /// Where spans are to go from now on; `None` where none are recorded. A queue of another length is a new one, with a
    /// thread of its own that ends when everybody has let go of its sink.
    ///
    /// # Errors
    /// The system gives no thread; everything stays as it was.
    pub(crate) fn set(&self, traces: Option<&Traces>) -> io::Result<Option<SpanSink>> {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(traces) = traces else {
            sinks.replace(None);
            self.store.set_capacity(NO_CAPACITY);
            return Ok(None);
        };
        self.store.set_capacity(traces.cache_bytes);
        if let Some((capacity, sink)) = &sinks.current
            && *capacity == traces.channel_capacity
        {
            return Ok(Some(sink.clone()));
        }
        let (sink, mut spans) = frontend::span_channel(traces.channel_capacity as usize);
        let store = self.store.clone();
        thread::Builder::new().name("traces".to_owned()).spawn(move || {
            while let Some(span) = spans.blocking_recv() {
                store.push(span);
            }
        })?;
        sinks.replace(Some((traces.channel_capacity, sink.clone())));
        Ok(Some(sink))
    }

    /// Whether spans are recorded.
    pub(crate) fn is_open(&self) -> bool {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner).current.is_some()
    }

    /// How full the store is, and what was lost on the way to it.
    pub(crate) fn counts(&self) -> TraceCounts {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        let current = sinks.current.as_ref().map_or(0, |(_, sink)| sink.dropped());
        TraceCounts { dropped: sinks.dropped + current, ..self.store.counts() }
    }
}

impl Sinks {
    fn replace(&mut self, next: Option<(u32, SpanSink)>) {
        if let Some((_, before)) = std::mem::replace(&mut self.current, next) {
            self.dropped += before.dropped();
        }
    }
}
