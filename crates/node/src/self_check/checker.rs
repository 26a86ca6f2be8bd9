//! The thread that makes the rounds.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tokio::time::Instant;

use super::report::SelfCheckResults;
use super::round::{Rounds, Surroundings, Tracing};
use super::tally::Tally;

/// When rounds are made, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Schedule {
    /// `None` makes none.
    check: Option<config::SelfCheck>,
    /// How often a round is traced; `None` is never.
    self_tracing: Option<Duration>,
}

/// The running self-check. Ends when stopped or dropped.
pub(crate) struct SelfCheck {
    schedule: Option<watch::Sender<Schedule>>,
    thread: Option<JoinHandle<()>>,
}

impl SelfCheck {
    /// Starts a thread that makes rounds from now on, or waits until they are wanted.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(
        check: Option<config::SelfCheck>,
        self_tracing: Option<Duration>,
        surroundings: Surroundings,
        results: SelfCheckResults,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
        let (schedule, changes) = watch::channel(Schedule { check, self_tracing });
        let thread = thread::Builder::new().name("self-check".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut ends = changes.clone();
                // Both branches are cancel safe; a round under way is given up, and its connections close.
                tokio::select! {
                    () = run(changes, Rounds::new(surroundings), &results) => {}
                    _ = ends.wait_for(|_| false) => {}
                }
            });
        })?;
        Ok(Self { schedule: Some(schedule), thread: Some(thread) })
    }

    /// Makes rounds like this from now on; `None` makes none.
    pub(crate) fn set(&self, check: Option<config::SelfCheck>) {
        self.change(|schedule| schedule.check = check);
    }

    /// Traces a round this often from now on; `None` is never.
    pub(crate) fn set_self_tracing(&self, interval: Option<Duration>) {
        self.change(|schedule| schedule.self_tracing = interval);
    }

    fn change(&self, change: impl FnOnce(&mut Schedule)) {
        if let Some(schedule) = &self.schedule {
            schedule.send_modify(change);
        }
    }

    /// Ends it and waits for its thread.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.schedule = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the self-check had panicked");
        }
    }
}

impl Drop for SelfCheck {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ends only with the schedule's sender.
async fn run(mut changes: watch::Receiver<Schedule>, mut rounds: Rounds, results: &SelfCheckResults) {
    let mut tally = Tally::default();
    let (mut begun, mut traced): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        let Schedule { check, self_tracing } = *changes.borrow_and_update();
        let Some(check) = check else {
            results.publish(tally.paused());
            if changes.changed().await.is_err() {
                return;
            }
            continue;
        };
        if let Some(due) = begun.map(|begun| begun + check.interval)
            && Instant::now() < due
        {
            // Both branches are cancel safe.
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                changed = changes.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
        }
        let now = Instant::now();
        begun = Some(now);
        let tracing = match self_tracing.is_some_and(|interval| traced.is_none_or(|at| now >= at + interval)) {
            true => Tracing::On,
            false => Tracing::Off,
        };
        if tracing == Tracing::On {
            traced = Some(now);
        }
        let report = tally.add(rounds.make(check.timeout, tracing).await);
        for failure in &report.failures {
            tracing::warn!(failure, "the self-check found the broker not as it should be");
        }
        results.publish(report);
    }
}
