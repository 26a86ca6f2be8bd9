//! Waiting for a word of memory: `syscall`, as std, parking_lot and most of Rust call it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use libc::{c_int, c_long, timespec};

use super::entropy;
use crate::engine::clock::{self, Kind};
use crate::engine::kernel::{self, refusal};
use crate::engine::thread::{Wait, Wakeup};
use crate::engine::turn::Turn;

/// # Safety
/// As syscall(2): `number` decides what the arguments are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long {
    // SAFETY: the caller's, for each of them.
    let result = unsafe {
        match number {
            libc::SYS_futex => futex(a, b as c_int, c as u32, d, f as u32),
            libc::SYS_getrandom => entropy::fill(a as *mut u8, b, c),
            _ => None,
        }
    };
    // SAFETY: the caller's.
    kernel::answer(result.unwrap_or_else(|| unsafe { kernel::call(number, [a, b, c, d, e, f]) }))
}

/// futex(2); none for the kernel to do it.
unsafe fn futex(address: usize, operation: c_int, value: u32, fourth: usize, bits: u32) -> Option<isize> {
    let turn = Turn::begin()?;
    let flags = libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME;
    let bits_of = |bitset| if operation & !flags == bitset { bits } else { u32::MAX };
    match operation & !flags {
        libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => {
            // SAFETY: the caller's: a word that lives through the call, and a time or null.
            let (word, time) =
                unsafe { (AtomicU32::from_ptr(address as *mut u32), (fourth as *const timespec).as_ref()) };
            let alarm = match time.map(|time| alarm(&turn, operation, *time)).transpose() {
                Ok(alarm) => alarm,
                Err(errno) => return Some(refusal(errno)),
            };
            if word.load(Ordering::SeqCst) != value {
                return Some(refusal(libc::EAGAIN));
            }
            match turn.wait(Wait::Futex { address, bits: bits_of(libc::FUTEX_WAIT_BITSET) }, alarm) {
                Wakeup::Called => Some(0),
                Wakeup::Expired => Some(refusal(libc::ETIMEDOUT)),
            }
        }
        libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET => {
            Some(wake(&turn, address, value, bits_of(libc::FUTEX_WAKE_BITSET)))
        }
        other => panic!("futex operation {other} is not simulated"),
    }
}

fn alarm(turn: &Turn, operation: c_int, time: timespec) -> Result<Duration, c_int> {
    let time = clock::duration(time)?;
    let relative = operation & !libc::FUTEX_PRIVATE_FLAG & !libc::FUTEX_CLOCK_REALTIME == libc::FUTEX_WAIT;
    let kind = if operation & libc::FUTEX_CLOCK_REALTIME == 0 { Kind::Monotonic } else { Kind::Real };
    Ok(if relative { turn.now().saturating_add(time) } else { turn.moment(kind, time) })
}

fn wake(turn: &Turn, address: usize, count: u32, bits: u32) -> isize {
    let mut guard = turn.scheduler();
    let scheduler = &mut *guard;
    let mut woken = 0;
    while woken < count
        && let Some(thread) = scheduler.futexes.take(address, bits, &mut scheduler.random.schedule)
    {
        scheduler.make_ready(thread, Wakeup::Called);
        woken += 1;
    }
    drop(guard);
    turn.interrupt();
    woken as isize
}
