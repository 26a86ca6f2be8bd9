//! What a machine has for its caller: bytes to send and events to take; both bounded by those who add to them.

use std::collections::VecDeque;
use std::fmt;

use bytes::BytesMut;

use super::event::{Event, RequestError};
use super::message::Token;
use crate::reason::ReasonCode;

/// Events that wait to be taken; beyond it nothing is read, and nothing sent that would complete at once.
const EVENTS_MAX: usize = 256;
/// Output that waits to be taken before publishes stay in their queue.
const PUBLISH_BYTES_MAX: usize = 64 * 1024;
/// Output that waits to be taken before nothing is read: answers come on top of publishes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Output {
    pub bytes: BytesMut,
    pub events: VecDeque<Event>,
}

/// Prints how much there is: CONNECT and AUTH hold secrets.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("bytes", &self.bytes.len()).field("events", &self.events.len()).finish()
    }
}

impl Output {
    /// Whether a publish may be written.
    pub fn takes_publishes(&self) -> bool {
        self.bytes.len() < PUBLISH_BYTES_MAX && self.events.len() < EVENTS_MAX
    }

    /// Whether a packet may be read, whatever follows from it.
    pub fn takes_answers(&self) -> bool {
        self.bytes.len() < ANSWER_BYTES_MAX && self.events.len() < EVENTS_MAX
    }

    pub fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub fn published(&mut self, token: Token, outcome: Result<ReasonCode, RequestError>) {
        self.events.push_back(Event::Published { token, outcome });
    }
}
