//! Threads begin, end, and are waited for.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::OnceLock;

use libc::{c_int, pthread_attr_t, pthread_key_t, pthread_t};

use super::real;
use crate::engine::kernel;
use crate::engine::machine::MachineId;
use crate::engine::seat::Seat;
use crate::engine::thread::{State, ThreadId, Wait, Wakeup};
use crate::engine::turn::Turn;

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// The C library calls a key's destructor in up to four rounds; in the third, everybody else's have run.
const LAST_ROUND: usize = 3;

static KEY: OnceLock<pthread_key_t> = OnceLock::new();

thread_local! {
    static CHILDREN_IN: Cell<Option<MachineId>> = const { Cell::new(None) };
}

/// While it lives, the threads that this thread creates belong to another machine.
pub(in crate::engine) struct ChildrenElsewhere(());

pub(in crate::engine) fn children_in(machine: MachineId) -> ChildrenElsewhere {
    CHILDREN_IN.set(Some(machine));
    ChildrenElsewhere(())
}

impl Drop for ChildrenElsewhere {
    fn drop(&mut self) {
        CHILDREN_IN.set(None);
    }
}

struct Birth {
    seat: &'static Seat,
    start: Start,
    argument: *mut c_void,
}

/// # Safety
/// As pthread_create(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    let Some(turn) = Turn::begin() else {
        // SAFETY: the caller's.
        return unsafe { real::pthread_create()(thread, attributes, start, argument) };
    };
    let seat = {
        let mut scheduler = turn.scheduler();
        let own = scheduler.thread(turn.thread()).machine;
        scheduler.add_thread(CHILDREN_IN.get().unwrap_or(own), State::Running)
    };
    let birth = Box::into_raw(Box::new(Birth { seat, start, argument }));
    // SAFETY: `begin` takes the box; the rest is the caller's.
    let result = unsafe { real::pthread_create()(thread, attributes, begin, birth.cast()) };
    let mut scheduler = turn.scheduler();
    if result != 0 {
        scheduler.bury(seat.thread, State::Gone);
        // SAFETY: no thread was made that could take it.
        drop(unsafe { Box::from_raw(birth) });
        return result;
    }
    // SAFETY: the call has written it.
    scheduler.handles.insert(unsafe { *thread }, seat.thread);
    scheduler.make_ready(seat.thread, Wakeup::Called);
    drop(scheduler);
    turn.interrupt();
    0
}

extern "C" fn begin(birth: *mut c_void) -> *mut c_void {
    let birth: *mut Birth = birth.cast();
    // SAFETY: it was boxed for this thread alone.
    let seat = unsafe { (*birth).seat };
    seat.occupy();
    seat.take();
    // SAFETY: as above; only now, in its turn, may the thread touch the allocator.
    let birth = unsafe { Box::from_raw(birth) };
    mark_round(1);
    (birth.start)(birth.argument)
}

/// Asks for [`end`] to be called with `round` in a round of destructors to come.
fn mark_round(round: usize) {
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the key is written before it is used.
        unsafe { libc::pthread_key_create(&raw mut key, Some(end)) };
        key
    });
    // SAFETY: the value is a number and never followed.
    unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(round)) };
}

unsafe extern "C" fn end(round: *mut c_void) {
    match round.addr() {
        LAST_ROUND => {
            if let Some(turn) = Turn::begin() {
                turn.end();
            }
        }
        round => mark_round(round + 1),
    }
}

/// # Safety
/// As pthread_join(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_join(thread: pthread_t, result: *mut *mut c_void) -> c_int {
    if let Some(turn) = Turn::begin() {
        let joined = turn.scheduler().handles.get(&thread).copied();
        if let Some(joined) = joined {
            wait_for(&turn, joined);
        }
    }
    // SAFETY: the caller's.
    unsafe { real::pthread_join()(thread, result) }
}

fn wait_for(turn: &Turn, thread: ThreadId) {
    let gone = |turn: &Turn| matches!(turn.scheduler().thread(thread).state, State::Gone);
    while !gone(turn) {
        turn.wait(Wait::Thread(thread), None);
    }
    let kernel_id = turn.scheduler().thread(thread).seat.kernel_id();
    kernel::wait_for_end(kernel_id);
}

/// # Safety
/// As sched_yield(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_yield() -> c_int {
    if let Some(turn) = Turn::begin() {
        turn.pass();
        return 0;
    }
    // SAFETY: no arguments.
    kernel::answer(unsafe { kernel::call(libc::SYS_sched_yield, [0; 6]) }) as c_int
}
