//! What happens to files: writing, syncing, their lengths. Whatever is not on a machine's disk goes to the kernel as it is.

use std::time::Duration;

use libc::{c_int, c_void, iovec, off64_t, size_t, ssize_t};

use super::descriptors;
use crate::engine::disk::Target;
use crate::engine::kernel::{self, refusal};
use crate::engine::turn::Turn;

/// How long a sync takes on a disk that is not slow.
const SYNC: (Duration, Duration) = (Duration::from_micros(20), Duration::from_micros(400));
/// Standard output and standard error: their writers hold a lock that all machines share.
const LAST_STANDARD: c_int = 2;

/// # Safety
/// As write(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    write_at(descriptor, None, count, |count| {
        // SAFETY: the caller's.
        unsafe { kernel::call(libc::SYS_write, [descriptor as usize, bytes as usize, count, 0, 0, 0]) }
    })
}

/// # Safety
/// As pwrite(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(descriptor: c_int, bytes: *const c_void, count: size_t, offset: off64_t) -> ssize_t {
    write_at(descriptor, Some(offset as u64), count, |count| {
        let arguments = [descriptor as usize, bytes as usize, count, offset as usize, 0, 0];
        // SAFETY: the caller's.
        unsafe { kernel::call(libc::SYS_pwrite64, arguments) }
    })
}

/// # Safety
/// As writev(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(descriptor: c_int, parts: *const iovec, number: c_int) -> ssize_t {
    // SAFETY: the caller's: so many parts.
    let all = unsafe { std::slice::from_raw_parts(parts, number as usize) };
    let whole: usize = all.iter().map(|part| part.iov_len).sum();
    write_at(descriptor, None, whole, |count| {
        if count == whole {
            // SAFETY: the caller's.
            return unsafe {
                kernel::call(libc::SYS_writev, [descriptor as usize, parts as usize, number as usize, 0, 0, 0])
            };
        }
        let first = all.iter().find(|part| part.iov_len > 0).map_or(0, |part| part.iov_base as usize);
        let length = all.iter().map(|part| part.iov_len).find(|length| *length > 0).unwrap_or(0);
        // SAFETY: the caller's, for its first part.
        unsafe { kernel::call(libc::SYS_write, [descriptor as usize, first, length.min(count), 0, 0, 0]) }
    })
}

/// Does a write of `count` bytes, or of fewer on a full disk.
fn write_at(descriptor: c_int, offset: Option<u64>, count: usize, perform: impl Fn(usize) -> isize) -> ssize_t {
    let Some(turn) = Turn::begin() else { return kernel::answer(perform(count)) as ssize_t };
    if descriptor <= LAST_STANDARD {
        return kernel::answer(perform(count)) as ssize_t;
    }
    let Some(target) = target(&turn, descriptor) else {
        let result = perform(count);
        descriptors::written(&turn, descriptor);
        return kernel::answer(result) as ssize_t;
    };
    take_time(&turn, &target);
    let offset = offset.unwrap_or_else(|| position(descriptor));
    let granted = turn.scheduler().disks.write(&target, offset, count as u64);
    kernel::answer(granted.map_or_else(refusal, |count| perform(count as usize))) as ssize_t
}

/// Where a write without an offset goes.
fn position(descriptor: c_int) -> u64 {
    let ask = |number, second: c_int, third: usize| {
        // SAFETY: no memory is passed.
        unsafe { kernel::call(number, [descriptor as usize, second as usize, third, 0, 0, 0]) }
    };
    let appends = ask(libc::SYS_fcntl, libc::F_GETFL, 0) & libc::O_APPEND as isize != 0;
    if appends {
        // The end without moving there: a descriptor that appends has no use for its own position.
        return ask(libc::SYS_lseek, 0, libc::SEEK_END as usize).max(0) as u64;
    }
    ask(libc::SYS_lseek, 0, libc::SEEK_CUR as usize).max(0) as u64
}

/// # Safety
/// As fsync(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(descriptor: c_int) -> c_int {
    sync(libc::SYS_fsync, descriptor)
}

/// # Safety
/// As fdatasync(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    sync(libc::SYS_fdatasync, descriptor)
}

/// The real disk is not asked: nothing of a run outlives it.
fn sync(number: libc::c_long, descriptor: c_int) -> c_int {
    let synced = Turn::begin().and_then(|turn| {
        let target = target(&turn, descriptor)?;
        take_time(&turn, &target);
        let time = turn.scheduler().random.disk.duration(SYNC.0, SYNC.1);
        turn.sleep(time);
        turn.scheduler().disks.sync(&target);
        Some(0)
    });
    // SAFETY: no memory is passed.
    synced.unwrap_or_else(|| {
        kernel::answer(unsafe { kernel::call(number, [descriptor as usize, 0, 0, 0, 0, 0]) }) as c_int
    })
}

/// # Safety
/// As ftruncate(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(descriptor: c_int, length: off64_t) -> c_int {
    if let Some(turn) = Turn::begin()
        && let Some(target) = target(&turn, descriptor)
    {
        take_time(&turn, &target);
        turn.scheduler().disks.resize(&target, length as u64);
    }
    // SAFETY: no memory is passed.
    kernel::answer(unsafe { kernel::call(libc::SYS_ftruncate, [descriptor as usize, length as usize, 0, 0, 0, 0]) })
        as c_int
}

/// # Safety
/// As fallocate(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate64(descriptor: c_int, mode: c_int, offset: off64_t, length: off64_t) -> c_int {
    if let Some(turn) = Turn::begin()
        && let Some(target) = target(&turn, descriptor)
    {
        take_time(&turn, &target);
        if let Err(errno) = turn.scheduler().disks.allocate(&target, (offset + length) as u64) {
            return kernel::answer(refusal(errno)) as c_int;
        }
    }
    let arguments = [descriptor as usize, mode as usize, offset as usize, length as usize, 0, 0];
    // SAFETY: no memory is passed.
    kernel::answer(unsafe { kernel::call(libc::SYS_fallocate, arguments) }) as c_int
}

/// # Safety
/// As close(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    if let Some(turn) = Turn::begin() {
        let mut scheduler = turn.scheduler();
        scheduler.disks.closed(descriptor);
        scheduler.pollers.closed(descriptor);
    }
    // SAFETY: no memory is passed.
    kernel::answer(unsafe { kernel::call(libc::SYS_close, [descriptor as usize, 0, 0, 0, 0, 0]) }) as c_int
}

fn target(turn: &Turn, descriptor: c_int) -> Option<Target> {
    let mut scheduler = turn.scheduler();
    let machine = scheduler.thread(turn.thread()).machine;
    scheduler.disks.target(descriptor, machine)
}

fn take_time(turn: &Turn, target: &Target) {
    let delay = turn.scheduler().disks.delay(target.disk);
    if delay > Duration::ZERO {
        turn.sleep(delay);
    }
    turn.interrupt();
}
