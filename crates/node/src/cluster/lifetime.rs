//! How long a connection may last: no longer than the certificates it was made with.

use std::time::{Duration, SystemTime};

use link::wire::Lifetime;

/// For the end that dials: the next connection is made at `due`, and this one ends at `end`, replaced or not. Where `due` is over,
/// because a certificate could not be renewed, a quarter of what is left passes between two connections.
pub(super) fn dialed(now: SystemTime, due: SystemTime, end: SystemTime) -> Lifetime {
    let left = until(now, end);
    Lifetime { renew_after: Some(until(now, due).max(left / 4)), ends_after: Some(left) }
}

/// For the end that accepts, which leaves the next connection to its peer.
pub(super) fn accepted(now: SystemTime, end: SystemTime) -> Lifetime {
    Lifetime { renew_after: None, ends_after: Some(until(now, end)) }
}

fn until(now: SystemTime, then: SystemTime) -> Duration {
    then.duration_since(now).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{accepted, dialed};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_connection_is_replaced_when_it_is_due_and_ends_with_its_certificates() {
        let now = SystemTime::now();
        let lifetime = dialed(now, now + 60 * SECOND, now + 100 * SECOND);
        assert_eq!((lifetime.renew_after, lifetime.ends_after), (Some(60 * SECOND), Some(100 * SECOND)));
        let lifetime = accepted(now, now + 100 * SECOND);
        assert_eq!((lifetime.renew_after, lifetime.ends_after), (None, Some(100 * SECOND)));
    }

    #[test]
    fn one_that_is_overdue_waits_ever_less_and_never_beyond_its_end() {
        let now = SystemTime::now();
        let lifetime = dialed(now, now - SECOND, now + 100 * SECOND);
        assert_eq!((lifetime.renew_after, lifetime.ends_after), (Some(25 * SECOND), Some(100 * SECOND)));
        let lifetime = dialed(now, now - SECOND, now - SECOND);
        assert_eq!((lifetime.renew_after, lifetime.ends_after), (Some(Duration::ZERO), Some(Duration::ZERO)));
    }
}
