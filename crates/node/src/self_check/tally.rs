//! From the results of rounds to a report.

use std::collections::BTreeMap;

use super::report::{Latency, Operation, RouteResult, SelfCheckReport};

/// Adds rounds up.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rounds: u64,
    sent: u64,
    received: u64,
    latencies: BTreeMap<Operation, Moments>,
}

/// Mean and variance of a series, one value at a time (Welford 1962).
#[derive(Debug, Default)]
struct Moments {
    count: f64,
    last: f64,
    mean: f64,
    squares: f64,
}

impl Tally {
    /// Takes in a round that is over.
    pub(super) fn add(&mut self, routes: Vec<RouteResult>) -> SelfCheckReport {
        self.rounds += 1;
        for result in &routes {
            if let Some(ms) = result.latency_ms {
                self.latencies.entry(result.operation).or_default().add(ms);
            }
        }
        let deliveries = || routes.iter().filter(|result| result.operation == Operation::MessageDeliveryCheck);
        let missed = deliveries().filter(|result| result.latency_ms.is_none()).count() as u64;
        let sent = deliveries().count() as u64;
        self.sent += sent;
        self.received += sent - missed;
        SelfCheckReport {
            rounds: self.rounds,
            failures: failures(&routes),
            latencies: self.latencies.iter().map(|(operation, moments)| (*operation, moments.latency())).collect(),
            messages_sent: self.sent,
            messages_received: self.received,
            delivery_timeouts: missed,
            routes,
        }
    }

    /// What there is to tell while no rounds are made: what only grows stays.
    pub(super) fn paused(&self) -> SelfCheckReport {
        SelfCheckReport {
            rounds: self.rounds,
            messages_sent: self.sent,
            messages_received: self.received,
            ..SelfCheckReport::default()
        }
    }
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.last = value;
        let from_mean = value - self.mean;
        self.mean += from_mean / self.count;
        self.squares += from_mean * (value - self.mean);
    }

    fn latency(&self) -> Latency {
        Latency { last_ms: self.last, mean_ms: self.mean, deviation_ms: (self.squares / self.count).sqrt() }
    }
}

fn failures(routes: &[RouteResult]) -> Vec<String> {
    let mut counts: BTreeMap<Operation, (usize, usize)> = BTreeMap::new();
    for result in routes {
        let (failed, all) = counts.entry(result.operation).or_default();
        *all += 1;
        *failed += usize::from(!result.correct);
    }
    let failed = counts.into_iter().filter(|(_, (failed, _))| *failed > 0);
    failed.map(|(operation, (failed, all))| format!("Failed Operation {operation} ({failed}/{all})")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(operation: Operation, chain: u16, latency_ms: Option<f64>) -> RouteResult {
        let correct = latency_ms.is_some();
        RouteResult { operation, frontend: 0, chain: Some(chain), wildcard: None, correct, latency_ms }
    }

    #[test]
    fn a_failure_says_what_failed_along_how_many_routes() {
        let mut tally = Tally::default();
        let round = vec![
            result(Operation::Connect, 0, Some(1.0)),
            result(Operation::Connect, 1, None),
            result(Operation::Publish, 0, Some(1.0)),
            RouteResult { correct: false, ..result(Operation::Ping, 0, Some(1.0)) },
        ];
        let report = tally.add(round);
        assert_eq!(report.failures, ["Failed Operation CONNECT (1/2)", "Failed Operation PING (1/1)"]);
        assert!(tally.add(vec![result(Operation::Connect, 0, Some(1.0))]).failures.is_empty());
    }

    #[test]
    fn latencies_and_messages_add_up_over_rounds() {
        let mut tally = Tally::default();
        tally.add(vec![result(Operation::MessageDeliveryCheck, 0, Some(2.0))]);
        tally.add(vec![
            result(Operation::MessageDeliveryCheck, 0, Some(4.0)),
            result(Operation::MessageDeliveryCheck, 1, None),
        ]);
        let report = tally.add(vec![result(Operation::MessageDeliveryCheck, 0, Some(6.0))]);
        let (operation, latency) = report.latencies[0];
        assert_eq!((operation, latency.last_ms, latency.mean_ms), (Operation::MessageDeliveryCheck, 6.0, 4.0));
        assert!((latency.deviation_ms - (8.0_f64 / 3.0).sqrt()).abs() < 1e-9);
        assert_eq!((report.rounds, report.messages_sent, report.messages_received), (3, 4, 3));
        assert_eq!(report.delivery_timeouts, 0);
        let paused = tally.paused();
        assert_eq!((paused.rounds, paused.messages_sent, paused.routes.len()), (3, 4, 0));
    }
}
