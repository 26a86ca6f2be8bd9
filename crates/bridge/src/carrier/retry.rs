//! When a refused publish is tried again.

use std::pin::Pin;
use std::time::SystemTime;

use tokio::time::{Sleep, sleep};

use crate::backoff::{Backoff, chance};
use crate::failure::{Failure, Mishap};
use crate::ledger::Errand;

/// The waits of both errands.
#[derive(Default)]
pub(super) struct Retry {
    forward: Wait,
    dead_letter: Wait,
}

#[derive(Default)]
struct Wait {
    backoff: Backoff,
    sleep: Option<Pin<Box<Sleep>>>,
    until: Option<SystemTime>,
    failure: Option<Failure>,
}

impl Retry {
    fn of(&mut self, errand: Errand) -> &mut Wait {
        match errand {
            Errand::DeadLetter => &mut self.dead_letter,
            Errand::Forward | Errand::Nothing => &mut self.forward,
        }
    }

    /// Begins a wait, unless one has begun.
    pub fn failed(&mut self, errand: Errand, mishap: Mishap, now: SystemTime) {
        let wait = self.of(errand);
        wait.failure = Some(mishap.after(wait.failure.as_ref(), now));
        if wait.sleep.is_none() {
            let pause = wait.backoff.wait(chance());
            wait.until = Some(now + pause);
            wait.sleep = Some(Box::pin(sleep(pause)));
        }
    }

    pub fn succeeded(&mut self, errand: Errand) {
        let wait = self.of(errand);
        // Of those that were under way with the one that was refused: the wait goes on.
        if wait.sleep.is_none() && wait.failure.is_some() {
            *wait = Wait::default();
        }
    }

    /// The errand whose wait is over. Cancel-safe.
    pub async fn due(&mut self) -> Errand {
        let Self { forward, dead_letter } = self;
        tokio::select! {
            () = over(forward) => Errand::Forward,
            () = over(dead_letter) => Errand::DeadLetter,
        }
    }

    /// The failure that keeps messages back, and when they are tried again.
    pub fn status(&self) -> (Option<Failure>, Option<SystemTime>) {
        let wait = if self.forward.failure.is_some() { &self.forward } else { &self.dead_letter };
        (wait.failure.clone(), wait.until)
    }
}

async fn over(wait: &mut Wait) {
    match &mut wait.sleep {
        Some(sleep) => sleep.as_mut().await,
        None => std::future::pending().await,
    }
    wait.sleep = None;
    wait.until = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Step;

    fn refused(retry: &mut Retry, errand: Errand, times: usize) {
        (0..times).for_each(|_| retry.failed(errand, Mishap::new(Step::Publish, "busy"), SystemTime::UNIX_EPOCH));
    }

    /// Those that were under way together are refused together, and the first that arrives may be of them too.
    #[tokio::test]
    async fn one_wait_is_for_all_that_were_refused_together() {
        let mut retry = Retry::default();
        refused(&mut retry, Errand::Forward, 1);
        let (_, first) = retry.status();
        refused(&mut retry, Errand::Forward, 9);
        let (failure, until) = retry.status();
        assert_eq!((failure.map(|failure| failure.times), until), (Some(10), first));
        assert!(first.is_some());
        retry.succeeded(Errand::Forward);
        assert!(retry.status().0.is_some(), "the wait goes on");
        assert_eq!(retry.due().await, Errand::Forward);
        let (failure, until) = retry.status();
        assert!(failure.is_some() && until.is_none(), "until it has worked");
        retry.succeeded(Errand::DeadLetter);
        assert!(retry.status().0.is_some(), "another errand says nothing of this one");
        retry.succeeded(Errand::Forward);
        assert_eq!(retry.status(), (None, None));
    }

    #[tokio::test]
    async fn waits_grow_until_something_works() {
        let pause = |retry: &Retry| retry.status().1.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let mut retry = Retry::default();
        refused(&mut retry, Errand::DeadLetter, 1);
        let first = pause(&retry);
        assert_eq!(retry.due().await, Errand::DeadLetter);
        refused(&mut retry, Errand::DeadLetter, 1);
        assert!(pause(&retry) > first);
        assert_eq!(retry.due().await, Errand::DeadLetter);
        retry.succeeded(Errand::DeadLetter);
        refused(&mut retry, Errand::DeadLetter, 1);
        // Less what chance takes off.
        assert!(pause(&retry) < first * 3 / 2);
    }
}
