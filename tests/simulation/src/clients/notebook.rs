//! The record while it is written.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use crate::oracle::{ClientNumber, ConnectionNumber, Message, MessageNumber, Record, What};

/// Everybody's; see the module.
#[derive(Debug)]
pub struct Notebook {
    before: Duration,
    begun: Instant,
    record: RefCell<Record>,
}

impl Notebook {
    /// It is `now`, as the record is to have it.
    pub fn beginning(now: Duration) -> Self {
        Self { before: now, begun: Instant::now(), record: RefCell::default() }
    }

    pub fn now(&self) -> Duration {
        self.before + self.begun.elapsed()
    }

    pub fn add(&self, client: ClientNumber, connection: ConnectionNumber, what: What) {
        let now = self.now();
        self.record.borrow_mut().add(now, client, connection, what);
    }

    pub fn note(&self, text: impl Into<String>) {
        let now = self.now();
        self.record.borrow_mut().note(now, text);
    }

    pub fn connection(&self) -> ConnectionNumber {
        self.record.borrow_mut().connection()
    }

    pub fn message(&self, message: Message) -> MessageNumber {
        self.record.borrow_mut().message(message)
    }

    pub fn message_of(&self, number: MessageNumber) -> Message {
        self.record.borrow().of(number).clone()
    }

    /// Of a will, once its connection has a number.
    pub fn is_will_of(&self, message: MessageNumber, connection: ConnectionNumber) {
        if let Some(message) = self.record.borrow_mut().messages.get_mut(message.0 as usize) {
            message.will_of = Some(connection);
        }
    }

    /// How many things clients have done and seen.
    pub fn entries(&self) -> usize {
        self.record.borrow().entries.len()
    }

    /// What is in it, which is then empty.
    pub fn take(&self) -> Record {
        self.record.take()
    }
}
