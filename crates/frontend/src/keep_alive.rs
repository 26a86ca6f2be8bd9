//! When to look at a connection again: one coarse wheel of seconds per worker, no timer per connection.
//!
//! A connection notes when it last received something; the wheel looks at it when it could at the earliest be late,
//! and puts it where it could be late next. Receiving costs one store.

/// Deadlines further away are looked at in this time and put back.
const WHEEL_SECONDS: usize = 512;

/// A connection as the wheel knows it; a stale one is passed over by its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    pub slot: u32,
    pub generation: u32,
}

pub(crate) struct Wheel {
    buckets: Vec<Vec<Watched>>,
    /// Seconds that have been worked off.
    now: u64,
}

impl Wheel {
    pub fn new(now: u64) -> Self {
        Self { buckets: vec![Vec::new(); WHEEL_SECONDS], now }
    }

    /// Looks at `watched` in second `at`, or before if that is further away than the wheel reaches; returns when.
    pub fn watch(&mut self, watched: Watched, at: u64) -> u64 {
        let at = at.clamp(self.now + 1, self.now + WHEEL_SECONDS as u64 - 1);
        self.buckets[at as usize % WHEEL_SECONDS].push(watched);
        at
    }

    /// Moves those to be looked at up to second `now` into `due`.
    pub fn turn(&mut self, now: u64, due: &mut Vec<Watched>) {
        while self.now < now {
            self.now += 1;
            let bucket = &mut self.buckets[self.now as usize % WHEEL_SECONDS];
            due.append(bucket);
            if bucket.capacity() > 64 {
                *bucket = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(slot: u32) -> Watched {
        Watched { slot, generation: 0 }
    }

    #[test]
    fn comes_up_in_its_second_and_once() {
        let mut wheel = Wheel::new(100);
        wheel.watch(watched(1), 103);
        wheel.watch(watched(2), 99);
        let mut due = Vec::new();
        wheel.turn(101, &mut due);
        assert_eq!(due, [watched(2)], "what is late already comes up next");
        wheel.turn(102, &mut due);
        assert_eq!(due.len(), 1);
        wheel.turn(2000, &mut due);
        assert_eq!(due, [watched(2), watched(1)]);
    }

    #[test]
    fn far_deadlines_come_up_early_rather_than_never() {
        let mut wheel = Wheel::new(0);
        wheel.watch(watched(1), 100_000);
        let mut due = Vec::new();
        wheel.turn(WHEEL_SECONDS as u64, &mut due);
        assert_eq!(due, [watched(1)]);
    }
}
