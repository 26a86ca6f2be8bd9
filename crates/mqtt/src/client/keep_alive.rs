//! Signs of life in both directions.

use std::time::{Duration, Instant};

/// Whether the caller takes what the server sends as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Flowing,
    /// The caller leaves bytes unread: the server's answer may lie among them, so its absence proves nothing.
    Held,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// The server did not answer the last PINGREQ.
    Dead,
}

/// When PINGREQ goes out (MQTT-3.1.2-20), and how long its answer may take.
#[derive(Debug)]
pub(super) struct KeepAlive {
    /// `None`: turned off.
    interval: Option<Duration>,
    timeout: Duration,
    last_sent: Instant,
    last_received: Instant,
    /// When the PINGREQ that is not answered yet was sent.
    pinged: Option<Instant>,
    reading: Reading,
}

impl KeepAlive {
    /// `seconds` is the server's keep alive if it named one, else the client's (MQTT-3.1.2-21).
    pub fn new(seconds: u16, timeout: Duration, now: Instant) -> Self {
        let interval = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
        Self { interval, timeout, last_sent: now, last_received: now, pinged: None, reading: Reading::Flowing }
    }

    pub fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// PINGRESP.
    pub fn answered(&mut self) {
        self.pinged = None;
    }

    pub fn read(&mut self, reading: Reading, now: Instant) {
        if self.reading == Reading::Held {
            self.last_received = now;
        }
        self.reading = reading;
    }

    /// A quiet server is asked as well as a quiet client's presence shown: what is only sent may go nowhere.
    fn ping_at(&self) -> Option<Instant> {
        let oldest = match self.reading {
            Reading::Flowing => self.last_sent.min(self.last_received),
            Reading::Held => self.last_sent,
        };
        match self.pinged {
            // Another one is due only to show the client's presence.
            Some(pinged) => Some(self.last_sent.max(pinged) + self.interval?),
            None => Some(oldest + self.interval?),
        }
    }

    fn dead_at(&self) -> Option<Instant> {
        let pinged = self.pinged?;
        (self.reading == Reading::Flowing).then(|| self.last_received.max(pinged) + self.timeout)
    }

    pub fn deadline(&self) -> Option<Instant> {
        [self.ping_at(), self.dead_at()].into_iter().flatten().min()
    }

    /// What is due at `now`; a PINGREQ counts as sent.
    pub fn elapsed(&mut self, now: Instant) -> Due {
        if self.dead_at().is_some_and(|at| at <= now) {
            return Due::Dead;
        }
        if self.ping_at().is_some_and(|at| at <= now) {
            self.pinged.get_or_insert(now);
            self.last_sent = now;
            return Due::Ping;
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn zero_turns_it_off() {
        let now = Instant::now();
        let mut quiet = KeepAlive::new(0, SECOND, now);
        assert_eq!(quiet.deadline(), None);
        assert_eq!(quiet.elapsed(now + 100_000 * SECOND), Due::Nothing);
    }

    #[test]
    fn a_quiet_connection_is_pinged_and_given_up_without_an_answer() {
        let start = Instant::now();
        let mut quiet = KeepAlive::new(10, 3 * SECOND, start);
        assert_eq!(quiet.deadline(), Some(start + 10 * SECOND));
        assert_eq!(quiet.elapsed(start + 9 * SECOND), Due::Nothing);
        assert_eq!(quiet.elapsed(start + 10 * SECOND), Due::Ping);
        assert_eq!(quiet.deadline(), Some(start + 13 * SECOND));
        assert_eq!(quiet.elapsed(start + 13 * SECOND), Due::Dead);
    }

    #[test]
    fn any_sign_of_life_puts_off_the_end() {
        let start = Instant::now();
        let mut busy = KeepAlive::new(10, 3 * SECOND, start);
        assert_eq!(busy.elapsed(start + 10 * SECOND), Due::Ping);
        busy.received(start + 12 * SECOND);
        assert_eq!(busy.elapsed(start + 13 * SECOND), Due::Nothing);
        busy.received(start + 14 * SECOND);
        busy.answered();
        assert_eq!(busy.deadline(), Some(start + 20 * SECOND));
    }

    #[test]
    fn a_server_that_only_listens_is_asked_too() {
        let start = Instant::now();
        let mut sending = KeepAlive::new(10, 3 * SECOND, start);
        (1..10).for_each(|second| sending.sent(start + second * SECOND));
        assert_eq!(sending.elapsed(start + 10 * SECOND), Due::Ping);
    }

    #[test]
    fn nobody_is_given_up_while_input_is_held() {
        let start = Instant::now();
        let mut held = KeepAlive::new(10, 3 * SECOND, start);
        assert_eq!(held.elapsed(start + 10 * SECOND), Due::Ping);
        held.read(Reading::Held, start + 11 * SECOND);
        assert_eq!(held.elapsed(start + 14 * SECOND), Due::Nothing);
        assert_eq!(held.elapsed(start + 20 * SECOND), Due::Ping);
        held.read(Reading::Flowing, start + 25 * SECOND);
        assert_eq!(held.elapsed(start + 27 * SECOND), Due::Nothing);
        assert_eq!(held.elapsed(start + 28 * SECOND), Due::Dead);
    }
}
