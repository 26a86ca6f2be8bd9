//! The task that has a credential for an endpoint and keeps it good, and those who show it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::error::CredentialError;
use super::files::Watch;
use super::presented::Presented;
use super::settings::Credentials;
use super::status::{CredentialStatus, State};
use super::surroundings::Surroundings;
use crate::backoff::{Backoff, chance};

/// After an error that does not pass by itself; also what an endpoint may ask for at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Between two attempts, whoever asks for one.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The clock of the wall may be set meanwhile: looked at anew after this.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The credential of one endpoint, kept good by a task. Clones share it, and each has its own idea of what it has
/// shown; when the last is gone, the task ends.
#[derive(Clone, Debug)]
pub struct Keeper {
    state: watch::Receiver<State>,
    refused: Arc<Notify>,
    /// The credential that was presented last.
    serial: Option<u64>,
    /// Attempts that do not count any more.
    attempts: u64,
    _task: Arc<Task>,
}

#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Keeper {
    /// Starts at once. The caller's runtime needs its clock and I/O on.
    pub fn start(credentials: &Credentials, surroundings: &Arc<Surroundings>) -> Self {
        let (sender, state) = watch::channel(State::default());
        let refused = Arc::new(Notify::new());
        let keeping = Keeping {
            files: Watch::new(credentials.files(surroundings)),
            credentials: credentials.clone(),
            surroundings: Arc::clone(surroundings),
            state: sender,
            refused: Arc::clone(&refused),
            backoff: Backoff::default(),
        };
        let task = Arc::new(Task(tokio::spawn(keeping.run())));
        Self { state, refused, serial: None, attempts: 0, _task: task }
    }

    /// The credential to show now. Waits for an attempt that is not over, no longer than its deadline: the first one, or
    /// the one after [`Keeper::refused`]. After an error, [`Keeper::changed`] says when there is a credential.
    /// Cancel-safe.
    ///
    /// # Errors
    /// The last attempt's, if nothing is there that has not ended.
    pub async fn present(&mut self) -> Result<Presented, CredentialError> {
        let attempts = self.attempts;
        let Ok(state) = self.state.wait_for(|state| state.attempts > attempts).await else {
            return Err(CredentialError::Stopped);
        };
        if let Some(current) = state.good(SystemTime::now()) {
            self.serial = Some(state.serial);
            return Ok(current.clone());
        }
        Err(state.failure.as_ref().map_or(CredentialError::Ended, |failure| failure.error.clone()))
    }

    /// Waits until there is a credential other than the one that this holder has presented last, and presents it.
    /// Cancel-safe.
    pub async fn changed(&mut self) -> Presented {
        let shown = self.serial;
        let another = |state: &State| shown != Some(state.serial) && state.good(SystemTime::now()).is_some();
        if let Ok(state) = self.state.wait_for(another).await
            && let Some(current) = &state.current
        {
            self.serial = Some(state.serial);
            return current.clone();
        }
        // The task ends only with its runtime.
        std::future::pending().await
    }

    /// Says that a server did not take what was presented: it is read or asked for anew, and [`Keeper::present`] waits
    /// for that.
    pub fn refused(&mut self) {
        self.attempts = self.state.borrow().attempts;
        self.refused.notify_one();
    }

    /// The credential there is, without presenting it.
    pub(crate) fn current(&self) -> Option<Presented> {
        self.state.borrow().good(SystemTime::now()).cloned()
    }

    pub fn status(&self) -> CredentialStatus {
        self.state.borrow().status(SystemTime::now())
    }
}

/// What the task has.
struct Keeping {
    credentials: Credentials,
    surroundings: Arc<Surroundings>,
    files: Watch,
    state: watch::Sender<State>,
    refused: Arc<Notify>,
    backoff: Backoff,
}

impl Keeping {
    async fn run(mut self) {
        loop {
            let begun = Instant::now();
            // Before it is read: what is written meanwhile is a change.
            self.files.mark();
            let obtained = self.credentials.obtain(&self.surroundings, SystemTime::now()).await;
            let until = match obtained {
                Ok(presented) => self.succeeded(presented),
                Err(error) => Some(self.failed(error)),
            };
            self.wait(until).await;
            tokio::time::sleep(SHORTEST_PAUSE.saturating_sub(begun.elapsed())).await;
        }
    }

    /// Publishes, and says when to renew.
    fn succeeded(&mut self, presented: Presented) -> Option<SystemTime> {
        self.backoff.reset();
        let until = presented.expires().map(|end| self.due(end, SystemTime::now()));
        if let Some(failure) = &self.state.borrow().failure {
            tracing::info!(method = self.credentials.name(), attempts = failure.attempts, "credential is there again");
        }
        self.state.send_modify(|state| state.succeeded(presented));
        until
    }

    /// A token is asked for before its end, so that there is time for failures; a file can only be waited for.
    fn due(&self, end: SystemTime, now: SystemTime) -> SystemTime {
        match self.credentials {
            Credentials::SystemAssignedManagedIdentity(_) | Credentials::UserAssignedManagedIdentity(_) => {
                renewal(end, now, self.surroundings.pace.renewal_lead)
            }
            _ => end,
        }
    }

    /// Publishes, and says when to try again.
    fn failed(&mut self, error: CredentialError) -> SystemTime {
        let now = SystemTime::now();
        let pause = if error.may_pass() { self.backoff.wait(chance()) } else { LONGEST_PAUSE };
        let asked = error.retry_after().unwrap_or_default().min(LONGEST_PAUSE);
        let next = now + pause.max(asked);
        let is_first = self.state.borrow().failure.is_none();
        // Who has nothing to show gets the error; who shows the old credential would not learn of it.
        if is_first && self.state.borrow().good(now).is_some() {
            tracing::warn!(method = self.credentials.name(), %error, "credential cannot be renewed; trying on");
        }
        self.state.send_modify(|state| state.failed(error, now, next));
        next
    }

    /// Until the time has come, a file has changed, or a server has refused. Every branch is cancel-safe.
    async fn wait(&self, until: Option<SystemTime>) {
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.files.changed(self.surroundings.pace.poll) => {}
            () = self.refused.notified() => {}
        }
    }
}

/// When to ask for the successor of a token: `lead` before its end, or when a fifth of its time is left.
fn renewal(end: SystemTime, now: SystemTime, lead: Duration) -> SystemTime {
    let left = end.duration_since(now).unwrap_or_default();
    now + left.saturating_sub(lead.min(left / 5))
}

/// Follows the clock of the wall, on which credentials end.
async fn sleep_until(until: Option<SystemTime>) {
    let Some(until) = until else { return std::future::pending().await };
    while let Ok(left) = until.duration_since(SystemTime::now())
        && !left.is_zero()
    {
        tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_renewed_before_their_end() {
        let now = SystemTime::now();
        let after = |seconds: u64| {
            let due = renewal(now + Duration::from_secs(seconds), now, Duration::from_secs(300));
            due.duration_since(now).unwrap().as_secs()
        };
        // A day, an hour, a minute, ten seconds, at once.
        assert_eq!([86_400, 3600, 60, 10, 0].map(after), [86_100, 3300, 48, 8, 0]);
        let ended = now - Duration::from_secs(5);
        assert_eq!(renewal(ended, now, Duration::from_secs(300)), now);
    }
}
