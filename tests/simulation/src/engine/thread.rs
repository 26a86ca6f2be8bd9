//! The product's threads, as the scheduler knows them.

use std::fmt;
use std::time::Duration;

use libc::pollfd;

use super::machine::MachineId;
use super::seat::Seat;

/// A registered thread's number, in the order in which they were created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ThreadId(pub(super) usize);

#[derive(Debug)]
pub(super) struct Thread {
    pub(super) machine: MachineId,
    pub(super) seat: &'static Seat,
    pub(super) state: State,
    /// Why it was woken last.
    pub(super) wakeup: Wakeup,
    /// When it is woken at the latest.
    pub(super) alarm: Option<Duration>,
    /// How many sections it is in that must not be interrupted.
    pub(super) sections: u32,
    /// Higher goes first, with a policy that looks at it.
    pub(super) rank: u64,
}

#[derive(Debug)]
pub(super) enum State {
    Running,
    Ready,
    Waiting(Wait),
    /// It has ended.
    Gone,
    /// Its machine was killed.
    Dead,
}

/// What a thread waits for.
#[derive(Debug)]
pub(super) enum Wait {
    /// A wake-up of the word at an address, for any of these bits.
    Futex { address: usize, bits: u32 },
    /// One of some descriptors to become ready.
    Descriptors(Vec<pollfd>),
    /// Nothing but time.
    Time,
    /// The end of a thread.
    Thread(ThreadId),
    /// That no thread of a machine is in a section that must not be interrupted.
    Sections(MachineId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wakeup {
    Called,
    Expired,
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {}", self.0)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::Ready => f.write_str("ready"),
            Self::Waiting(wait) => write!(f, "waiting for {wait}"),
            Self::Gone => f.write_str("gone"),
            Self::Dead => f.write_str("killed"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Futex { address, .. } => write!(f, "the lock or condition at {address:#x}"),
            Self::Descriptors(descriptors) => {
                write!(f, "descriptors {:?}", descriptors.iter().map(|one| one.fd).collect::<Vec<_>>())
            }
            Self::Time => f.write_str("time"),
            Self::Thread(thread) => write!(f, "the end of {thread}"),
            Self::Sections(machine) => write!(f, "the end of a section in machine {}", machine.0),
        }
    }
}
