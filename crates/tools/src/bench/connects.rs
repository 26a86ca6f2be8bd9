//! Connections alone: how fast they are made, and what they cost: one thread's share of it.

use std::io;
use std::sync::Arc;

use super::clock;
use super::connection::{Connection, Role};
use super::crew;
use super::ledger::{Identity, Ledger};
use super::outcome::{Outcome, Part, Stretch};
use super::schedule::quota;
use super::settings::{ConnectLoad, ConnectStyle};
use super::shared::Doing;
use super::worker::{Halt, SHORT_WAIT_NS, Site, Worker};

/// One thread's connections.
pub(super) struct Connects {
    worker: Worker,
    load: Arc<ConnectLoad>,
    stretches: Vec<Stretch>,
}

impl Connects {
    /// # Errors
    /// No descriptor left.
    pub(super) fn new(site: Site, load: Arc<ConnectLoad>) -> io::Result<Self> {
        let numbers = crew::numbers(&site, load.connections);
        let ledger = Ledger::new(Identity::Run(site.settings.run), site.settings.since_1970);
        let mut worker = Worker::new(site, ledger)?;
        worker.connections = numbers.into_iter().map(|number| Connection::new(Role::Idle { number })).collect();
        Ok(Self { worker, load, stretches: Vec::new() })
    }

    /// Does all of it; sessions are deleted whatever happens.
    pub(super) fn run(mut self) -> Outcome {
        // Why it ended early is known to the run; what was found out until then counts.
        let _ = match self.load.style {
            ConnectStyle::Hold(span) => self.hold(clock::nanoseconds(span)),
            ConnectStyle::Churn { duration, count } => self.churn(duration.map_or(u64::MAX, clock::nanoseconds), count),
        };
        self.worker.doing = Doing::CleaningUp;
        let (counts, faults) = (self.worker.ledger.counts, self.worker.ledger.faults.clone());
        let end = clock::now().saturating_add(clock::nanoseconds(self.worker.site.settings.clients.timeout));
        self.worker.dialer.clear();
        let left_behind = self.worker.leave_all(end);
        self.worker.tell_live();
        let ledger = self.worker.ledger;
        Outcome {
            counts,
            faults,
            latencies: ledger.latencies,
            coverage: None,
            stretches: self.stretches,
            unanswered: 0,
            missing: 0,
            left_behind,
        }
    }

    /// Makes all, waits, and leaves them to the end.
    fn hold(&mut self, span: u64) -> Result<(), Halt> {
        let total = self.worker.connections.len();
        let from = self.worker.mark();
        self.worker.queue(0..total as u32);
        let (mut settled, mut ended) = (0, 0);
        while settled + ended < total && !self.worker.site.shared.is_interrupted() {
            self.worker.pass(SHORT_WAIT_NS)?;
            settled += std::mem::take(&mut self.worker.settled).len();
            ended += std::mem::take(&mut self.worker.ended).len();
        }
        let until = self.worker.mark();
        self.stretches.push(Stretch { part: Part::Connecting, from, until });
        self.worker.gate(1)?;
        self.worker.doing = Doing::Measuring;
        let from = self.worker.mark();
        let end = from.at.saturating_add(span);
        while settled > 0 && self.worker.ledger.now < end && !self.worker.site.shared.is_interrupted() {
            let left = end.saturating_sub(self.worker.ledger.now);
            self.worker.pass(left)?;
        }
        self.stretches.push(Stretch { part: Part::Holding, from, until: self.worker.mark() });
        self.worker.gate(2)
    }

    /// Makes and ends connections until the time is over or so many were made over all threads.
    fn churn(&mut self, span: u64, count: Option<u64>) -> Result<(), Halt> {
        let site = self.worker.site.clone();
        let threads = site.settings.threads as u64;
        let quota = count.map_or(u64::MAX, |count| quota(count, site.me as u64, threads));
        self.worker.doing = Doing::Measuring;
        let from = self.worker.mark();
        let end = from.at.saturating_add(span);
        let first = (self.worker.connections.len() as u64).min(quota);
        self.worker.queue(0..first as u32);
        let (mut begun, mut over) = (first, 0);
        while over < quota && clock::now() < end && !site.shared.is_interrupted() {
            self.worker.pass(SHORT_WAIT_NS)?;
            let now = self.worker.ledger.now;
            for index in std::mem::take(&mut self.worker.settled) {
                self.worker.leave_at_once(index);
                self.worker.connections[index as usize].past = super::connection::Past::New;
                over += 1;
                if begun < quota {
                    begun += 1;
                    self.worker.dialer.queue(index);
                }
            }
            for (index, _) in std::mem::take(&mut self.worker.ended) {
                over += 1;
                if begun < quota {
                    begun += 1;
                    self.worker.dialer.queue_later(index, now, 0);
                }
            }
        }
        let until = self.worker.mark();
        self.stretches.push(Stretch { part: Part::Connecting, from, until });
        Ok(())
    }
}
