//! A thread's turn: the right to touch the scheduler, and the ways to give the turn up.

use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::clock::{Clock, Kind, Reading};
use super::diagnosis;
use super::policy::Interruption;
use super::scheduler::Scheduler;
use super::seat::{Inside, Seat};
use super::thread::{State, ThreadId, Wait, Wakeup};

/// Whether registered threads are scheduled: from the scenario's begin to its end.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// Spots that are passed before a thread is interrupted at one. Counted without the scheduler, as there are hundreds of them a
/// turn; only the thread that has the turn counts.
static SPOTS: AtomicU64 = AtomicU64::new(0);

/// While it lives, the calling thread is inside the engine.
#[derive(Debug)]
pub(super) struct Turn {
    seat: &'static Seat,
    _inside: Inside,
}

/// Where a thread is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A system call: nobody holds what all machines share.
    Call,
    /// Anywhere else: the thread may hold what all machines share, and is not killed there.
    Spot,
}

impl Turn {
    /// None for threads that are not registered, and for what the engine itself does.
    pub(super) fn begin() -> Option<Self> {
        let seat = Seat::own()?;
        if !RUNNING.load(Ordering::Relaxed) {
            return None;
        }
        Some(Self { seat, _inside: Inside::enter()? })
    }

    /// Passes a place where a thread calls nothing, and may hold a lock that all machines share: at times others have a turn, and
    /// it is not killed there.
    pub(super) fn pass_spot() {
        if Seat::own().is_none() || !RUNNING.load(Ordering::Relaxed) || Inside::is_entered() {
            return;
        }
        match SPOTS.load(Ordering::Relaxed) {
            0 => {
                if let Some(turn) = Self::begin() {
                    turn.interrupt_at(Place::Spot);
                }
            }
            left => SPOTS.store(left - 1, Ordering::Relaxed),
        }
    }

    /// The turn of a scenario's own thread.
    pub(super) fn expect() -> Self {
        Self::begin().expect("called by a thread of a run")
    }

    pub(super) fn begin_run() {
        RUNNING.store(true, Ordering::Relaxed);
    }

    pub(super) fn end_run() {
        RUNNING.store(false, Ordering::Relaxed);
    }

    pub(super) fn thread(&self) -> ThreadId {
        self.seat.thread
    }

    #[expect(clippy::unused_self, reason = "the turn is what allows it")]
    pub(super) fn scheduler(&self) -> MutexGuard<'static, Scheduler> {
        Scheduler::lock()
    }

    /// Since the run began.
    pub(super) fn now(&self) -> Duration {
        self.scheduler().clock.now()
    }

    /// Waits until the thread is called, at the latest at `alarm`.
    pub(super) fn wait(&self, wait: Wait, alarm: Option<Duration>) -> Wakeup {
        let mut scheduler = self.scheduler();
        if alarm.is_some_and(|moment| moment <= scheduler.clock.now()) {
            drop(scheduler);
            self.pass();
            return Wakeup::Expired;
        }
        scheduler.suspend(self.thread(), wait, alarm);
        self.hand_over(scheduler);
        self.scheduler().thread(self.thread()).wakeup
    }

    pub(super) fn sleep(&self, time: Duration) {
        let until = self.now().saturating_add(time);
        self.wait(Wait::Time, Some(until));
    }

    /// Lets others have a turn.
    pub(super) fn pass(&self) {
        let mut scheduler = self.scheduler();
        scheduler.thread(self.thread()).rank = 0;
        scheduler.make_ready(self.thread(), Wakeup::Called);
        self.hand_over(scheduler);
    }

    /// Lets others have a turn if the seed says so.
    pub(super) fn interrupt(&self) {
        self.interrupt_at(Place::Call);
    }

    fn interrupt_at(&self, place: Place) {
        let mut guard = self.scheduler();
        let scheduler = &mut *guard;
        let random = &mut scheduler.random.schedule;
        if place == Place::Spot {
            SPOTS.store(scheduler.policy.spots(random), Ordering::Relaxed);
        }
        if scheduler.threads[self.thread().0].sections > 0 {
            return;
        }
        let interruption = match place {
            Place::Call => scheduler.policy.at_call(random),
            Place::Spot => scheduler.policy.at_spot(),
        };
        match interruption {
            Interruption::None => return,
            Interruption::Turn => scheduler.make_ready(self.thread(), Wakeup::Called),
            Interruption::Stall(time) => {
                let until = scheduler.clock.now() + time;
                scheduler.suspend(self.thread(), Wait::Time, Some(until));
            }
        }
        if place == Place::Call {
            return self.hand_over(guard);
        }
        guard.enter_section(self.thread());
        self.hand_over(guard);
        self.scheduler().leave_section(self.thread());
    }

    /// What a clock shows to this thread.
    pub(super) fn clock(&self, kind: Kind) -> Duration {
        let mut scheduler = self.scheduler();
        if scheduler.clock.read() == Reading::Spinning {
            drop(scheduler);
            self.pass();
            scheduler = self.scheduler();
        }
        let skew = scheduler.machine_of(self.thread()).skew;
        Clock::shown(kind, skew, scheduler.clock.now())
    }

    /// When a clock shows `moment` to this thread.
    pub(super) fn moment(&self, kind: Kind, moment: Duration) -> Duration {
        let skew = self.scheduler().machine_of(self.thread()).skew;
        Clock::moment(kind, skew, moment)
    }

    /// Ends the calling thread's registration.
    pub(super) fn end(self) {
        let mut scheduler = self.scheduler();
        let own = self.thread();
        scheduler.bury(own, State::Gone);
        scheduler.call(|wait| matches!(wait, Wait::Thread(thread) if *thread == own));
        match scheduler.next() {
            Ok(next) => {
                let seat = scheduler.thread(next).seat;
                drop(scheduler);
                self.seat.leave();
                seat.give();
            }
            Err(stuck) => diagnosis::stop(scheduler, stuck),
        }
    }

    /// Gives the turn to whoever is next and waits for it to come back.
    fn hand_over(&self, mut scheduler: MutexGuard<'static, Scheduler>) {
        match scheduler.next() {
            Ok(next) if next == self.thread() => (),
            Ok(next) => {
                let seat = scheduler.thread(next).seat;
                drop(scheduler);
                seat.give();
                self.seat.take();
            }
            Err(stuck) => diagnosis::stop(scheduler, stuck),
        }
    }
}
