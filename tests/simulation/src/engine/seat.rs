//! Where a thread waits for its turn, and what every thread knows of itself.

use std::cell::Cell;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use super::kernel;
use super::thread::ThreadId;

const WAITING: u32 = 0;
const TURN: u32 = 1;

/// The thread that had the turn before and is ending; whoever has it now waits until the C library is through with it,
/// because from then on the two would touch the same allocator and the same stacks at once. 0: none.
static LEAVING: AtomicI32 = AtomicI32::new(0);

thread_local! {
    static SEAT: Cell<Option<&'static Seat>> = const { Cell::new(None) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// A registered thread's place; it lives for ever, as the threads of a killed machine do.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) thread: ThreadId,
    turn: AtomicU32,
    kernel_id: AtomicI32,
}

impl Seat {
    pub(super) fn new(thread: ThreadId) -> &'static Self {
        Box::leak(Box::new(Self { thread, turn: AtomicU32::new(WAITING), kernel_id: AtomicI32::new(0) }))
    }

    /// The calling thread's; none if it is not registered.
    pub(super) fn own() -> Option<&'static Self> {
        SEAT.get()
    }

    /// Makes this the calling thread's.
    pub(super) fn occupy(&'static self) {
        self.kernel_id.store(kernel::thread_id(), Ordering::Relaxed);
        SEAT.set(Some(self));
    }

    /// Ends the calling thread's registration; the next that gets its turn waits for the thread's real end.
    pub(super) fn leave(&self) {
        SEAT.set(None);
        LEAVING.store(self.kernel_id(), Ordering::Release);
    }

    /// The kernel's number of the thread; 0 before it has begun.
    pub(super) fn kernel_id(&self) -> i32 {
        self.kernel_id.load(Ordering::Relaxed)
    }

    /// Gives the turn to this seat's thread.
    pub(super) fn give(&self) {
        self.turn.store(TURN, Ordering::Release);
        kernel::wake(&self.turn);
    }

    /// Waits for the turn; only the seat's own thread does.
    pub(super) fn take(&self) {
        while self.turn.load(Ordering::Acquire) == WAITING {
            kernel::wait_while(&self.turn, WAITING);
        }
        self.turn.store(WAITING, Ordering::Relaxed);
        let leaving = LEAVING.swap(0, Ordering::Acquire);
        if leaving != 0 {
            kernel::wait_for_end(leaving);
        }
    }
}

/// While it lives, what the calling thread asks of the C library goes to the kernel: the engine may use std itself.
#[derive(Debug)]
pub(super) struct Inside(());

impl Inside {
    /// None if the thread is inside already.
    pub(super) fn enter() -> Option<Self> {
        if INSIDE.replace(true) { None } else { Some(Self(())) }
    }

    /// Whether the calling thread is.
    pub(super) fn is_entered() -> bool {
        INSIDE.get()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}
