//! Simulated process runs: which threads stop together, with which clock and which disk.

use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use super::disk::{Disk, DiskId};
use super::scheduler::Scheduler;
use super::symbols::threads;
use super::thread::{State, ThreadId, Wait};
use super::turn::Turn;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct MachineId(pub(super) usize);

#[derive(Debug)]
pub(super) struct MachineRecord {
    pub(super) name: String,
    pub(super) fate: Fate,
    pub(super) skew: Skew,
    pub(super) disk: Option<DiskId>,
    /// Sections its threads are in that must not be interrupted.
    pub(super) sections: u32,
    /// What would be ready if it were not frozen.
    pub(super) held: Vec<ThreadId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Running,
    Frozen,
    Dead,
}

/// How far `SystemTime` is off in a machine. `Instant` never jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Skew {
    /// It is right.
    #[default]
    None,
    /// It is fast by this much.
    Ahead(Duration),
    /// It is slow by this much.
    Behind(Duration),
}

/// A simulated process run; a restart is another one. Threads belong to the machine of the thread that creates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Machine(MachineId);

impl Machine {
    /// A machine without threads yet.
    pub fn new(name: &str) -> Self {
        Self(Turn::expect().scheduler().add_machine(name))
    }

    /// The machine that the calling thread belongs to.
    pub fn current() -> Self {
        let turn = Turn::expect();
        Self(turn.scheduler().thread(turn.thread()).machine)
    }

    /// Starts a thread in it. To join a thread of a machine that was killed is to wait for ever.
    pub fn spawn<T: Send + 'static>(self, name: &str, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let _machine = threads::children_in(self.0);
        std::thread::Builder::new().name(name.to_owned()).spawn(work).expect("there is memory for a thread")
    }

    /// As SIGSTOP: its threads get no turn. Waits until none is in a section that must not be interrupted.
    pub fn freeze(self) {
        let turn = Turn::expect();
        let mut scheduler = self.settle(&turn);
        if scheduler.record(self).fate == Fate::Running {
            let ready = scheduler.hold(self.0);
            let record = scheduler.record(self);
            record.fate = Fate::Frozen;
            record.held = ready;
        }
    }

    /// As SIGCONT.
    pub fn thaw(self) {
        let turn = Turn::expect();
        let mut scheduler = turn.scheduler();
        if scheduler.record(self).fate == Fate::Frozen {
            let record = scheduler.record(self);
            record.fate = Fate::Running;
            let held = std::mem::take(&mut record.held);
            held.into_iter().for_each(|thread| {
                let wakeup = scheduler.thread(thread).wakeup;
                scheduler.make_ready(thread, wakeup);
            });
        }
    }

    /// As SIGKILL: its threads never get a turn again, what they held in memory stays where it is, its files are closed.
    /// Waits until none is in a section that must not be interrupted.
    pub fn kill(self) {
        let turn = Turn::expect();
        let mut scheduler = self.settle(&turn);
        scheduler.hold(self.0);
        let record = scheduler.record(self);
        record.fate = Fate::Dead;
        record.held.clear();
        let all = scheduler.threads.iter().filter(|thread| thread.machine == self.0);
        let living: Vec<ThreadId> =
            all.filter(|thread| !matches!(thread.state, State::Gone)).map(|thread| thread.seat.thread).collect();
        living.into_iter().for_each(|thread| scheduler.bury(thread, State::Dead));
        scheduler.disks.close_files(self.0);
    }

    /// False once it was killed.
    pub fn is_alive(self) -> bool {
        Turn::expect().scheduler().record(self).fate != Fate::Dead
    }

    /// As given to [`Self::new`].
    pub fn name(self) -> String {
        Turn::expect().scheduler().record(self).name.clone()
    }

    /// Sets its `SystemTime` off.
    pub fn set_clock(self, skew: Skew) {
        Turn::expect().scheduler().record(self).skew = skew;
    }

    /// Makes `folder` its disk: an existing folder, which may have been another machine's before. What lies in it counts
    /// as synced when it becomes a disk first.
    pub fn set_disk(self, folder: &Path) {
        let turn = Turn::expect();
        let mut scheduler = turn.scheduler();
        let disk = scheduler.disks.add(folder);
        scheduler.record(self).disk = Some(disk);
    }

    /// Its disk; panics when it has none.
    pub fn disk(self) -> Disk {
        Disk(Turn::expect().scheduler().record(self).disk.expect("the machine has a disk"))
    }

    /// Waits until no thread of it is in a section that must not be interrupted.
    fn settle(self, turn: &Turn) -> std::sync::MutexGuard<'static, Scheduler> {
        loop {
            let mut scheduler = turn.scheduler();
            assert!(scheduler.thread(turn.thread()).machine != self.0, "a machine cannot stop itself");
            if scheduler.record(self).sections == 0 {
                return scheduler;
            }
            drop(scheduler);
            turn.wait(Wait::Sections(self.0), None);
        }
    }
}

/// Does `work` without seeded interruptions, and without a kill or a freeze of the machine in between: for what machines
/// share, so that a killed one leaves no lock behind.
pub fn uninterruptible<R>(work: impl FnOnce() -> R) -> R {
    let _section = Section::enter();
    work()
}

/// A section that must not be interrupted; none for threads outside a run.
struct Section;

impl Section {
    fn enter() -> Self {
        if let Some(turn) = Turn::begin() {
            turn.scheduler().enter_section(turn.thread());
        }
        Self
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        if let Some(turn) = Turn::begin() {
            turn.scheduler().leave_section(turn.thread());
        }
    }
}

impl MachineRecord {
    pub(super) fn lives(&self) -> bool {
        self.fate != Fate::Dead
    }
}

impl Scheduler {
    pub(super) fn add_machine(&mut self, name: &str) -> MachineId {
        self.machines.push(MachineRecord {
            name: name.to_owned(),
            fate: Fate::Running,
            skew: Skew::None,
            disk: None,
            sections: 0,
            held: Vec::new(),
        });
        MachineId(self.machines.len() - 1)
    }

    fn record(&mut self, machine: Machine) -> &mut MachineRecord {
        &mut self.machines[machine.0.0]
    }

    pub(super) fn enter_section(&mut self, thread: ThreadId) {
        self.thread(thread).sections += 1;
        self.machine_of(thread).sections += 1;
    }

    pub(super) fn leave_section(&mut self, thread: ThreadId) {
        self.thread(thread).sections -= 1;
        let machine = self.thread(thread).machine;
        self.machine_of(thread).sections -= 1;
        if self.machine_of(thread).sections == 0 {
            self.call(|wait| matches!(wait, Wait::Sections(settling) if *settling == machine));
        }
    }
}
