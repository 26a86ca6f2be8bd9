//! When the source is told what has arrived.
//!
//! An acknowledgement alone wakes the source for nothing but itself. Several go together, as long as the source does not
//! have to wait for one: while it may still send (its Receive Maximum is four times a share).

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::endpoint::{Endpoint, Kind};

/// So long the first may wait for others.
const PATIENCE: Duration = Duration::from_millis(10);

pub(super) struct Settling {
    /// So many go at once.
    share: usize,
    patience: Patience,
    wait: Option<Pin<Box<Sleep>>>,
}

/// How long fewer than a share wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// The source is known to send on, up to its Receive Maximum.
    Moment,
    /// The source may have a limit of its own: until nothing is left of what it has sent.
    WhileBusy,
}

impl Settling {
    pub fn with(source: &Endpoint) -> Self {
        let patience = if source.kind == Kind::Local { Patience::Moment } else { Patience::WhileBusy };
        Self { share: usize::from(source.max_inflight / 4).max(1), patience, wait: None }
    }

    /// Whether the source is to be told now of `done` messages, with so many `under_way`.
    pub fn is_due(&mut self, done: usize, under_way: usize) -> bool {
        if done == 0 {
            return false;
        }
        let is_due = done >= self.share
            || match self.patience {
                Patience::WhileBusy => under_way == 0,
                Patience::Moment => self.wait.get_or_insert_with(|| Box::pin(sleep(PATIENCE))).is_elapsed(),
            };
        if is_due {
            self.wait = None;
        }
        is_due
    }

    /// When the first has waited long enough. Cancel-safe.
    pub async fn over(&mut self) {
        match &mut self.wait {
            Some(wait) if !wait.is_elapsed() => wait.as_mut().await,
            _ => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settling(patience: Patience) -> Settling {
        Settling { share: 25, patience, wait: None }
    }

    #[tokio::test]
    async fn the_source_is_told_of_a_share_at_once_and_of_fewer_after_a_moment() {
        let mut moment = settling(Patience::Moment);
        assert!(!moment.is_due(0, 0));
        assert!(moment.is_due(25, 100));
        assert!(!moment.is_due(1, 0));
        moment.over().await;
        assert!(moment.is_due(1, 0));
        assert!(!moment.is_due(1, 0), "the next one waits anew");
    }

    /// A server that sends 20 and then waits is not kept waiting for the rest of a share.
    #[test]
    fn a_source_with_a_limit_of_its_own_is_told_when_all_has_arrived() {
        let mut busy = settling(Patience::WhileBusy);
        assert!(!busy.is_due(19, 1));
        assert!(busy.is_due(20, 0));
        assert!(busy.is_due(25, 1));
    }
}
