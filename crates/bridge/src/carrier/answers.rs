//! What became of publishes, and what follows from it.

use std::time::SystemTime;

use client::RequestFailed;
use mqtt::ReasonCode;
use tokio::time::Instant;

use super::Carrier;
use super::sent::Answer;
use crate::counters::{add, one};
use crate::dataflow::Side;
use crate::failure::{Mishap, Step};
use crate::ledger::{Errand, Refusal};
use crate::link::Ended;
use crate::refusal::{blames_publish, judge};

/// So often the server has to end a connection with a reason over a message that becomes a dead letter for it.
const PROOF_SAID: u32 = 2;
/// So often without one, for which there are many other causes.
const PROOF_MUTE: u32 = 8;

impl Carrier {
    /// The destination has answered, perhaps several times.
    pub(super) fn forwarded_all(&mut self, answer: Answer) {
        let now = Instant::now();
        self.forwarded(answer, now);
        while let Some(answer) = self.forwarded.first_now() {
            self.forwarded(answer, now);
        }
    }

    fn forwarded(&mut self, answer: Answer, now: Instant) {
        let Answer { number, outcome, sent } = answer;
        let failed = match outcome {
            Ok(_) => {
                self.retry.succeeded(Errand::Forward);
                self.destination.worked();
                if let Some(parcel) = self.ledger.item_mut(number) {
                    one(&self.counters.sent);
                    add(&self.counters.sent_bytes, parcel.received.payload.len() as u64);
                    self.counters.processing.add(parcel.age(now));
                    self.counters.upload.add(now - sent);
                }
                self.ledger.finished(number);
                return;
            }
            Err(failed) => failed,
        };
        match judge(&failed) {
            Refusal::Unsent => self.ledger.refused(number, Refusal::Unsent),
            Refusal::ForNow => {
                self.counters.refused(&name(failed.reason()));
                one(&self.counters.retried);
                self.hold(Errand::Forward, &failed);
                self.ledger.refused(number, Refusal::ForNow);
            }
            Refusal::ForGood => self.bury(number, Mishap::request(Step::Publish, &failed)),
        }
    }

    /// The destination never takes a message: it becomes a dead letter.
    fn bury(&mut self, number: u64, mishap: Mishap) {
        self.counters.refused(&name(mishap.code));
        if let Some(parcel) = self.ledger.item_mut(number) {
            parcel.reason.clone_from(&mishap.text);
            parcel.code = mishap.code;
        }
        self.buried(mishap);
        self.ledger.refused(number, Refusal::ForGood);
    }

    /// Notes why a message became a dead letter.
    pub(super) fn buried(&mut self, mishap: Mishap) {
        self.buried = Some(mishap.after(self.buried.as_ref(), SystemTime::now()));
    }

    /// The server of the dead letter topic has answered. A letter that it never takes goes once more without payload; one
    /// that it does not take then either is tried on, because there is no other place to keep it.
    pub(super) fn dead_letter_answered(&mut self, answer: Answer) {
        let Answer { number, outcome, .. } = answer;
        let bare = self.ledger.item_mut(number).is_some_and(|parcel| parcel.is_bare());
        let failed = match outcome {
            Ok(_) => {
                one(&self.counters.dead_letters);
                if bare {
                    one(&self.counters.bare_letters);
                }
                self.retry.succeeded(Errand::DeadLetter);
                self.ledger.finished(number);
                return;
            }
            Err(failed) => failed,
        };
        let refusal = match judge(&failed) {
            Refusal::ForGood if bare => Refusal::ForNow,
            refusal => refusal,
        };
        if refusal == Refusal::ForGood
            && let Some(parcel) = self.ledger.item_mut(number)
        {
            parcel.lay_bare();
        }
        if refusal == Refusal::ForNow {
            self.hold(Errand::DeadLetter, &failed);
        }
        self.ledger.refused(number, refusal);
    }

    /// Waits before the next try of an errand.
    fn hold(&mut self, errand: Errand, failed: &RequestFailed) {
        self.retry.failed(errand, Mishap::request(Step::Publish, failed), SystemTime::now());
        self.report();
    }

    /// What was handed to a connection that is over and never sent goes first on the one that stands now.
    pub(super) fn take_back_unsent(&mut self) {
        for number in self.forwarded.unsent().into_iter().chain(self.dead_letters.unsent()) {
            self.ledger.refused(number, Refusal::Unsent);
        }
    }

    /// The destination ended the connection, and its reason may be a message: sent again, that would end the next one
    /// too, and so on. Suspects go one at a time; one that was alone, and suspected before, is the one.
    pub(super) fn blame(&mut self, ended: Ended) {
        let (code, proof, said) = match ended {
            Ended::Said(reason) if blames_publish(reason) => (Some(reason), PROOF_SAID, format!(" with {reason:?}")),
            Ended::Mute => (None, PROOF_MUTE, String::new()),
            Ended::Said(_) | Ended::Otherwise => return,
        };
        if !self.dead_letters_are_elsewhere() {
            return;
        }
        let suspects = self.forwarded.unanswered();
        let Some(&first) = suspects.first() else { return };
        for &number in &suspects {
            if let Some(parcel) = self.ledger.item_mut(number) {
                parcel.blamed += 1;
            }
        }
        let blamed = self.ledger.item_mut(first).map_or(0, |parcel| parcel.blamed);
        if blamed < proof.div_ceil(2) {
            return;
        }
        self.destination.drop_unfinished();
        self.forwarded.drop_unanswered();
        if blamed >= proof && suspects.len() == 1 {
            let text = format!("the server ended the connection{said} {blamed} times when it was sent");
            self.bury(first, Mishap { step: Step::Publish, code, text });
            return;
        }
        self.ledger.doubt(Errand::Forward);
        for number in suspects {
            self.ledger.refused(number, Refusal::Unsent);
        }
    }

    /// Whether nothing else than forwarded messages is under way to the destination.
    fn dead_letters_are_elsewhere(&self) -> bool {
        self.dataflow.dead_letter_side() == Side::Source || self.dead_letters.is_empty()
    }
}

/// What a reason is counted as.
fn name(reason: Option<ReasonCode>) -> String {
    reason.map_or_else(|| "no reason code".to_owned(), |reason| format!("{reason:?}"))
}
