//! Which sockets of a thread have something to say or take.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

/// Sockets told about in one pass.
const MAX_EVENTS: usize = 1024;

/// The number of the waker among the sockets.
const WAKER: u64 = u64::MAX;

/// Level-triggered epoll, so that one read a pass is enough; waits with the kernel's own precision, for which Linux 5.11
/// is the first that will do.
pub(super) struct Poller {
    epoll: OwnedFd,
    events: Vec<Event>,
    waker: Arc<Waker>,
}

/// Ends another thread's wait.
#[derive(Debug)]
pub(super) struct Waker(OwnedFd);

impl Waker {
    /// # Errors
    /// No descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?))
    }

    /// Never blocks; a waker already woken stays so.
    pub(super) fn wake(&self) {
        // Full means that it is awake.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    fn reset(&self) {
        let _ = rustix::io::read(&self.0, &mut [0u8; 8]);
    }
}

/// What is waited for on a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    ReadAndWrite,
}

impl Interest {
    fn flags(self) -> EventFlags {
        match self {
            Self::Read => EventFlags::IN,
            Self::ReadAndWrite => EventFlags::IN | EventFlags::OUT,
        }
    }
}

/// What a socket is ready for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    pub(super) index: u32,
    pub(super) to_read: bool,
    pub(super) to_write: bool,
}

impl Poller {
    /// # Errors
    /// No descriptor left.
    pub(super) fn new(waker: Arc<Waker>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &waker.0, EventData::new_u64(WAKER), EventFlags::IN)?;
        Ok(Self { epoll, events: Vec::with_capacity(MAX_EVENTS), waker })
    }

    /// # Errors
    /// No memory in the kernel, or more descriptors than a user may watch.
    pub(super) fn add(&self, socket: impl AsFd, index: u32, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(u64::from(index)), interest.flags())?)
    }

    pub(super) fn change(&self, socket: impl AsFd, index: u32, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(u64::from(index)), interest.flags())?)
    }

    /// Waits for at most `nanoseconds`; says how many sockets are ready.
    ///
    /// # Errors
    /// `Unsupported` before Linux 5.11.
    pub(super) fn wait(&mut self, nanoseconds: u64) -> io::Result<usize> {
        let timeout =
            Timespec { tv_sec: (nanoseconds / 1_000_000_000) as i64, tv_nsec: (nanoseconds % 1_000_000_000) as i64 };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(self.events.len()),
            Err(rustix::io::Errno::NOSYS) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "this needs Linux 5.11 or newer"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The ready socket at `at`; `None` for the waker, which is reset.
    #[inline]
    pub(super) fn ready(&self, at: usize) -> Option<Ready> {
        let event = self.events.get(at)?;
        let number = event.data.u64();
        if number == WAKER {
            self.waker.reset();
            return None;
        }
        let flags = event.flags;
        Some(Ready {
            index: number as u32,
            to_read: flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR),
            to_write: flags.contains(EventFlags::OUT),
        })
    }
}
