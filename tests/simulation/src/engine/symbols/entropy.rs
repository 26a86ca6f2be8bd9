//! Random numbers from the system.

use std::ffi::CStr;

use libc::{c_char, c_int, c_uint, size_t, ssize_t};

use crate::engine::kernel;
use crate::engine::turn::Turn;

/// # Safety
/// As getrandom(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(bytes: *mut u8, count: size_t, flags: c_uint) -> ssize_t {
    // SAFETY: the caller's.
    let filled = unsafe { fill(bytes, count, flags as usize) };
    let arguments = [bytes as usize, count, flags as usize, 0, 0, 0];
    // SAFETY: the caller's.
    kernel::answer(filled.unwrap_or_else(|| unsafe { kernel::call(libc::SYS_getrandom, arguments) })) as ssize_t
}

/// # Safety
/// As getentropy(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getentropy(bytes: *mut u8, count: size_t) -> c_int {
    // SAFETY: the caller's.
    if unsafe { getrandom(bytes, count, 0) } == count as ssize_t { 0 } else { -1 }
}

/// Fills from the seed; none for the kernel to do it. Interrupts nobody: C code holds locks here that the engine does not
/// see.
pub(super) unsafe fn fill(bytes: *mut u8, count: usize, _flags: usize) -> Option<isize> {
    let turn = Turn::begin()?;
    if count > 0 {
        // SAFETY: the caller's: room for so many.
        let room = unsafe { std::slice::from_raw_parts_mut(bytes, count) };
        turn.scheduler().random.entropy.fill(room);
    }
    Some(count as isize)
}

/// A device that counts how often a virtual machine was copied. Where there is one, aws-lc asks the system for its seeds;
/// else it takes them from how much the processor's timing jitters, which no seed decides.
const GENERATION: &CStr = c"/dev/sysgenid";
/// Begins with zeros, as the count does.
const COUNT: &CStr = c"/dev/zero";

/// What is opened or looked at in place of `path`.
///
/// # Safety
/// `path` ends with a zero.
pub(super) unsafe fn device(path: *const c_char) -> *const c_char {
    // SAFETY: the caller's.
    if unsafe { CStr::from_ptr(path) } == GENERATION { COUNT.as_ptr() } else { path }
}

/// # Safety
/// As stat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat(path: *const c_char, found: *mut libc::stat) -> c_int {
    // SAFETY: the caller's.
    kernel::answer(unsafe { kernel::call(libc::SYS_stat, [device(path) as usize, found as usize, 0, 0, 0, 0]) })
        as c_int
}
