//! Clocks and sleeping.

use libc::{c_int, clockid_t, time_t, timespec, timeval};

use crate::engine::clock::{self, Kind};
use crate::engine::kernel::{self, refusal};
use crate::engine::turn::Turn;

/// # Safety
/// As clock_gettime(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    Turn::pass_spot();
    if let Some(turn) = Turn::begin() {
        // SAFETY: the caller's: room for a time.
        unsafe { time.write(clock::timespec(turn.clock(Kind::of(clock)))) };
        return 0;
    }
    // SAFETY: the caller's.
    kernel::answer(unsafe { kernel::call(libc::SYS_clock_gettime, [clock as usize, time as usize, 0, 0, 0, 0]) })
        as c_int
}

/// # Safety
/// As gettimeofday(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, zone: *mut libc::c_void) -> c_int {
    if let Some(turn) = Turn::begin() {
        let now = turn.clock(Kind::Real);
        let shown = timeval { tv_sec: now.as_secs() as i64, tv_usec: i64::from(now.subsec_micros()) };
        // SAFETY: the caller's: room for a time.
        unsafe { time.write(shown) };
        return 0;
    }
    // SAFETY: the caller's.
    kernel::answer(unsafe { kernel::call(libc::SYS_gettimeofday, [time as usize, zone as usize, 0, 0, 0, 0]) }) as c_int
}

/// # Safety
/// As time(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(seconds: *mut time_t) -> time_t {
    let now = match Turn::begin() {
        Some(turn) => turn.clock(Kind::Real).as_secs() as time_t,
        // SAFETY: null is allowed.
        None => kernel::answer(unsafe { kernel::call(libc::SYS_time, [0; 6]) }),
    };
    if !seconds.is_null() {
        // SAFETY: the caller's: null or room for a number.
        unsafe { seconds.write(now) };
    }
    now
}

/// # Safety
/// As nanosleep(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(time: *const timespec, rest: *mut timespec) -> c_int {
    // SAFETY: the caller's.
    let result = match Turn::begin() {
        Some(turn) => sleep(&turn, libc::CLOCK_MONOTONIC, 0, unsafe { *time }),
        None => unsafe { kernel::call(libc::SYS_nanosleep, [time as usize, rest as usize, 0, 0, 0, 0]) },
    };
    kernel::answer(result) as c_int
}

/// # Safety
/// As clock_nanosleep(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    time: *const timespec,
    rest: *mut timespec,
) -> c_int {
    // SAFETY: the caller's.
    let result = match Turn::begin() {
        Some(turn) => sleep(&turn, clock, flags, unsafe { *time }),
        None => unsafe {
            let arguments = [clock as usize, flags as usize, time as usize, rest as usize, 0, 0];
            kernel::call(libc::SYS_clock_nanosleep, arguments)
        },
    };
    -result as c_int
}

fn sleep(turn: &Turn, clock: clockid_t, flags: c_int, time: timespec) -> isize {
    let time = match clock::duration(time) {
        Ok(time) => time,
        Err(errno) => return refusal(errno),
    };
    let time = match flags & libc::TIMER_ABSTIME {
        0 => time,
        _ => turn.moment(Kind::of(clock), time).saturating_sub(turn.now()),
    };
    turn.sleep(time);
    0
}
