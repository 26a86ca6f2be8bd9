//! Virtual time: it passes when every thread waits, and a little with every turn.

use std::time::Duration;

use libc::{c_int, clockid_t, timespec};

use super::machine::Skew;

/// What a monotonic clock shows when a run begins; there is room to subtract from it.
const MONOTONIC_START: Duration = Duration::from_secs(1_000_000);
/// 2026-01-01T00:00:00Z.
const REAL_START: Duration = Duration::from_secs(1_767_225_600);
/// So often may the clock be read within one turn before whoever reads it is taken for spinning on it.
const READS_A_TURN: u32 = 1000;

#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Duration,
    reads: u32,
}

/// Whether a thread reads the clock to see time pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Once,
    Spinning,
}

/// What a clock counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Monotonic,
    Real,
}

impl Kind {
    pub(super) fn of(clock: clockid_t) -> Self {
        match clock {
            libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => Self::Real,
            _ => Self::Monotonic,
        }
    }
}

impl Clock {
    /// Since the run began.
    pub(super) fn now(&self) -> Duration {
        self.now
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn jump(&mut self, to: Duration) {
        self.now = self.now.max(to);
    }

    pub(super) fn begin_turn(&mut self) {
        self.reads = 0;
    }

    pub(super) fn read(&mut self) -> Reading {
        self.reads += 1;
        if self.reads < READS_A_TURN { Reading::Once } else { Reading::Spinning }
    }

    /// What a clock shows at `now`, in a machine with this skew.
    pub(super) fn shown(kind: Kind, skew: Skew, now: Duration) -> Duration {
        match (kind, skew) {
            (Kind::Monotonic, _) => MONOTONIC_START + now,
            (Kind::Real, Skew::None) => REAL_START + now,
            (Kind::Real, Skew::Ahead(by)) => REAL_START + now + by,
            (Kind::Real, Skew::Behind(by)) => (REAL_START + now).saturating_sub(by),
        }
    }

    /// When since the run's begin a clock shows `moment`; the begin, if it was before.
    pub(super) fn moment(kind: Kind, skew: Skew, moment: Duration) -> Duration {
        let start = Self::shown(kind, skew, Duration::ZERO);
        moment.saturating_sub(start)
    }
}

/// A time as C has it; none if it is not one.
pub(super) fn duration(time: timespec) -> Result<Duration, c_int> {
    match (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec)) {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
        _ => Err(libc::EINVAL),
    }
}

pub(super) fn timespec(time: Duration) -> timespec {
    timespec { tv_sec: time.as_secs() as i64, tv_nsec: i64::from(time.subsec_nanos()) }
}
