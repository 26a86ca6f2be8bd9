//! Waiting for descriptors, and what may make them ready.

use libc::{c_int, c_void, epoll_event, nfds_t, pollfd, size_t, ssize_t};
use std::time::Duration;

use crate::engine::kernel;
use crate::engine::thread::{Wait, Wakeup};
use crate::engine::turn::Turn;

/// # Safety
/// As epoll_wait(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_wait(epoll: c_int, events: *mut epoll_event, room: c_int, timeout: c_int) -> c_int {
    let look = |timeout: c_int| {
        let arguments = [epoll as usize, events as usize, room as usize, timeout as usize, 0, 0];
        // SAFETY: the caller's.
        unsafe { kernel::call(libc::SYS_epoll_wait, arguments) }
    };
    let result = match Turn::begin() {
        Some(turn) => {
            let own = pollfd { fd: epoll, events: libc::POLLIN, revents: 0 };
            wait(&turn, timeout, || vec![own], || look(0))
        }
        None => look(timeout),
    };
    kernel::answer(result) as c_int
}

/// # Safety
/// As epoll_ctl(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn epoll_ctl(
    epoll: c_int,
    operation: c_int,
    descriptor: c_int,
    event: *mut epoll_event,
) -> c_int {
    let arguments = [epoll as usize, operation as usize, descriptor as usize, event as usize, 0, 0];
    // SAFETY: the caller's.
    let result = unsafe { kernel::call(libc::SYS_epoll_ctl, arguments) };
    if let Some(turn) = Turn::begin() {
        turn.scheduler().pollers.queued(epoll, descriptor);
    }
    kernel::answer(result) as c_int
}

/// # Safety
/// As poll(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn poll(descriptors: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
    let result = match Turn::begin() {
        Some(turn) => {
            // SAFETY: the caller's: so many descriptors.
            let own = || unsafe { std::slice::from_raw_parts_mut(descriptors, count as usize) };
            wait(&turn, timeout, || own().to_vec(), || kernel::poll(own()))
        }
        // SAFETY: the caller's.
        None => unsafe {
            kernel::call(libc::SYS_poll, [descriptors as usize, count as usize, timeout as usize, 0, 0, 0])
        },
    };
    kernel::answer(result) as c_int
}

/// Looks, and waits, until there is something or the time is over.
fn wait(turn: &Turn, timeout: c_int, descriptors: impl Fn() -> Vec<pollfd>, look: impl Fn() -> isize) -> isize {
    turn.interrupt();
    let alarm = match u64::try_from(timeout) {
        Ok(0) => {
            let result = look();
            turn.pass();
            return result;
        }
        Ok(millis) => Some(turn.now() + Duration::from_millis(millis)),
        Err(_) => None,
    };
    loop {
        let result = look();
        if result != 0 {
            return result;
        }
        if turn.wait(Wait::Descriptors(descriptors()), alarm) == Wakeup::Expired {
            return look();
        }
    }
}

/// Another thread may wait for what was written to something that is not a file.
pub(super) fn written(turn: &Turn, descriptor: c_int) {
    turn.scheduler().pollers.written(descriptor);
    turn.interrupt();
}

/// # Safety
/// As send(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(socket: c_int, bytes: *const c_void, count: size_t, flags: c_int) -> ssize_t {
    let arguments = [socket as usize, bytes as usize, count, flags as usize, 0, 0];
    // SAFETY: the caller's.
    let result = unsafe { kernel::call(libc::SYS_sendto, arguments) };
    if let Some(turn) = Turn::begin() {
        written(&turn, socket);
    }
    kernel::answer(result) as ssize_t
}
