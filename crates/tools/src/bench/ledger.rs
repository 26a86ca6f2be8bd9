//! What one thread writes down while it goes through its connections.

use mqtt::ConnAck;

use super::counts::{Count, Counts};
use super::coverage::{Coverage, Covered};
use super::credit::Credit;
use super::fault::{Fault, Faults};
use super::latency::Latency;
use super::sequence::{Arrival, Tracker};
use super::stamp::Stamp;
use super::subscriber::{MAX_JOINED, Order, Subscriber};

/// Everything a thread counts.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Monotonic nanoseconds, read now and then in a pass.
    pub(super) now: u64,
    pub(super) measure: Measure,
    pub(super) counts: Counts,
    pub(super) faults: Faults,
    pub(super) latencies: Latencies,
    pub(super) credit: Credit,
    pub(super) coverage: Option<Coverage>,
    pub(super) news: News,
    /// What makes monotonic nanoseconds those since 1970.
    pub(super) since_1970: u64,
    pub(super) identity: Identity,
}

/// Whether latencies are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Warming up, or over.
    Off,
    On,
}

/// Whose messages are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Those of this run alone.
    Run(u32),
    /// Those of the run whose messages come first; latency as far as the clocks agree, if at all.
    FirstSeen { timed: Measure },
    /// Payloads without a stamp: whatever comes.
    Anything,
}

/// Distributions of one thread.
#[derive(Debug, Clone)]
pub(super) struct Latencies {
    /// From when a message was due to its arrival at a subscriber.
    pub(super) delivery: Latency,
    /// From when a message was due to its PUBACK or PUBCOMP.
    pub(super) acknowledgement: Latency,
    /// From when a connection was due, or begun, to its CONNACK.
    pub(super) connect: Latency,
}

impl Latencies {
    pub(super) fn new() -> Self {
        Self { delivery: Latency::new(), acknowledgement: Latency::new(), connect: Latency::new() }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.delivery.merge(&other.delivery);
        self.acknowledgement.merge(&other.acknowledgement);
        self.connect.merge(&other.connect);
    }
}

/// What the thread has to see to after going through what was read.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Connections that were accepted, and on what terms.
    pub(super) accepted: Vec<(u32, Box<ConnAck>)>,
    /// Connections whose subscription was acknowledged, and with which QoS.
    pub(super) subscribed: Vec<(u32, u8)>,
}

/// A PUBLISH as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming<'a> {
    pub(super) dup: bool,
    pub(super) payload: &'a [u8],
}

impl Ledger {
    pub(super) fn new(identity: Identity, since_1970: u64) -> Self {
        Self {
            now: 0,
            measure: Measure::Off,
            counts: Counts::default(),
            faults: Faults::default(),
            latencies: Latencies::new(),
            credit: Credit::default(),
            coverage: None,
            news: News::default(),
            since_1970,
            identity,
        }
    }

    /// Writes down a message that reached `subscriber`.
    #[inline]
    pub(super) fn arrived(&mut self, subscriber: &mut Subscriber, incoming: Incoming<'_>) {
        let stamp = match self.identity {
            Identity::Anything => {
                self.received(incoming.payload);
                self.credit.arrived_unnamed(subscriber.sole_publisher);
                return;
            }
            Identity::Run(run) => Stamp::read(incoming.payload).filter(|stamp| stamp.run == run),
            Identity::FirstSeen { .. } => self.of_first_seen(incoming.payload),
        };
        let Some(stamp) = stamp else {
            self.counts[Count::Foreign] += 1;
            return;
        };
        let arrival = self.judge(subscriber, &stamp);
        match arrival {
            Some(Arrival::New) => {}
            Some(Arrival::Late) => self.counts[Count::Late] += 1,
            Some(Arrival::Repeated) => {
                self.received(incoming.payload);
                self.counts[Count::Repeated] += 1;
                self.counts[Count::RepeatedFlagged] += u64::from(incoming.dup);
                return;
            }
            Some(Arrival::Unknown) => self.counts[Count::Untracked] += 1,
            None => {
                self.counts[Count::Misrouted] += 1;
                return;
            }
        }
        self.received(incoming.payload);
        if self.measure == Measure::On {
            let now = self.now.wrapping_add(self.since_1970);
            self.latencies.delivery.record(now.saturating_sub(stamp.due));
        }
        self.credit.arrived(stamp.stream);
    }

    #[inline]
    fn received(&mut self, payload: &[u8]) {
        self.counts[Count::Received] += 1;
        self.counts[Count::ReceivedBytes] += payload.len() as u64;
    }

    fn of_first_seen(&mut self, payload: &[u8]) -> Option<Stamp> {
        let stamp = Stamp::read(payload)?;
        if let Identity::FirstSeen { timed } = self.identity {
            self.identity = Identity::Run(stamp.run);
            self.measure = timed;
        }
        Some(stamp)
    }

    /// `None`: it should not have come here.
    #[inline]
    fn judge(&mut self, subscriber: &mut Subscriber, stamp: &Stamp) -> Option<Arrival> {
        if let Order::All(trackers) = &mut subscriber.order {
            let at = stamp.stream.checked_sub(subscriber.streams.start)?;
            return trackers.get_mut(at as usize).map(|tracker| tracker.arrived(stamp.sequence));
        }
        self.judge_otherwise(subscriber, stamp)
    }

    fn judge_otherwise(&mut self, subscriber: &mut Subscriber, stamp: &Stamp) -> Option<Arrival> {
        let stream = stamp.stream as usize;
        match &mut subscriber.order {
            Order::FromFirst(_) | Order::Some(_) if stream >= MAX_JOINED => Some(Arrival::Unknown),
            Order::FromFirst(trackers) => {
                if stream >= trackers.len() {
                    trackers.resize(stream + 1, None);
                }
                let tracker = trackers[stream].get_or_insert_with(|| Tracker::joined_at(stamp.sequence));
                Some(tracker.arrived(stamp.sequence))
            }
            Order::Some(newest) => {
                if let Some(coverage) = &mut self.coverage {
                    match coverage.arrived(stream, stamp.sequence) {
                        Covered::New => {}
                        Covered::Repeated => return Some(Arrival::Repeated),
                        Covered::Untracked => self.counts[Count::Untracked] += 1,
                    }
                }
                if stream >= newest.len() {
                    newest.resize(stream + 1, 0);
                }
                let is_late = stamp.sequence < newest[stream];
                newest[stream] = newest[stream].max(stamp.sequence + 1);
                Some(if is_late { Arrival::Late } else { Arrival::New })
            }
            Order::All(_) | Order::Unknown => subscriber.streams.contains(&stamp.stream).then_some(Arrival::Unknown),
        }
    }

    pub(super) fn fault(&mut self, fault: &Fault) {
        self.faults.count(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::super::subscriber::Unreleased;
    use super::*;

    fn subscriber(order: Order) -> Subscriber {
        Subscriber { number: 0, streams: 2..4, order, sole_publisher: None, unreleased: Unreleased::default() }
    }

    fn payload(run: u32, stream: u32, sequence: u64) -> Vec<u8> {
        Stamp { run, stream, sequence, due: 1_000 }.write().to_vec()
    }

    fn take(ledger: &mut Ledger, subscriber: &mut Subscriber, payload: &[u8]) {
        ledger.arrived(subscriber, Incoming { dup: true, payload });
    }

    #[test]
    fn everything_is_told_apart() {
        let mut ledger = Ledger::new(Identity::Run(7), 0);
        let mut subscriber = subscriber(Order::All(vec![Tracker::default(); 2]));
        for (stream, sequence) in [(2, 0), (2, 2), (2, 1), (2, 1), (3, 0), (9, 0), (1, 0)] {
            take(&mut ledger, &mut subscriber, &payload(7, stream, sequence));
        }
        take(&mut ledger, &mut subscriber, &payload(8, 2, 3));
        take(&mut ledger, &mut subscriber, b"not ours");
        let counts = [Count::Received, Count::Late, Count::Repeated, Count::RepeatedFlagged, Count::Misrouted];
        assert_eq!(counts.map(|count| ledger.counts[count]), [5, 1, 1, 1, 2]);
        assert_eq!(ledger.counts[Count::Foreign], 2);
    }

    #[test]
    fn latency_is_from_when_a_message_was_due() {
        let mut ledger = Ledger::new(Identity::Run(7), 0);
        let mut subscriber = subscriber(Order::All(vec![Tracker::default(); 2]));
        ledger.now = 51_000;
        take(&mut ledger, &mut subscriber, &payload(7, 2, 0));
        assert_eq!(ledger.latencies.delivery.summary(), None);
        ledger.measure = Measure::On;
        take(&mut ledger, &mut subscriber, &payload(7, 2, 1));
        let summary = ledger.latencies.delivery.summary().unwrap();
        assert!((summary.max_us - 50.0).abs() <= 0.6, "{summary:?}");
    }

    #[test]
    fn the_first_run_seen_is_followed_from_its_first_message() {
        let mut ledger = Ledger::new(Identity::FirstSeen { timed: Measure::Off }, 0);
        let mut subscriber = subscriber(Order::FromFirst(Vec::new()));
        for (run, stream, sequence) in [(5, 9, 100), (6, 9, 0), (5, 9, 102), (5, 0, 7)] {
            take(&mut ledger, &mut subscriber, &payload(run, stream, sequence));
        }
        assert_eq!((ledger.counts[Count::Received], ledger.counts[Count::Foreign]), (3, 1));
        let Order::FromFirst(trackers) = subscriber.order else { panic!("another order") };
        assert_eq!(trackers.iter().flatten().map(Tracker::missing).sum::<u64>(), 1);
    }

    #[test]
    fn members_of_a_share_each_have_an_order_and_all_together_no_message_twice() {
        let mut ledger = Ledger::new(Identity::Run(7), 0);
        ledger.coverage = Some(Coverage::new(4));
        let (mut one, mut other) = (subscriber(Order::Some(Vec::new())), subscriber(Order::Some(Vec::new())));
        take(&mut ledger, &mut one, &payload(7, 2, 0));
        take(&mut ledger, &mut other, &payload(7, 2, 1));
        take(&mut ledger, &mut one, &payload(7, 2, 5));
        take(&mut ledger, &mut one, &payload(7, 2, 3));
        take(&mut ledger, &mut other, &payload(7, 2, 3));
        let counts = [Count::Received, Count::Late, Count::Repeated];
        assert_eq!(counts.map(|count| ledger.counts[count]), [5, 1, 1]);
    }
}
