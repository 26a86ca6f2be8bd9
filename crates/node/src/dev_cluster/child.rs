//! One process of the cluster: started, watched, started again, ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::DevClusterError;
use super::layout::Member;
use super::restarts::Restarts;

/// Of the end of a log, as much is shown.
const TAIL_BYTES: i64 = 4096;
const TAIL_LINES: usize = 5;

/// A process, whether it runs or not.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) member: Member,
    restarts: Restarts,
    state: State,
}

#[derive(Debug)]
enum State {
    Runs {
        child: Child,
        since: Instant,
    },
    /// It is started again then.
    Waits {
        until: Instant,
    },
    /// It ended too often, or it was to.
    Over,
}

impl Process {
    /// Starts it; its output goes to its log.
    ///
    /// # Errors
    /// It cannot be started, or its log cannot be written.
    pub(super) fn start(program: &Path, member: Member) -> Result<Self, DevClusterError> {
        let state = spawn(program, &member)?;
        Ok(Self { member, restarts: Restarts::default(), state })
    }

    /// Its number, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        match &self.state {
            State::Runs { child, .. } => Some(child.id()),
            State::Waits { .. } | State::Over => None,
        }
    }

    /// How it ended, if it has; it is not waited for any more then.
    ///
    /// # Errors
    /// The system does not tell.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, DevClusterError> {
        let State::Runs { child, .. } = &mut self.state else { return Ok(None) };
        let ended = child.try_wait().map_err(|source| self.cannot_watch(source))?;
        if ended.is_some() {
            self.state = State::Over;
        }
        Ok(ended)
    }

    /// Looks whether it runs, and starts it again when it is time to.
    pub(super) fn look_after(&mut self, program: &Path, now: Instant) {
        match &mut self.state {
            State::Runs { child, since } => {
                let ran = now.duration_since(*since);
                match child.try_wait() {
                    Ok(Some(status)) => self.again_later(ran, &status.to_string(), now),
                    Ok(None) => {}
                    Err(error) => tracing::warn!(name = self.member.name, %error, "cannot tell whether a process runs"),
                }
            }
            State::Waits { until } if *until <= now => match spawn(program, &self.member) {
                Ok(state) => {
                    self.state = state;
                    tracing::info!(name = self.member.name, pid = self.id(), "started a process again");
                }
                Err(error) => self.again_later(Duration::ZERO, &error.to_string(), now),
            },
            State::Waits { .. } | State::Over => {}
        }
    }

    fn again_later(&mut self, ran: Duration, reason: &str, now: Instant) {
        let (name, log) = (&self.member.name, self.member.log.display());
        match self.restarts.ended(ran) {
            Some(wait) => {
                tracing::warn!(%name, reason, %log, again_in = ?wait, "a process ended; it is started again");
                self.state = State::Waits { until: now + wait };
            }
            None => {
                tracing::error!(%name, reason, %log, "a process ended once too often; it stays so");
                self.state = State::Over;
            }
        }
    }

    /// Tells it to end, and starts it no more.
    pub(super) fn tell_to_end(&mut self) {
        match self.id().and_then(pid) {
            // One that has just ended cannot be told.
            Some(pid) => drop(kill_process(pid, Signal::TERM)),
            None => self.state = State::Over,
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        if let State::Runs { child, .. } = &mut self.state {
            // Fails only if it has ended.
            let _ = child.kill().and_then(|()| child.wait());
        }
        self.state = State::Over;
    }

    /// The last lines of its log.
    pub(super) fn last_words(&self) -> String {
        tail(&self.member.log).unwrap_or_else(|error| format!("  (it cannot be read: {error})"))
    }

    fn cannot_watch(&self, source: io::Error) -> DevClusterError {
        DevClusterError::Watch { name: self.member.name.clone(), source }
    }
}

/// Must be called by a thread that lasts as long as the cluster: the process ends with the one that starts it.
fn spawn(program: &Path, member: &Member) -> Result<State, DevClusterError> {
    let cannot_log = |source| DevClusterError::Log { path: member.log.clone(), source };
    if let Some(folder) = member.log.parent() {
        fs::create_dir_all(folder).map_err(cannot_log)?;
    }
    let log = OpenOptions::new().create(true).append(true).open(&member.log).map_err(cannot_log)?;
    let output = log.try_clone().map_err(cannot_log)?;
    let mut command = Command::new(program);
    command.args(&member.arguments).args(["--parent", &std::process::id().to_string()]);
    // In a group of its own, so that Ctrl-C does not end all at once.
    command.stdin(Stdio::null()).stdout(output).stderr(log).process_group(0);
    let child = command.spawn().map_err(|source| DevClusterError::Start { name: member.name.clone(), source })?;
    Ok(State::Runs { child, since: Instant::now() })
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn tail(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
    file.seek(SeekFrom::End(-length.min(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES as u64).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().rev().take(TAIL_LINES).collect();
    Ok(lines.iter().rev().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n"))
}
