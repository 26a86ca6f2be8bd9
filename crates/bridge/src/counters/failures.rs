//! Connections that did not come about, or broke.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::Mishap;
use crate::fault::{Fault, SOURCE, TARGET};

/// How often the connections of one side failed, by what it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    pub connection: u64,
    /// Of the settings: what was asked for is nothing the server knows.
    pub configuration: u64,
    /// Of credentials that cannot be had, or that the server does not take.
    pub authentication: u64,
    pub subscription: u64,
}

/// The same while it is counted.
#[derive(Debug)]
pub(crate) struct FailureCounters([AtomicU64; Fault::ALL.len()]);

impl Failures {
    pub fn total(&self) -> u64 {
        self.connection + self.configuration + self.authentication + self.subscription
    }

    /// As those of a source, by reason code.
    pub fn of_source(&self) -> [(&'static str, u64); 4] {
        [
            (SOURCE.connection, self.connection),
            (SOURCE.configuration, self.configuration),
            (SOURCE.authentication, self.authentication),
            (SOURCE.subscription, self.subscription),
        ]
    }

    /// As those of a destination, by reason code; nothing is subscribed to there.
    pub fn of_target(&self) -> [(&'static str, u64); 3] {
        [
            (TARGET.connection, self.connection + self.subscription),
            (TARGET.configuration, self.configuration),
            (TARGET.authentication, self.authentication),
        ]
    }
}

impl Default for FailureCounters {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl FailureCounters {
    pub fn count(&self, mishap: &Mishap) {
        self.0[Fault::of(mishap.step, mishap.code) as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn failures(&self) -> Failures {
        let [connection, configuration, authentication, subscription] =
            Fault::ALL.map(|fault| self.0[fault as usize].load(Ordering::Relaxed));
        Failures { connection, configuration, authentication, subscription }
    }
}

#[cfg(test)]
mod tests {
    use mqtt::ReasonCode;

    use super::*;
    use crate::failure::Step;

    #[test]
    fn failures_are_counted_by_what_they_are() {
        let counters = FailureCounters::default();
        for (step, code) in [
            (Step::Dns, None),
            (Step::Connection, Some(ReasonCode::ServerShuttingDown)),
            (Step::Connect, Some(ReasonCode::ClientIdentifierNotValid)),
            (Step::Token, None),
            (Step::Connect, Some(ReasonCode::NotAuthorized)),
            (Step::Reauthenticate, Some(ReasonCode::NotAuthorized)),
            (Step::Subscribe, Some(ReasonCode::NotAuthorized)),
        ] {
            counters.count(&Mishap { code, ..Mishap::new(step, "no") });
        }
        let failures = counters.failures();
        assert_eq!(failures, Failures { connection: 2, configuration: 1, authentication: 3, subscription: 1 });
        assert_eq!(failures.total(), 7);
        assert_eq!(failures.of_source().map(|(_, count)| count), [2, 1, 3, 1]);
        assert_eq!(failures.of_target().map(|(_, count)| count).iter().sum::<u64>(), 7);
    }
}
