//! Time, and the processor time this process has used.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds by the monotonic clock.
#[inline]
pub(super) fn now() -> u64 {
    read(ClockId::Monotonic)
}

/// Nanoseconds of processor time that this process, all its threads together, has used.
pub(super) fn processor_time() -> u64 {
    read(ClockId::ProcessCPUTime)
}

/// What to add to the monotonic clock to have nanoseconds since 1970. Read once per run, so that a clock that is set
/// meanwhile changes no latency.
pub(super) fn since_1970() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    nanoseconds(wall).wrapping_sub(now())
}

/// Saturates after 584 years.
pub(super) fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// As seconds.
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[inline]
fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
