//! Proposals of this member, from the partition's thread until they are applied.
//!
//! At most one is on its way to the log: whether the group takes it is known before the next one is proposed, so that
//! none overtakes one that was refused. Behind it, in the log and not yet committed, there may be several.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openraft::OptionalSend;

use super::group::{Group, LogId};

/// Proposals in the log that are not applied; one turn of the partition's thread makes one.
const ENTRIES: usize = 16;

/// Bytes of them, and of what waits behind them; one proposal alone may be larger.
const BYTES: usize = 32 << 20;

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// Number of the latest proposal. Never begins anew.
    proposed: u64,
    /// Not in the log yet.
    pending: Option<Pending>,
    /// In the log, ascending.
    logged: VecDeque<Logged>,
    bytes: usize,
    applied: u64,
    ended: Arc<Ended>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    number: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Logged {
    id: LogId,
    proposal: Pending,
}

impl Flight {
    /// Whether another proposal may follow.
    pub fn has_room(&self) -> bool {
        self.pending.is_none() && self.logged.len() < ENTRIES && (self.bytes == 0 || self.bytes < BYTES)
    }

    /// A proposal leaves for the group: its number and what tells how it ends.
    pub fn begin(&mut self, bytes: usize) -> (u64, Ticket) {
        self.proposed += 1;
        let number = self.proposed;
        self.pending = Some(Pending { number, bytes });
        (number, Ticket { number, ended: Arc::clone(&self.ended) })
    }

    /// It has not left after all.
    pub fn take_back(&mut self) {
        self.pending = None;
    }

    /// It stands in the log.
    pub fn is_logged(&mut self, number: u64, id: LogId) {
        if let Some(proposal) = self.pending.take_if(|pending| pending.number == number) {
            self.bytes += proposal.bytes;
            self.logged.push_back(Logged { id, proposal });
        }
    }

    /// An entry is applied; whether it is one of these.
    pub fn is_applied(&mut self, id: LogId) -> bool {
        let Some(first) = self.logged.pop_front_if(|first| first.id == id) else { return false };
        self.bytes -= first.proposal.bytes;
        self.applied = first.proposal.number;
        true
    }

    /// Whether the one on its way was refused. It is forgotten then.
    pub fn take_refusal(&mut self) -> bool {
        let last = self.ended.last.load(Ordering::Acquire);
        self.pending.take_if(|pending| pending.number <= last).is_some()
    }

    /// Number of the latest proposal.
    pub fn proposed(&self) -> u64 {
        self.proposed
    }

    /// Up to which number no proposal is under way any more: each is applied, or will never be.
    pub fn applied(&self) -> u64 {
        let is_over = self.pending.is_none() && self.logged.is_empty();
        if is_over { self.proposed } else { self.applied }
    }

    /// Whether no proposal up to that number is under way any more.
    pub fn has_applied(&self, number: u64) -> bool {
        self.applied() >= number
    }

    /// Forgets all: this member does not lead any more, or leads anew.
    pub fn forget(&mut self) {
        self.pending = None;
        self.logged.clear();
        self.bytes = 0;
        self.applied = self.proposed;
    }
}

/// The latest proposal that has ended, however it did.
#[derive(Debug, Default)]
pub(super) struct Ended {
    last: AtomicU64,
}

/// Goes with a proposal; however that ends, it is noted.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    ended: Arc<Ended>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.ended.last.fetch_max(self.number, Ordering::AcqRel);
    }
}

impl<T: OptionalSend + 'static> openraft::raft::responder::Responder<Group, T> for Ticket {
    fn on_complete(self, _result: T) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::group::log_id;

    #[test]
    fn one_is_on_its_way_and_several_are_in_the_log() {
        let mut flight = Flight::default();
        let (first, ticket) = flight.begin(10);
        assert!(!flight.has_room());
        flight.is_logged(first, log_id(1, 5));
        assert!(flight.has_room() && !flight.has_applied(first));
        let (second, refused) = flight.begin(10);
        drop(refused);
        assert!(flight.take_refusal(), "{second} was refused");
        assert!(flight.has_room());
        assert!(!flight.is_applied(log_id(2, 5)), "an entry of another leader");
        assert!(flight.is_applied(log_id(1, 5)));
        drop(ticket);
        assert!(!flight.take_refusal());
    }

    #[test]
    fn nobody_waits_for_one_that_was_refused() {
        let mut flight = Flight::default();
        let (first, _kept) = flight.begin(10);
        flight.is_logged(first, log_id(1, 5));
        let (second, refused) = flight.begin(10);
        drop(refused);
        assert!(flight.take_refusal());
        assert_eq!(flight.applied(), 0, "the first is still under way");
        assert!(flight.is_applied(log_id(1, 5)));
        assert_eq!((flight.applied(), flight.has_applied(second)), (second, true));
        let (third, _ticket) = flight.begin(10);
        assert!(!flight.has_applied(third));
        flight.take_back();
        assert!(flight.has_applied(third));
    }

    #[test]
    fn the_bound_holds() {
        let mut flight = Flight::default();
        for index in 1..=ENTRIES as u64 {
            assert!(flight.has_room());
            let (number, _) = flight.begin(1);
            flight.is_logged(number, log_id(1, index));
        }
        assert!(!flight.has_room());
        flight.forget();
        let (number, _) = flight.begin(BYTES);
        flight.is_logged(number, log_id(1, 1));
        assert!(!flight.has_room());
        assert!(flight.is_applied(log_id(1, 1)) && flight.has_room());
    }
}
