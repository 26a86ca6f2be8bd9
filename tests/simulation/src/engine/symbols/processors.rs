//! How many processors there are.

use libc::{c_int, cpu_set_t, pid_t, size_t};

use crate::engine::kernel;
use crate::engine::turn::Turn;

const PROCESSORS: usize = 4;

/// # Safety
/// As sched_getaffinity(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sched_getaffinity(process: pid_t, size: size_t, set: *mut cpu_set_t) -> c_int {
    if Turn::begin().is_some() {
        // SAFETY: the caller's: room for so many bytes.
        let bytes = unsafe { std::slice::from_raw_parts_mut(set.cast::<u8>(), size) };
        bytes.fill(0);
        if let Some(first) = bytes.first_mut() {
            *first = (1 << PROCESSORS) - 1;
        }
        return 0;
    }
    // SAFETY: the caller's: room for so many bytes, of which the kernel writes only what it has processors for.
    unsafe { set.cast::<u8>().write_bytes(0, size) };
    // SAFETY: the caller's.
    let result = unsafe { kernel::call(libc::SYS_sched_getaffinity, [process as usize, size, set as usize, 0, 0, 0]) };
    kernel::answer(result.min(0)) as c_int
}
