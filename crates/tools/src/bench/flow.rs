//! When which publisher writes how much.

use std::sync::atomic::Ordering;

use mqtt::QoS;

use super::connection::{Phase, Role};
use super::counts::Count;
use super::outcome::Mark;
use super::schedule::Schedule;
use super::settings::Pace;
use super::traffic::{Progress, Traffic};

/// What one publisher writes ahead of its socket.
const MAX_PENDING: usize = 64 << 10;

/// Without any arrival for so long, what is on its way is given up and windows open again.
const STALL_NS: u64 = 2_000_000_000;

/// A sleep while nothing is due; whatever matters ends it.
const LONG_WAIT_NS: u64 = 50_000_000;

/// How publishing goes on.
#[derive(Debug)]
pub(super) struct Flow {
    schedule: Option<Schedule>,
    /// The next message to come due: turn and local publisher.
    cursor: (u64, usize),
    /// Nothing is sent that is due later.
    until: u64,
    /// Publishes of all publishers of this thread.
    pub(super) quota: u64,
    /// Arrivals and answers.
    pub(super) progress: Progress,
    /// A mark soon after something came.
    pub(super) latest: Option<Mark>,
    /// Answers, as long as some are outstanding.
    pub(super) answered: Progress,
    stall: Progress,
    /// By publisher of this thread: deliveries on other threads that are already credited.
    credited: Vec<u64>,
    ready: Vec<u32>,
}

impl Flow {
    pub(super) fn new(publishers: usize) -> Self {
        Self {
            schedule: None,
            cursor: (0, 0),
            until: 0,
            quota: 0,
            progress: Progress::new(0),
            latest: None,
            answered: Progress::new(0),
            stall: Progress::new(0),
            credited: vec![0; publishers],
            ready: Vec::new(),
        }
    }

    /// Whether messages are due at times of their own.
    pub(super) fn is_scheduled(&self) -> bool {
        self.schedule.is_some()
    }
}

impl Traffic {
    /// Messages are due from `start` to `until` (monotonic nanoseconds).
    pub(super) fn start_flow(&mut self, start: u64, until: u64) {
        self.flow.schedule = match self.load.pace {
            Pace::Rate(rate) => Some(Schedule::new(start, rate, u64::from(self.load.publishers))),
            Pace::Window(_) | Pace::Sockets => None,
        };
        self.flow.until = until;
        self.flow.progress = Progress::new(start);
        self.flow.answered = Progress::new(start);
        self.flow.stall = Progress::new(start);
        self.count_quotas();
        for local in 0..self.publishers.len() as u32 {
            self.worker.ledger.credit.wake(local);
        }
    }

    /// Adds up what the publishers may send; publishers that are gone send no more than they have.
    pub(super) fn count_quotas(&mut self) {
        let quotas = self.publishers.clone().map(|index| match &self.worker.connections[index as usize].role {
            Role::Publisher(publisher) => publisher.quota,
            Role::Subscriber(_) | Role::Idle { .. } => 0,
        });
        self.flow.quota = quotas.fold(0, u64::saturating_add);
    }

    /// Lets those publish that may; says how long there is nothing more to do (nanoseconds).
    #[inline]
    pub(super) fn produce(&mut self, now: u64) -> u64 {
        let wait = self.wake_due(now);
        if !self.worker.site.shared.delivered.is_empty() {
            self.exchange_credit();
        }
        let mut ready = std::mem::take(&mut self.flow.ready);
        self.worker.ledger.credit.take_ready(&mut ready);
        for local in &ready {
            self.produce_one(*local, now);
        }
        self.flow.ready = ready;
        if let Pace::Window(_) = self.load.pace {
            self.look_for_stall(now);
        }
        wait
    }

    /// Wakes the publishers whose next message is due; says how long until the next one is.
    fn wake_due(&mut self, now: u64) -> u64 {
        let Some(schedule) = self.flow.schedule else { return LONG_WAIT_NS };
        let publishers = self.publishers.len();
        let threads = self.worker.site.settings.threads;
        if publishers == 0 {
            return LONG_WAIT_NS;
        }
        loop {
            let (turn, local) = self.flow.cursor;
            let due = schedule.due((self.worker.site.me + local * threads) as u64, turn);
            if due > now {
                return due - now;
            }
            self.worker.ledger.credit.wake(local as u32);
            self.flow.cursor = if local + 1 == publishers { (turn + 1, 0) } else { (turn, local + 1) };
        }
    }

    #[inline]
    fn produce_one(&mut self, local: u32, now: u64) {
        let index = self.publishers.start + local;
        let connection = &mut self.worker.connections[index as usize];
        if connection.phase != Phase::Open {
            return;
        }
        if connection.blocked {
            connection.throttled = true;
            return;
        }
        let Role::Publisher(publisher) = &mut connection.role else { return };
        let message = &*self.load.message;
        let mut room = publisher.room(message.qos);
        if let Pace::Window(window) = self.load.pace {
            let on_their_way = match self.load.deliveries() {
                0 => 0,
                1 => publisher.sent.saturating_sub(self.worker.ledger.credit.of(local)),
                fan => publisher.sent.saturating_sub(self.worker.ledger.credit.of(local) / fan),
            };
            room = room.min(u64::from(window).saturating_sub(on_their_way));
        }
        let (mut written, mut bytes) = (0, 0);
        if self.flow.schedule.is_none() && now < self.flow.until {
            let limits = (room, MAX_PENDING.saturating_sub(connection.out.pending()));
            if let Some(count) = publisher.push_alike(&mut connection.out.bytes, message, now, limits) {
                (written, bytes) = (count, count * u64::from(message.sizes.most()));
            }
        }
        while written < room {
            if connection.out.pending() >= MAX_PENDING {
                connection.throttled = true;
                break;
            }
            let due = match &self.flow.schedule {
                None => now,
                Some(schedule) => schedule.due(u64::from(publisher.number), publisher.sent),
            };
            if due > now || due >= self.flow.until {
                break;
            }
            bytes += u64::from(publisher.push(&mut connection.out.bytes, message, due));
            written += 1;
        }
        // Nothing tells that a QoS 0 message without subscriber is over, so the socket decides.
        connection.throttled |= self.load.deliveries() == 0 && message.qos == QoS::AtMostOnce;
        if written > 0 {
            self.worker.ledger.counts[Count::Sent] += written;
            self.worker.ledger.counts[Count::SentBytes] += bytes;
            self.worker.touch(index);
        }
    }

    /// Tells other threads what arrived here of theirs, and learns what arrived there.
    fn exchange_credit(&mut self) {
        let shared = &self.worker.site.shared;
        let threads = self.worker.site.settings.threads;
        let credit = &mut self.worker.ledger.credit;
        let mut woken = 0u64;
        for publisher in credit.elsewhere().drain(..) {
            shared.delivered[publisher as usize].fetch_add(1, Ordering::Relaxed);
            woken |= 1 << (publisher as usize % threads);
        }
        for (thread, waker) in shared.wakers.iter().enumerate() {
            if woken & 1 << thread != 0 {
                waker.wake();
            }
        }
        for (local, credited) in self.flow.credited.iter_mut().enumerate() {
            let delivered = shared.delivered[self.worker.site.me + local * threads].load(Ordering::Relaxed);
            if delivered > *credited {
                credit.add(local as u32, delivered - *credited);
                *credited = delivered;
            }
        }
    }

    /// Opens windows that only lost messages keep shut.
    fn look_for_stall(&mut self, now: u64) {
        let seen = match self.flow.credited.is_empty() {
            true => return,
            false => self.worker.site.shared.sum().received + self.worker.ledger.counts[Count::Acked],
        };
        let on_their_way = self.worker.ledger.counts[Count::Sent] > 0 && self.load.deliveries() > 0;
        if self.flow.stall.idle(seen, now) < STALL_NS || !on_their_way {
            return;
        }
        self.flow.stall = Progress::new(now);
        self.worker.ledger.counts[Count::Stalls] += 1;
        for index in self.publishers.clone() {
            if let Role::Publisher(publisher) = &self.worker.connections[index as usize].role {
                let (local, sent) = (publisher.local, publisher.sent);
                self.worker.ledger.credit.forgive(local, sent * self.load.deliveries());
            }
        }
    }

    /// Sends no more; what was due and not sent is counted.
    pub(super) fn finish_sending(&mut self) {
        let end = self.worker.ledger.now.min(self.flow.until);
        for index in self.publishers.clone() {
            let Role::Publisher(publisher) = &mut self.worker.connections[index as usize].role else { continue };
            if let Some(schedule) = &self.flow.schedule {
                let owed = schedule.owed(u64::from(publisher.number), end).min(publisher.quota);
                self.worker.ledger.counts[Count::Behind] += owed.saturating_sub(publisher.sent);
            }
            publisher.give_up();
        }
        let shared = &self.worker.site.shared;
        let tally = &shared.tallies[self.worker.site.me];
        tally.sent.store(self.worker.ledger.counts[Count::Sent], Ordering::Relaxed);
        tally.is_finished.store(true, Ordering::Release);
    }
}
