//! Which thread has the turn, and why the others have not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::clock::Clock;
use super::diagnosis::{self, Stuck};
use super::disk::Disks;
use super::futex::Futexes;
use super::machine::{Fate, MachineId, MachineRecord};
use super::policy::Policy;
use super::pollers::Pollers;
use super::random::Stream;
use super::run::Bounds;
use super::seat::Seat;
use super::thread::{State, Thread, ThreadId, Wait, Wakeup};
use super::trace::Trace;

/// What a turn takes at most.
const LONGEST_TURN: Duration = Duration::from_micros(2);

static SCHEDULER: OnceLock<Mutex<Scheduler>> = OnceLock::new();

/// Everything there is of a run. Only the thread that has the turn touches it, or who explains why a run is stuck.
#[derive(Debug)]
pub(super) struct Scheduler {
    pub(super) threads: Vec<Thread>,
    pub(super) machines: Vec<MachineRecord>,
    /// Threads by what the C library calls them.
    pub(super) handles: BTreeMap<libc::pthread_t, ThreadId>,
    pub(super) clock: Clock,
    pub(super) random: Streams,
    pub(super) policy: Policy,
    pub(super) trace: Trace,
    pub(super) futexes: Futexes,
    pub(super) pollers: Pollers,
    pub(super) disks: Disks,
    ready: Vec<ThreadId>,
    alarms: BTreeSet<(Duration, ThreadId)>,
    bounds: Bounds,
}

/// A stream for each purpose, so that a change in one does not change all.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) schedule: Stream,
    pub(super) entropy: Stream,
    pub(super) disk: Stream,
    pub(super) scenario: Stream,
}

impl Scheduler {
    /// Makes the process's one scheduler; panics when there is one already.
    pub(super) fn install(seed: u64, bounds: Bounds) {
        let mut schedule = Stream::new(seed, 0);
        let scheduler = Self {
            threads: Vec::new(),
            machines: Vec::new(),
            handles: BTreeMap::new(),
            clock: Clock::default(),
            policy: Policy::draw(&mut schedule),
            random: Streams {
                schedule,
                entropy: Stream::new(seed, 1),
                disk: Stream::new(seed, 2),
                scenario: Stream::new(seed, 3),
            },
            trace: Trace::new(),
            futexes: Futexes::default(),
            pollers: Pollers::default(),
            disks: Disks::default(),
            ready: Vec::new(),
            alarms: BTreeSet::new(),
            bounds,
        };
        assert!(SCHEDULER.set(Mutex::new(scheduler)).is_ok(), "a process is one run");
    }

    /// Panics before [`Self::install`].
    pub(super) fn lock() -> MutexGuard<'static, Self> {
        let scheduler = SCHEDULER.get().expect("the run has begun");
        scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None while it is locked.
    pub(super) fn try_lock() -> Option<MutexGuard<'static, Self>> {
        SCHEDULER.get()?.try_lock().ok()
    }

    /// Registers a thread; it is not ready yet.
    pub(super) fn add_thread(&mut self, machine: MachineId, state: State) -> &'static Seat {
        let seat = Seat::new(ThreadId(self.threads.len()));
        let rank = self.random.schedule.number();
        self.threads.push(Thread { machine, seat, state, wakeup: Wakeup::Called, alarm: None, sections: 0, rank });
        seat
    }

    pub(super) fn thread(&mut self, thread: ThreadId) -> &mut Thread {
        &mut self.threads[thread.0]
    }

    /// The machine that a thread belongs to.
    pub(super) fn machine_of(&mut self, thread: ThreadId) -> &mut MachineRecord {
        let machine = self.threads[thread.0].machine;
        &mut self.machines[machine.0]
    }

    /// Lets a thread wait until it is made ready, at the latest at `alarm`.
    pub(super) fn suspend(&mut self, thread: ThreadId, wait: Wait, alarm: Option<Duration>) {
        match &wait {
            Wait::Futex { address, bits } => self.futexes.add(*address, *bits, thread),
            Wait::Descriptors(descriptors) => self.pollers.add(thread, descriptors),
            Wait::Time | Wait::Thread(_) | Wait::Sections(_) => (),
        }
        if let Some(moment) = alarm {
            self.alarms.insert((moment, thread));
        }
        let record = self.thread(thread);
        record.alarm = alarm;
        record.state = State::Waiting(wait);
    }

    /// Lets a thread go on when its turn comes.
    pub(super) fn make_ready(&mut self, thread: ThreadId, wakeup: Wakeup) {
        self.forget_wait(thread);
        let record = self.thread(thread);
        record.wakeup = wakeup;
        record.state = State::Ready;
        let machine = self.machine_of(thread);
        match machine.fate {
            Fate::Running => self.ready.push(thread),
            Fate::Frozen => machine.held.push(thread),
            Fate::Dead => (),
        }
    }

    /// Makes ready whoever waits for something that `holds` names.
    pub(super) fn call(&mut self, holds: impl Fn(&Wait) -> bool) {
        let called = |thread: &Thread| matches!(&thread.state, State::Waiting(wait) if holds(wait));
        let threads: Vec<ThreadId> =
            self.threads.iter().filter(|thread| called(thread)).map(|thread| thread.seat.thread).collect();
        threads.into_iter().for_each(|thread| self.make_ready(thread, Wakeup::Called));
    }

    /// Takes a machine's ready threads out.
    pub(super) fn hold(&mut self, machine: MachineId) -> Vec<ThreadId> {
        let threads = &self.threads;
        self.ready.extract_if(.., |thread| threads[thread.0].machine == machine).collect()
    }

    /// A thread will never run again.
    pub(super) fn bury(&mut self, thread: ThreadId, state: State) {
        self.forget_wait(thread);
        self.thread(thread).state = state;
    }

    fn forget_wait(&mut self, thread: ThreadId) {
        let record = &mut self.threads[thread.0];
        if let Some(moment) = record.alarm.take() {
            self.alarms.remove(&(moment, thread));
        }
        match &record.state {
            State::Waiting(Wait::Futex { address, .. }) => self.futexes.remove(*address, thread),
            State::Waiting(Wait::Descriptors(_)) => self.pollers.remove(thread),
            _ => (),
        }
    }

    /// Chooses who has the turn now; time jumps if all wait for it.
    pub(super) fn next(&mut self) -> Result<ThreadId, Stuck> {
        diagnosis::count_turn();
        self.clock.begin_turn();
        self.clock.pass(self.random.schedule.duration(Duration::ZERO, LONGEST_TURN));
        self.pollers.touched().into_iter().for_each(|thread| self.make_ready(thread, Wakeup::Called));
        self.ring_alarms();
        while self.ready.is_empty() {
            self.pollers.ready().into_iter().for_each(|thread| self.make_ready(thread, Wakeup::Called));
            if self.ready.is_empty() {
                let (moment, _) = self.alarms.first().ok_or(Stuck::ForEver)?;
                if *moment > self.bounds.virtual_time {
                    return Err(Stuck::VirtualTime);
                }
                self.clock.jump(*moment);
                self.ring_alarms();
            }
        }
        self.check_bounds()?;
        let at = self.policy.choose(&self.ready, &mut self.threads, &mut self.random.schedule);
        let chosen = self.ready.swap_remove(at);
        self.thread(chosen).state = State::Running;
        self.trace.turn(chosen.0, self.clock.now());
        Ok(chosen)
    }

    fn ring_alarms(&mut self) {
        while let Some((moment, thread)) = self.alarms.first().copied()
            && moment <= self.clock.now()
        {
            self.make_ready(thread, Wakeup::Expired);
        }
    }

    fn check_bounds(&self) -> Result<(), Stuck> {
        if self.clock.now() > self.bounds.virtual_time {
            return Err(Stuck::VirtualTime);
        }
        if self.trace.turns() > self.bounds.steps {
            return Err(Stuck::Steps);
        }
        Ok(())
    }
}
