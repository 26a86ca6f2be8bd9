//! System calls that go to the kernel itself, past the interposed symbols.

use std::arch::asm;
use std::sync::atomic::AtomicU32;

use libc::{c_int, c_long, pollfd};

/// What the kernel says to call `number`: a result, or an error number below zero.
///
/// # Safety
/// As the system call itself.
pub(super) unsafe fn call(number: c_long, arguments: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: Linux's convention for x86_64; the kernel keeps every register but these. The rest is the caller's.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") arguments[4],
            in("r9") arguments[5],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// As the C library gives a result: -1 and `errno` for an error.
pub(super) fn answer(result: isize) -> c_long {
    if (-4095..0).contains(&result) {
        // SAFETY: the address of the calling thread's own `errno`.
        unsafe { *libc::__errno_location() = -result as c_int };
        return -1;
    }
    result as c_long
}

/// An error as [`call`] gives it.
pub(super) fn refusal(errno: c_int) -> isize {
    -(errno as isize)
}

/// Waits in the kernel while `word` is `value`; returns early for a signal.
pub(super) fn wait_while(word: &AtomicU32, value: u32) {
    let operation = (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG) as usize;
    // SAFETY: `word` lives through the call; a null time waits without an end.
    unsafe { call(libc::SYS_futex, [word.as_ptr() as usize, operation, value as usize, 0, 0, 0]) };
}

/// Wakes the thread that waits for `word`.
pub(super) fn wake(word: &AtomicU32) {
    let operation = (libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG) as usize;
    // SAFETY: `word` lives through the call.
    unsafe { call(libc::SYS_futex, [word.as_ptr() as usize, operation, 1, 0, 0, 0]) };
}

/// The calling thread's number.
pub(super) fn thread_id() -> i32 {
    // SAFETY: no arguments.
    unsafe { call(libc::SYS_gettid, [0; 6]) as i32 }
}

/// Sends `signal` to a thread of this process; 0 only asks whether there is one.
pub(super) fn signal(thread: i32, signal: c_int) -> isize {
    let process = std::process::id() as usize;
    // SAFETY: no memory is passed.
    unsafe { call(libc::SYS_tgkill, [process, thread as usize, signal as usize, 0, 0, 0]) }
}

/// Waits until the kernel has nothing left of a thread that is ending.
pub(super) fn wait_for_end(thread: i32) {
    while signal(thread, 0) == 0 {
        // SAFETY: no arguments.
        unsafe { call(libc::SYS_sched_yield, [0; 6]) };
    }
}

/// Fills in what each descriptor is ready for now.
pub(super) fn poll(descriptors: &mut [pollfd]) -> isize {
    // SAFETY: pointer and length are those of one slice.
    unsafe { call(libc::SYS_poll, [descriptors.as_mut_ptr() as usize, descriptors.len(), 0, 0, 0, 0]) }
}
