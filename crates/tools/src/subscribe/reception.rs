//! Which messages are printed, and when there were enough.

use std::io::StdoutLock;

use mqtt::Filter;
use mqtt::client::Received;

use super::arguments;
use crate::failure::Failure;
use crate::printer::{Audience, Printer};

/// Which messages count.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    filter_out: Vec<String>,
    retained: Retained,
    remove: Remove,
    count: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retained {
    Any,
    No,
    Only,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remove {
    Nothing,
    Retained,
}

/// What follows from a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was left out.
    Skip,
    Next,
    /// It was the last that was wanted.
    Last,
    /// It is not wanted, and none after it.
    Refuse,
}

impl Verdict {
    pub fn is_last(self) -> bool {
        matches!(self, Self::Last | Self::Refuse)
    }
}

impl Choice {
    /// # Errors
    /// A filter that is none.
    pub fn of(given: &arguments::Choice) -> Result<Self, Failure> {
        for filter in &given.filter_out {
            Filter::parse(filter).map_err(|e| Failure::usage(format!("-T {filter}: {e}")))?;
        }
        Ok(Self {
            filter_out: given.filter_out.clone(),
            retained: match (given.no_retained, given.retained_only) {
                (true, _) => Retained::No,
                (false, true) => Retained::Only,
                (false, false) => Retained::Any,
            },
            remove: if given.remove_retained { Remove::Retained } else { Remove::Nothing },
            count: given.count,
        })
    }

    /// What a message is before it is printed.
    fn judge(&self, received: &Received) -> Verdict {
        match (self.retained, received.retain) {
            (Retained::Only, false) => return Verdict::Refuse,
            (Retained::No, true) => return Verdict::Skip,
            _ => {}
        }
        let left_out = self.filter_out.iter().any(|filter| mqtt::matches(filter, &received.topic));
        if left_out { Verdict::Skip } else { Verdict::Next }
    }
}

/// Takes messages over all connections.
#[derive(Debug)]
pub(super) struct Reception {
    printer: Printer<StdoutLock<'static>>,
    choice: Choice,
    printed: u64,
}

impl Reception {
    pub fn new(printer: Printer<StdoutLock<'static>>, choice: Choice) -> Self {
        Self { printer, choice, printed: 0 }
    }

    /// Prints a message if it counts.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub fn take(&mut self, received: &Received) -> Result<Verdict, Failure> {
        let verdict = self.choice.judge(received);
        if verdict != Verdict::Next {
            return Ok(verdict);
        }
        if self.printer.print(received)? == Audience::Gone {
            return Ok(Verdict::Refuse);
        }
        self.printed += 1;
        Ok(if self.choice.count == Some(self.printed) { Verdict::Last } else { Verdict::Next })
    }

    /// Whether the broker is to forget a message that was taken.
    pub fn removes(&self, received: &Received, verdict: Verdict) -> bool {
        self.choice.remove == Remove::Retained && received.retain && verdict != Verdict::Skip
    }

    /// Shows what was printed.
    ///
    /// # Errors
    /// As `take`.
    pub fn flush(&mut self) -> Result<Audience, Failure> {
        self.printer.flush()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mqtt::QoS;

    use super::*;

    fn message(topic: &str, retain: bool) -> Received {
        Received {
            topic: topic.into(),
            payload: Bytes::from_static(b"x"),
            qos: QoS::AtMostOnce,
            retain,
            dup: false,
            expiry: None,
            alias: None,
            subscription_ids: Vec::new(),
            properties: Bytes::new(),
            packet_id: None,
            receipt: None,
        }
    }

    fn choice(no_retained: bool, retained_only: bool, filter_out: &[&str]) -> Choice {
        let filter_out = filter_out.iter().map(|filter| (*filter).to_owned()).collect();
        Choice::of(&arguments::Choice {
            filter_out,
            count: None,
            timeout: None,
            no_retained,
            retained_only,
            remove_retained: false,
        })
        .unwrap()
    }

    #[test]
    fn retained_messages_are_told_from_others() {
        assert_eq!(choice(false, false, &[]).judge(&message("a", true)), Verdict::Next);
        assert_eq!(choice(true, false, &[]).judge(&message("a", true)), Verdict::Skip);
        assert_eq!(choice(true, false, &[]).judge(&message("a", false)), Verdict::Next);
        assert_eq!(choice(false, true, &[]).judge(&message("a", true)), Verdict::Next);
        assert_eq!(choice(false, true, &[]).judge(&message("a", false)), Verdict::Refuse);
    }

    #[test]
    fn filtered_out_is_what_matches_any_of_the_filters() {
        let choice = choice(false, false, &["a/+", "b/#"]);
        assert_eq!(choice.judge(&message("a/x", false)), Verdict::Skip);
        assert_eq!(choice.judge(&message("b", false)), Verdict::Skip);
        assert_eq!(choice.judge(&message("a/x/y", false)), Verdict::Next);
    }
}
