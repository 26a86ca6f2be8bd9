//! Publishes that are under way, and what became of the others.

use std::collections::VecDeque;

use client::{Pending, RequestFailed};
use mqtt::ReasonCode;

use crate::console::Console;
use crate::failure::Failure;

/// Outcomes not looked at yet; then the oldest is waited for.
const OUTSTANDING_MAX: usize = 1000;

#[derive(Debug)]
pub(super) struct Outstanding {
    console: Console,
    pending: VecDeque<(String, Pending)>,
    /// How many were refused, and how the first was.
    failed: u64,
    first: Option<Failure>,
}

impl Outstanding {
    pub fn new(console: Console) -> Self {
        Self { console, pending: VecDeque::new(), failed: 0, first: None }
    }

    /// Notes one; `place` says which of many it is. A refusal is told when it is known, and does not end the others.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn add(&mut self, submitted: Result<Pending, RequestFailed>, place: &str) -> Result<(), Failure> {
        let pending = submitted.map_err(|error| Failure::request(&error, "cannot publish"))?;
        self.pending.push_back((place.to_owned(), pending));
        while self.pending.len() > OUTSTANDING_MAX {
            self.look_at_oldest().await;
        }
        Ok(())
    }

    /// It leaves the list only with its outcome, so that whoever stops waiting knows what is unfinished.
    async fn look_at_oldest(&mut self) {
        let Some((place, pending)) = self.pending.front_mut() else { return };
        let outcome = pending.await;
        match &outcome {
            Ok(ReasonCode::NoMatchingSubscribers) => {
                self.console.debug(format_args!("{place}published; nobody subscribes to it"));
            }
            Ok(_) => self.console.debug(format_args!("{place}published")),
            Err(error) => {
                let failure = Failure::request(error, &format!("{place}not published"));
                // The last one is told by whoever ends.
                if let Some(first) = self.first.replace(failure) {
                    self.console.error(&first.text);
                }
                self.failed += 1;
            }
        }
        self.pending.pop_front();
    }

    /// Waits for all.
    ///
    /// # Errors
    /// One was refused.
    pub async fn finish(&mut self) -> Result<(), Failure> {
        while !self.pending.is_empty() {
            self.look_at_oldest().await;
        }
        self.first.take().map_or(Ok(()), Err)
    }

    /// What is to be said of those whose outcome is not known.
    pub fn unfinished(&self) -> String {
        match self.pending.len() {
            0 => String::new(),
            1 => "; one message is not acknowledged".to_owned(),
            several => format!("; {several} messages are not acknowledged"),
        }
    }
}
