//! Who waits for descriptors: epoll and poll. The descriptors are the kernel's; only the waiting is not.

use std::collections::{BTreeMap, BTreeSet};

use libc::{c_int, pollfd};

use super::kernel;
use super::thread::ThreadId;

#[derive(Debug, Default)]
pub(super) struct Pollers {
    waiting: BTreeMap<ThreadId, Vec<pollfd>>,
    /// The queues of events that a descriptor was put into, by descriptor.
    queues: BTreeMap<c_int, BTreeSet<c_int>>,
    stale: Stale,
}

/// What may have become ready since it was looked at.
#[derive(Debug, Default)]
enum Stale {
    #[default]
    Nothing,
    /// These queues of events.
    Queues(BTreeSet<c_int>),
    Anything,
}

impl Pollers {
    pub(super) fn add(&mut self, thread: ThreadId, descriptors: &[pollfd]) {
        self.waiting.insert(thread, descriptors.to_vec());
    }

    pub(super) fn remove(&mut self, thread: ThreadId) {
        self.waiting.remove(&thread);
    }

    /// A descriptor was put into a queue of events, or is looked at in another way there.
    pub(super) fn queued(&mut self, queue: c_int, descriptor: c_int) {
        self.queues.entry(descriptor).or_default().insert(queue);
        self.touch();
    }

    /// A descriptor is about to be closed.
    pub(super) fn closed(&mut self, descriptor: c_int) {
        self.queues.remove(&descriptor);
        self.queues.values_mut().for_each(|queues| _ = queues.remove(&descriptor));
        self.touch();
    }

    /// What was written to a descriptor may have made it ready; what is in no queue itself may have its other end in any.
    pub(super) fn written(&mut self, descriptor: c_int) {
        match (self.queues.get(&descriptor), &mut self.stale) {
            (_, Stale::Anything) => (),
            (None, stale) => *stale = Stale::Anything,
            (Some(queues), Stale::Queues(stale)) => stale.extend(queues),
            (Some(queues), stale) => *stale = Stale::Queues(queues.clone()),
        }
    }

    /// Anything may have become ready.
    pub(super) fn touch(&mut self) {
        self.stale = Stale::Anything;
    }

    /// The threads that have something ready which they had not when it was looked at last.
    pub(super) fn touched(&mut self) -> Vec<ThreadId> {
        match std::mem::take(&mut self.stale) {
            Stale::Nothing => Vec::new(),
            Stale::Anything => self.ready(),
            Stale::Queues(queues) => self.look(|own| own.iter().any(|one| queues.contains(&one.fd))),
        }
    }

    /// The threads that have something ready.
    pub(super) fn ready(&mut self) -> Vec<ThreadId> {
        self.stale = Stale::Nothing;
        self.look(|_| true)
    }

    fn look(&self, concerns: impl Fn(&[pollfd]) -> bool) -> Vec<ThreadId> {
        let looked: Vec<(ThreadId, &[pollfd])> = self
            .waiting
            .iter()
            .map(|(thread, own)| (*thread, own.as_slice()))
            .filter(|(_, own)| concerns(own))
            .collect();
        let mut all: Vec<pollfd> = looked.iter().flat_map(|(_, own)| own.iter().copied()).collect();
        if all.is_empty() || kernel::poll(&mut all) <= 0 {
            return Vec::new();
        }
        let mut results = all.iter();
        let threads = looked.into_iter().filter_map(|(thread, own)| {
            let ready = results.by_ref().take(own.len()).fold(false, |any, one| any | (one.revents != 0));
            ready.then_some(thread)
        });
        threads.collect()
    }
}
