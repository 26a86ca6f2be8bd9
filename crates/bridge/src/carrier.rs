//! One dataflow at work: two links, and the ledger between them.

mod answers;
mod intake;
mod outgoing;
mod parcel;
mod retirement;
mod retry;
mod sent;
mod settling;
mod view;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::counters::Counters;
use crate::credentials::Keeper;
use crate::dataflow::{Dataflow, Side};
use crate::failure::{Failure, Mishap, Step};
use crate::health::Health;
use crate::ledger::{Errand, Ledger};
use crate::link::{Event, Farewell, Link, Plan, Role, SessionFound, Take};
use crate::mapper::Mapper;
use crate::status::DataflowStatus;

use parcel::Parcel;
use retry::Retry;
use sent::{ACKNOWLEDGEMENT, Answer, Sent};
use settling::Settling;

pub(crate) use view::View;

/// Between two looks at what waits too long.
const LOOK: Duration = Duration::from_secs(1);

/// Everything a dataflow is started with.
pub(crate) struct Start {
    pub dataflow: Arc<Dataflow>,
    pub installation: Arc<str>,
    pub source: Keeper,
    pub destination: Keeper,
    pub counters: Arc<Counters>,
    pub status: watch::Sender<DataflowStatus>,
    /// Filters of an earlier shape of the dataflow.
    pub forget: Vec<String>,
    /// What is under way when it is stopped may take this long.
    pub drain: Duration,
}

pub(crate) struct Carrier {
    dataflow: Arc<Dataflow>,
    mapper: Mapper,
    ledger: Ledger<Parcel>,
    /// Of the ledger.
    capacity: usize,
    source: Link,
    destination: Link,
    forwarded: Sent,
    dead_letters: Sent,
    retry: Retry,
    settling: Settling,
    /// Why the last message became a dead letter.
    buried: Option<Failure>,
    counters: Arc<Counters>,
    status: watch::Sender<DataflowStatus>,
    drain: Duration,
    look: Interval,
}

/// Whether a dataflow goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    No,
    /// Its sessions stay, for it or a successor to go on in.
    Pause,
    /// Nobody goes on in its session at the source: what is in it is carried, then it ends.
    Retire,
}

/// What the carrier wakes up for.
enum Woken {
    Source(Event),
    Destination(Event),
    Forwarded(Answer),
    DeadLetter(Answer),
    Retry(Errand),
    Settle,
    Look,
    Stop,
}

impl Carrier {
    pub fn new(start: Start) -> Self {
        let Start { dataflow, installation, source, destination, counters, status, forget, drain } = start;
        let plan = |side, role, keeper| Plan {
            endpoint: match side {
                Side::Source => dataflow.source.clone(),
                Side::Destination => dataflow.destination.clone(),
            },
            client_id: dataflow.client_id(side, &installation),
            role,
            keeper,
            counters: counters.clone(),
        };
        let role = Role::Source { filters: dataflow.filters(), forget };
        let source = Link::new(plan(Side::Source, role, source));
        let destination = Link::new(plan(Side::Destination, Role::Destination, destination));
        let window = dataflow.destination.max_inflight.max(1);
        let capacity = usize::from(window) + usize::from(dataflow.source.max_inflight.max(1));
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            mapper: Mapper::new(&dataflow, &installation),
            ledger: Ledger::new(window, capacity),
            capacity,
            source,
            destination,
            forwarded: Sent::default(),
            dead_letters: Sent::default(),
            retry: Retry::default(),
            settling: Settling::with(&dataflow.source),
            buried: None,
            counters,
            status,
            drain,
            look,
            dataflow,
        }
    }

    /// Carries until `stop` says so, then lets what is under way arrive.
    pub async fn run(mut self, mut stop: watch::Receiver<Stop>) {
        self.report();
        loop {
            self.send().await;
            match self.wait(Some(&mut stop)).await {
                Woken::Stop => break,
                woken => self.woken(woken).await,
            }
            self.settle().await;
        }
        let mut source = Farewell::Resumed;
        if *stop.borrow() == Stop::Retire && timeout(self.drain, self.retire()).await.is_ok() {
            source = Farewell::Ended;
        }
        timeout(self.drain, self.drain()).await.ok();
        self.settle_now().await;
        tokio::join!(self.source.stop(source), self.destination.stop(Farewell::Resumed));
        self.report();
    }

    /// Lets what is under way arrive, takes and sends nothing more.
    async fn drain(&mut self) {
        while self.ledger.under_way() > 0 {
            let woken = self.wait(None).await;
            if !matches!(woken, Woken::Source(Event::Message(_)) | Woken::Stop) {
                self.woken(woken).await;
            }
            self.settle().await;
        }
    }

    /// Waits for the next thing; nobody stops it twice. Every branch is cancel-safe.
    async fn wait(&mut self, stop: Option<&mut watch::Receiver<Stop>>) -> Woken {
        let take = self.appetite();
        let Self { source, destination, forwarded, dead_letters, retry, settling, look, .. } = self;
        tokio::select! {
            biased;
            () = stopped(stop) => Woken::Stop,
            // What is rare goes first.
            _ = look.tick() => Woken::Look,
            errand = retry.due() => Woken::Retry(errand),
            () = settling.over() => Woken::Settle,
            event = destination.next(Take::Messages) => Woken::Destination(event),
            answer = dead_letters.first() => Woken::DeadLetter(answer),
            answer = forwarded.first() => Woken::Forwarded(answer),
            event = source.next(take) => Woken::Source(event),
        }
    }

    async fn woken(&mut self, woken: Woken) {
        match woken {
            Woken::Source(Event::Message(received)) => self.take_all(*received),
            Woken::Source(event) => self.source_event(&event),
            Woken::Destination(Event::Message(received)) => self.decline(&received).await,
            Woken::Destination(event) => self.destination_event(&event),
            Woken::Forwarded(answer) => self.forwarded_all(answer),
            Woken::DeadLetter(answer) => self.dead_letter_answered(answer),
            Woken::Retry(errand) => self.ledger.retry(errand),
            Woken::Look => self.look(),
            // What follows every time.
            Woken::Settle | Woken::Stop => {}
        }
    }

    fn source_event(&mut self, event: &Event) {
        match event {
            Event::Up(found) => {
                if *found == SessionFound::No {
                    self.ledger.source_forgot();
                }
                self.connected(Side::Source);
            }
            Event::Down(_) => self.ledger.source_lost(),
            Event::Changed | Event::Message(_) => {}
        }
        self.report();
    }

    fn destination_event(&mut self, event: &Event) {
        match event {
            Event::Up(_) => self.connected(Side::Destination),
            Event::Down(how) => self.blame(*how),
            Event::Changed | Event::Message(_) => {}
        }
        self.report();
    }

    /// A connection is new: it has not kept anybody waiting, and what its predecessor did not send goes first.
    fn connected(&mut self, side: Side) {
        let now = Instant::now();
        if side == Side::Destination {
            self.forwarded.restart_clock(now);
        }
        if side == self.dataflow.dead_letter_side() {
            self.dead_letters.restart_clock(now);
        }
        self.take_back_unsent();
    }

    /// Ends connections whose server acknowledges nothing any more.
    fn look(&mut self) {
        let now = Instant::now();
        let late = || Mishap::new(Step::Publish, format!("no acknowledgement for {} s", ACKNOWLEDGEMENT.as_secs()));
        if self.forwarded.is_late(now) && self.destination.client().is_some() {
            self.destination.give_up(late());
        }
        if self.dead_letters.is_late(now) {
            let side = self.dataflow.dead_letter_side();
            let link = if side == Side::Source { &mut self.source } else { &mut self.destination };
            if link.client().is_some() && matches!(link.give_up(late()), Event::Down(_)) && side == Side::Source {
                self.ledger.source_lost();
            }
        }
        self.source.look();
        self.destination.look();
        self.report();
    }

    /// Publishes how it is going, if that has changed.
    fn report(&mut self) {
        let Self { dataflow, source, destination, retry, ledger, buried, .. } = self;
        let (publish, publish_retry) = retry.status();
        let status = DataflowStatus {
            name: dataflow.name.clone(),
            profile: dataflow.profile.clone(),
            instance: dataflow.instance,
            health: Health::Unknown,
            reason: None,
            source: source.status.clone(),
            destination: destination.status.clone(),
            publish,
            publish_retry,
            dead_letter: buried.clone(),
            backlog: ledger.len() as u64,
        };
        self.status.send_if_modified(|old| {
            let changed = *old != status;
            if changed {
                *old = status;
            }
            changed
        });
    }
}

async fn stopped(stop: Option<&mut watch::Receiver<Stop>>) {
    match stop {
        // Who is gone wants nothing any more.
        Some(stop) => drop(stop.wait_for(|stop| *stop != Stop::No).await),
        None => std::future::pending().await,
    }
}
