//! Waiting for a condition with a deadline; nothing here is ever used to assert that something is fast.

use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(10);

/// How long a test waits for what must happen: `CAUSEWAY_TEST_PATIENCE` seconds, default 20.
pub fn patience() -> Duration {
    let seconds = std::env::var("CAUSEWAY_TEST_PATIENCE").ok().and_then(|s| s.parse().ok()).unwrap_or(20);
    Duration::from_secs(seconds)
}

/// Asks again and again until the answer is there; panics naming `what` when patience ends.
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(patience(), what, probe)
}

/// As [`eventually`], with a deadline of its own for what legitimately takes long.
pub fn within<T>(limit: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(POLL);
    }
}
