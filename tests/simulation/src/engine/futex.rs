//! Who waits for which word of memory: the kernel's futexes, in user space.

use std::collections::BTreeMap;

use super::random::Stream;
use super::thread::ThreadId;

/// The waiting threads by the address of their word.
#[derive(Debug, Default)]
pub(super) struct Futexes(BTreeMap<usize, Vec<Sleeper>>);

#[derive(Debug)]
struct Sleeper {
    thread: ThreadId,
    bits: u32,
}

impl Futexes {
    pub(super) fn add(&mut self, address: usize, bits: u32, thread: ThreadId) {
        self.0.entry(address).or_default().push(Sleeper { thread, bits });
    }

    pub(super) fn remove(&mut self, address: usize, thread: ThreadId) {
        let Some(sleepers) = self.0.get_mut(&address) else { return };
        sleepers.retain(|sleeper| sleeper.thread != thread);
        if sleepers.is_empty() {
            self.0.remove(&address);
        }
    }

    /// Takes one of the threads that wait at `address` for any of `bits`: any of them, as no lock may rely on which.
    pub(super) fn take(&mut self, address: usize, bits: u32, random: &mut Stream) -> Option<ThreadId> {
        let sleepers = self.0.get_mut(&address)?;
        let fitting: Vec<usize> =
            sleepers.iter().enumerate().filter(|(_, one)| one.bits & bits != 0).map(|(at, _)| at).collect();
        if fitting.is_empty() {
            return None;
        }
        let chosen = sleepers.remove(fitting[random.below(fitting.len() as u64) as usize]);
        if sleepers.is_empty() {
            self.0.remove(&address);
        }
        Some(chosen.thread)
    }
}
