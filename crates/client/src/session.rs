//! What outlives a connection: publishes that are not complete and who waits for them, messages nobody took.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use mqtt::ReasonCode;
use mqtt::client::{Event, Granted, Machine, NotTaken, Received, Settings, Token};

use crate::handle::{Order, PublishOrder, Waiter};

/// A session, to be carried from one connection to the next. Bounded by its settings.
pub struct Session {
    pub(crate) machine: Machine,
    publishes: HashMap<Token, Waiter<ReasonCode>>,
    filters: HashMap<Token, Waiter<Granted>>,
    /// Received, and the buffer was full; no more than the machine makes of one input, 256.
    pub(crate) untaken: VecDeque<Received>,
}

impl Session {
    pub fn new(settings: Settings) -> Self {
        Self {
            machine: Machine::new(settings),
            publishes: HashMap::new(),
            filters: HashMap::new(),
            untaken: VecDeque::new(),
        }
    }

    /// Whether every publish is complete.
    pub fn is_idle(&self) -> bool {
        self.machine.is_idle()
    }

    pub(crate) fn publish(&mut self, order: PublishOrder) {
        match self.machine.publish(order.message) {
            Ok(token) => {
                self.publishes.insert(token, order.waiter);
            }
            Err(not_taken) => {
                order.waiter.send(Err(not_taken.into())).ok();
            }
        }
    }

    /// Takes a request for filters; anything else is given back.
    pub(crate) fn filters(&mut self, order: Order) -> Option<Order> {
        let (token, waiter): (Result<Token, NotTaken>, _) = match order {
            Order::Subscribe(request, waiter) => (self.machine.subscribe(&request), waiter),
            Order::Unsubscribe(request, waiter) => (self.machine.unsubscribe(&request), waiter),
            other => return Some(other),
        };
        match token {
            Ok(token) => {
                self.filters.insert(token, waiter);
            }
            Err(not_taken) => {
                waiter.send(Err(not_taken.into())).ok();
            }
        }
        None
    }

    /// Tells who waits for an outcome, if he still does; an event that is none is given back.
    pub(crate) fn complete(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Published { token, outcome } => {
                if let Some(waiter) = self.publishes.remove(&token) {
                    waiter.send(outcome.map_err(Into::into)).ok();
                }
            }
            Event::Subscribed { token, outcome } | Event::Unsubscribed { token, outcome } => {
                if let Some(waiter) = self.filters.remove(&token) {
                    waiter.send(outcome.map_err(Into::into)).ok();
                }
            }
            other => return Some(other),
        }
        None
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("unfinished", &self.publishes.len()).finish_non_exhaustive()
    }
}
