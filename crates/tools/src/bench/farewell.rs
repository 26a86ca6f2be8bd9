//! What is made at the broker is deleted, and connections end in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use mqtt::{Disconnect, QoS};

use super::clock;
use super::connection::{Connection, Past, Phase, Role};
use super::counts::Count;
use super::crew;
use super::hello::session_expiry;
use super::message::{Message, Outlet};
use super::publisher::Publisher;
use super::sizes::Sizes;
use super::traffic::Traffic;
use super::worker::{SHORT_WAIT_NS, Worker};

/// How long a broker has to close a connection after DISCONNECT.
const FAREWELL_NS: u64 = 1_000_000_000;

/// Publishes in flight while retained messages are deleted.
const ERASE_IN_FLIGHT: u16 = 100;

impl Traffic {
    /// Deletes retained messages and sessions, and leaves; says how many may be left at the broker. What it takes is
    /// not part of what was measured.
    pub(super) fn clean_up(&mut self) -> u64 {
        let (counts, faults) = (self.worker.ledger.counts, self.worker.ledger.faults.clone());
        self.worker.dialer.clear();
        let end = clock::now().saturating_add(clock::nanoseconds(self.worker.site.settings.clients.timeout));
        let retained = self.delete_retained(end);
        let sessions = self.worker.leave_all(end);
        self.worker.ledger.counts = counts;
        self.worker.ledger.faults = faults;
        retained + sessions
    }

    /// Publishes an empty payload to every topic that may have a retained message.
    fn delete_retained(&mut self, end: u64) -> u64 {
        let load = self.load.clone();
        if !load.message.retain || self.worker.ledger.counts[Count::Sent] == 0 {
            return 0;
        }
        let site = self.worker.site.clone();
        let numbers = crew::numbers(&site, load.publishers);
        let topics: BTreeSet<String> =
            numbers.iter().flat_map(|number| crew::topics(&load, *number)).map(|(_, topic)| topic).collect();
        let message = Message::new(load.message.run, load.message.version, QoS::AtLeastOnce, Sizes::Fixed(0), 0);
        let message = Arc::new(message.retained());
        let outlets: Vec<Outlet> = topics.iter().map(|topic| Outlet::new(&message, 0, topic, None)).collect();
        let total = outlets.len() as u64;
        let number = load.publishers + site.me as u32;
        let publisher = Publisher::new(number, u32::MAX, outlets, total, ERASE_IN_FLIGHT);
        let mut connection = Connection::new(Role::Publisher(Box::new(publisher)));
        connection.past = Past::Erased;
        let index = self.worker.connections.len() as u32;
        self.worker.connections.push(connection);
        self.worker.queue(index..index + 1);
        self.worker.settled.clear();
        self.worker.ended.clear();
        let mut left = total;
        while left > 0 && clock::now() < end && self.worker.ended.is_empty() {
            let _ = self.worker.pass(SHORT_WAIT_NS);
            if !self.worker.settled.is_empty() {
                left = self.worker.write_out(index, &message);
            }
        }
        left
    }
}

impl Worker {
    /// Publishes as much as may be in flight; says how much is left to publish or to be acknowledged.
    fn write_out(&mut self, index: u32, message: &Message) -> u64 {
        let now = self.ledger.now;
        let connection = &mut self.connections[index as usize];
        let Role::Publisher(publisher) = &mut connection.role else { return 0 };
        for _ in 0..publisher.room(message.qos) {
            publisher.push(&mut connection.out.bytes, message, now);
        }
        let left = publisher.quota - publisher.sent + publisher.in_flight.len() as u64;
        self.touch(index);
        left
    }

    /// Ends every connection and deletes the sessions there may be; says how many may be left.
    pub(super) fn leave_all(&mut self, end: u64) -> u64 {
        let settings = self.site.settings.clone();
        let is_v5 = settings.clients.version.is_v5();
        let mut to_erase = Vec::new();
        for index in 0..self.connections.len() as u32 {
            let connection = &mut self.connections[index as usize];
            let keeps = session_expiry(&settings, &connection.role) > 0;
            let farewell = Disconnect { session_expiry: (keeps && is_v5).then_some(0), ..Disconnect::default() };
            let is_known = connection.times.begun > 0 && connection.past != Past::Erased;
            let is_open = matches!(connection.phase, Phase::Open | Phase::Subscribing);
            if keeps && is_known && !(is_open && is_v5) {
                to_erase.push(index);
            }
            self.leave(index, &farewell);
        }
        self.see_off();
        self.erase_sessions(&to_erase, end)
    }

    /// Connects once more with a clean start, so that no session is left.
    fn erase_sessions(&mut self, indices: &[u32], end: u64) -> u64 {
        self.settled.clear();
        self.ended.clear();
        self.dialer.start(clock::now());
        for index in indices {
            self.connections[*index as usize].past = Past::Erased;
            self.dialer.queue(*index);
        }
        let mut erased = 0;
        while erased + self.ended.len() < indices.len() && clock::now() < end {
            let _ = self.pass(SHORT_WAIT_NS);
            for index in std::mem::take(&mut self.settled) {
                erased += 1;
                self.leave(index, &Disconnect::default());
            }
        }
        self.dialer.clear();
        self.see_off();
        self.drop_all();
        (indices.len() - erased) as u64
    }

    /// Waits until the broker has closed the connections that said DISCONNECT; those it does not close in a second are
    /// closed here.
    pub(super) fn see_off(&mut self) {
        let end = clock::now() + FAREWELL_NS;
        while clock::now() < end && self.connections.iter().any(|connection| connection.phase == Phase::Leaving) {
            // That the run has failed changes nothing about leaving it in order.
            let _ = self.pass(SHORT_WAIT_NS);
        }
        for connection in &mut self.connections {
            if connection.phase == Phase::Leaving {
                connection.close();
            }
        }
    }
}
