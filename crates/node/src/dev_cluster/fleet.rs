//! The processes of the cluster together: started in order, watched, ended in order.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use config::ClusterRole;

use super::DevClusterError;
use super::child::Process;
use super::layout::{Layout, Member};
use super::readiness::is_ready;
use crate::signals::{Signals, Wish};

/// From the start of processes of a role until each says that it is ready. Making RSA keys of 8192 bits, all at once, takes minutes.
const START_DEADLINE: Duration = Duration::from_secs(300);
/// How often it is told who is waited for.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// From the signal to the end of all processes of a role; they have 10 seconds for themselves.
const END_DEADLINE: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was started.
#[derive(Debug)]
pub(super) struct Fleet {
    program: PathBuf,
    processes: Vec<Process>,
}

impl Fleet {
    /// Starts all processes, backends first, and waits until each is ready. If one is not, all are ended.
    ///
    /// # Errors
    /// One cannot be started, ends, is not ready in time, or a signal came before they were.
    pub(super) fn start(program: PathBuf, layout: &Layout, signals: &Signals) -> Result<Self, DevClusterError> {
        let mut fleet = Self { program, processes: Vec::new() };
        for role in [ClusterRole::Backend, ClusterRole::Frontend] {
            let started = fleet.start_all(layout.of_role(role)).and_then(|()| fleet.wait_until_ready(role, signals));
            if let Err(error) = started {
                fleet.end();
                return Err(error);
            }
        }
        Ok(fleet)
    }

    fn start_all<'a>(&mut self, members: impl Iterator<Item = &'a Member>) -> Result<(), DevClusterError> {
        for member in members {
            self.processes.push(Process::start(&self.program, member.clone())?);
        }
        Ok(())
    }

    fn wait_until_ready(&mut self, role: ClusterRole, signals: &Signals) -> Result<(), DevClusterError> {
        let deadline = Instant::now() + START_DEADLINE;
        let mut told = Instant::now();
        let mut waiting: Vec<&mut Process> = self.processes.iter_mut().filter(|p| p.member.role == role).collect();
        loop {
            for process in &mut waiting {
                if let Some(status) = process.ended()? {
                    let Member { name, log, .. } = process.member.clone();
                    return Err(DevClusterError::Ended { name, status, log, tail: process.last_words() });
                }
            }
            waiting.retain(|process| !is_ready(process.member.admin));
            let Some(late) = waiting.first() else { return Ok(()) };
            if Instant::now() >= deadline {
                let Member { name, log, .. } = late.member.clone();
                let (seconds, tail) = (START_DEADLINE.as_secs(), late.last_words());
                return Err(DevClusterError::NotReady { name, seconds, log, tail });
            }
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                tracing::info!(name = late.member.name, log = %late.member.log.display(), "waiting for a process to be ready");
            }
            if let Some(Wish::End(signal)) = signals.wait(LOOK_EVERY) {
                return Err(DevClusterError::Told(signal));
            }
        }
    }

    /// Each process with its number, if it runs.
    pub(super) fn ids(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        self.processes.iter().map(|process| (process.member.name.as_str(), process.id()))
    }

    /// Starts again what ended.
    pub(super) fn look_after(&mut self) {
        let now = Instant::now();
        for process in &mut self.processes {
            process.look_after(&self.program, now);
        }
    }

    /// Ends frontends, then backends; who does not end in time is ended at once.
    pub(super) fn end(&mut self) {
        for role in [ClusterRole::Frontend, ClusterRole::Backend] {
            let mut processes: Vec<&mut Process> =
                self.processes.iter_mut().filter(|p| p.member.role == role).collect();
            processes.iter_mut().for_each(|process| process.tell_to_end());
            let deadline = Instant::now() + END_DEADLINE;
            while !processes.is_empty() {
                processes.retain_mut(|process| {
                    // Who cannot be watched is ended below.
                    !matches!(process.ended(), Ok(Some(_))) && process.id().is_some()
                });
                if Instant::now() >= deadline {
                    for process in &mut processes {
                        tracing::warn!(name = process.member.name, "did not end in time; ended at once");
                        process.kill();
                    }
                }
                thread::sleep(LOOK_EVERY);
            }
        }
    }
}
