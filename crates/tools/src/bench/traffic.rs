//! Messages from publishers to subscribers: one thread's share of it.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mqtt::QoS;

use super::clock;
use super::connection::{Phase, Role};
use super::counts::Count;
use super::crew;
use super::fault::Fault;
use super::flow::Flow;
use super::ledger::Measure;
use super::outcome::{Mark, Outcome, Part, Stretch};
use super::sequence::Tracker;
use super::settings::{Routing, TrafficLoad};
use super::shared::Doing;
use super::subscriber::Order;
use super::worker::{Halt, SHORT_WAIT_NS, Site, Worker};

/// How far a mark may be from the last arrival; taking one costs some 50 µs.
const LATEST_NS: u64 = 50_000_000;

/// One thread's publishers and subscribers.
pub(super) struct Traffic {
    pub(super) worker: Worker,
    pub(super) load: Arc<TrafficLoad>,
    /// Where they are among the worker's connections.
    pub(super) subscribers: Range<u32>,
    pub(super) publishers: Range<u32>,
    pub(super) flow: Flow,
    pub(super) stretches: Vec<Stretch>,
    left_behind: u64,
}

/// When what happened last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    seen: u64,
    pub(super) at: u64,
}

impl Progress {
    pub(super) fn new(now: u64) -> Self {
        Self { seen: 0, at: now }
    }

    /// Nanoseconds since `seen` last grew.
    pub(super) fn idle(&mut self, seen: u64, now: u64) -> u64 {
        if seen != self.seen {
            *self = Self { seen, at: now };
        }
        now.saturating_sub(self.at)
    }
}

impl Traffic {
    /// # Errors
    /// No descriptor left.
    pub(super) fn new(site: Site, load: Arc<TrafficLoad>) -> io::Result<Self> {
        let ledger = crew::ledger(&site, &load);
        let mut worker = Worker::new(site.clone(), ledger)?;
        worker.connections = crew::subscribers(&site, &load);
        let subscribers = 0..worker.connections.len() as u32;
        worker.connections.extend(crew::publishers(&site, &load));
        let publishers = subscribers.end..worker.connections.len() as u32;
        let flow = Flow::new(publishers.len());
        Ok(Self { worker, load, subscribers, publishers, flow, stretches: Vec::new(), left_behind: 0 })
    }

    /// Does all of it; what is made at the broker is deleted whatever happens.
    pub(super) fn run(mut self) -> Outcome {
        // Why it ended early is known to the run; what was found out until then counts.
        let _ = match self.load.routing {
            Routing::Absent { .. } => self.queue_and_drain(),
            Routing::Retained => self.store_and_flood(),
            _ => self.publish_and_receive(),
        };
        self.worker.site.shared.tallies[self.worker.site.me].is_finished.store(true, Ordering::Release);
        self.worker.doing = Doing::CleaningUp;
        let unanswered = self.unanswered();
        self.left_behind = self.clean_up();
        self.worker.tell_live();
        let missing = self.missing();
        let ledger = self.worker.ledger;
        Outcome {
            counts: ledger.counts,
            faults: ledger.faults,
            latencies: ledger.latencies,
            coverage: ledger.coverage,
            stretches: self.stretches,
            unanswered,
            missing,
            left_behind: self.left_behind,
        }
    }

    fn publish_and_receive(&mut self) -> Result<(), Halt> {
        self.worker.bring_up(self.subscribers.clone())?;
        self.worker.gate(1)?;
        self.worker.bring_up(self.publishers.clone())?;
        self.worker.gate(2)?;
        let from = self.publish()?;
        // With a duration measuring ends now, without one with the last arrival.
        let is_elsewhere = matches!(self.load.routing, Routing::Others { .. });
        let until = (self.load.span.duration.is_some() && !is_elsewhere).then(|| self.worker.mark());
        if until.is_some() {
            self.worker.ledger.measure = Measure::Off;
        }
        self.worker.doing = Doing::Draining;
        let drained = self.drain();
        if let Some(from) = from {
            let until = until.unwrap_or_else(|| self.last_mark());
            self.stretches.push(Stretch { part: Part::Measuring, from, until });
        }
        drained?;
        // Nobody leaves while others still wait for what was sent here.
        self.worker.gate(3)
    }

    /// A mark at the last arrival, for what ends when nothing comes any more.
    pub(super) fn last_mark(&self) -> Mark {
        let now = self.worker.mark();
        match self.flow.latest {
            Some(latest) if now.at > self.flow.progress.at + LATEST_NS => latest,
            _ => now,
        }
    }

    /// Notes that something came, so that there is a mark close to the last arrival.
    pub(super) fn note_progress(&mut self) {
        let counts = &self.worker.ledger.counts;
        let seen = counts[Count::Received] + counts[Count::Acked] + counts[Count::RefusedPublishes];
        let now = self.worker.ledger.now;
        let is_news = self.flow.progress.idle(seen, now) == 0;
        if is_news && self.flow.latest.is_none_or(|latest| now > latest.at + LATEST_NS) {
            self.flow.latest = Some(self.worker.mark());
        }
    }

    /// Publishes, or lets others publish, until the time is over or everything is sent.
    fn publish(&mut self) -> Result<Option<Mark>, Halt> {
        let span = self.load.span;
        let now = clock::now();
        let start = self.worker.site.shared.start(now);
        let from_at = start.saturating_add(clock::nanoseconds(span.warm_up));
        let until_at = span.duration.map_or(u64::MAX, |span| from_at.saturating_add(clock::nanoseconds(span)));
        self.worker.doing = Doing::WarmingUp;
        self.worker.ledger.now = now;
        self.start_flow(start, until_at);
        let mut from = None;
        loop {
            let now = self.worker.ledger.now;
            if from.is_none() && now >= from_at && self.may_measure() {
                from = Some(self.worker.mark());
                self.worker.doing = Doing::Measuring;
                self.measure();
            }
            if now >= until_at || self.worker.site.shared.is_interrupted() || self.is_over() {
                // What came due since the last pass is owed.
                if self.flow.is_scheduled() {
                    self.produce(now);
                }
                break;
            }
            let next_mark = if from.is_none() { from_at } else { until_at };
            let wait = self.produce(now).min(next_mark.saturating_sub(now));
            self.worker.pass(wait)?;
            if self.load.span.duration.is_none() || matches!(self.load.routing, Routing::Others { .. }) {
                self.note_progress();
            }
            if self.is_stuck() {
                break;
            }
        }
        self.finish_sending();
        Ok(from)
    }

    fn measure(&mut self) {
        match self.load.routing {
            Routing::Others { timed: false, .. } | Routing::Others { run: None, .. } => {}
            _ => self.worker.ledger.measure = Measure::On,
        }
    }

    /// With publishers elsewhere the clock starts with their first message.
    fn may_measure(&self) -> bool {
        !matches!(self.load.routing, Routing::Others { .. }) || self.worker.ledger.counts[Count::Received] > 0
    }

    /// Whether everything was sent, or nobody is left to send or receive.
    pub(super) fn is_over(&mut self) -> bool {
        if !self.worker.ended.is_empty() {
            self.worker.ended.clear();
            self.count_quotas();
        }
        let counts = &self.worker.ledger.counts;
        if let Routing::Others { .. } = self.load.routing {
            let count = self.load.span.count.unwrap_or(u64::MAX);
            return self.worker.site.shared.sum().received >= count || self.are_gone(&self.subscribers);
        }
        let is_attended = !self.load.routing.is_in_turn() && !self.subscribers.is_empty();
        let nobody_listens = is_attended && self.are_gone(&self.subscribers);
        counts[Count::Sent] >= self.flow.quota || nobody_listens
    }

    /// Whether these connections are all over for good.
    fn are_gone(&self, range: &Range<u32>) -> bool {
        let returns = self.worker.site.settings.clients.reconnect == super::settings::Reconnect::Always;
        let connections = &self.worker.connections[range.start as usize..range.end as usize];
        !returns && connections.iter().all(|connection| connection.phase == Phase::Closed)
    }

    /// Whether publishes have waited for their acknowledgement longer than anything may.
    pub(super) fn is_stuck(&mut self) -> bool {
        let counts = &self.worker.ledger.counts;
        let answered = counts[Count::Acked] + counts[Count::RefusedPublishes];
        let now = self.worker.ledger.now;
        if self.unanswered() == 0 {
            self.flow.answered = Progress::new(now);
        }
        let timeout = clock::nanoseconds(self.worker.site.settings.clients.timeout);
        let is_stuck = self.flow.answered.idle(answered, now) > timeout;
        if is_stuck {
            self.worker.ledger.fault(&Fault::Timeout("PUBLISH"));
        }
        is_stuck
    }

    /// Publishes of this thread that the broker has not answered.
    pub(super) fn unanswered(&self) -> u64 {
        if self.load.message.qos == QoS::AtMostOnce {
            return 0;
        }
        let counts = &self.worker.ledger.counts;
        counts[Count::Sent].saturating_sub(counts[Count::Acked] + counts[Count::RefusedPublishes])
    }

    /// Waits for what was sent, as long as something still comes.
    pub(super) fn drain(&mut self) -> Result<(), Halt> {
        let limit = clock::nanoseconds(self.load.span.drain);
        let mut progress = Progress::new(self.worker.ledger.now);
        loop {
            let sum = self.worker.site.shared.sum();
            let now = self.worker.ledger.now;
            let idle = progress.idle(sum.received + sum.answered + sum.sent, now);
            self.note_progress();
            let expected = (sum.sent - sum.refused.min(sum.sent)) * self.load.deliveries();
            let all_answered = self.load.message.qos == QoS::AtMostOnce || sum.answered >= sum.sent;
            let is_written = self.publishers.clone().all(|index| self.has_written(index));
            if sum.all_finished && sum.received >= expected && all_answered && is_written {
                return Ok(());
            }
            let everyone = 0..self.worker.connections.len() as u32;
            if idle > limit || self.are_gone(&everyone) {
                return Ok(());
            }
            self.worker.pass(SHORT_WAIT_NS)?;
        }
    }

    fn has_written(&self, index: u32) -> bool {
        let connection = &self.worker.connections[index as usize];
        connection.out.pending() == 0 && !connection.blocked
    }

    /// With publishers elsewhere: messages between two that came which did not.
    fn missing(&self) -> u64 {
        let trackers = self.worker.connections.iter().filter_map(|connection| match &connection.role {
            Role::Subscriber(subscriber) => match &subscriber.order {
                Order::FromFirst(trackers) => Some(trackers.iter().flatten().map(Tracker::missing).sum::<u64>()),
                Order::All(_) | Order::Some(_) | Order::Unknown => None,
            },
            Role::Publisher(_) | Role::Idle { .. } => None,
        });
        trackers.sum()
    }
}
