//! A stack is unwound under a lock of the C library, which the engine does not see: nobody else has a turn meanwhile.

use std::ffi::c_void;

use libc::c_int;

use super::real;
use crate::engine::machine::uninterruptible;

/// # Safety
/// As dl_iterate_phdr(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dl_iterate_phdr(callback: *mut c_void, argument: *mut c_void) -> c_int {
    // SAFETY: the caller's.
    uninterruptible(|| unsafe { real::dl_iterate_phdr()(callback, argument) })
}
