//! Answers as they go to a worker of another process.
//!
//! `u8 version | u8 kind | u16 partition | lane | answers up to the end`; an answer is `u8 kind of reply, bit 7: numbered,
//! bit 6: its yes or no | [varint distance to the number before] | varint slot | varint generation | fields | bodies`.
//! A body is `varint 0`, the one before it again, or `varint length + 1 | bytes`. References to bodies are not sent.

mod builder;
mod reader;

pub use builder::AnswersBuilder;
pub use reader::{AnswerReader, Passed};

use crate::effect::Reply;

const NUMBERED: u8 = 0x80;
const YES: u8 = 0x40;

const OPENED: u8 = 1;
const KICK: u8 = 2;
const TOUCHED: u8 = 3;
const ATTACHED: u8 = 4;
const SUBSCRIBED: u8 = 5;
const UNSUBSCRIBED: u8 = 6;
const PUBLISHED: u8 = 7;
const RELEASED: u8 = 8;
const DELIVER: u8 = 9;
const RECEIVED: u8 = 10;
const DIRECT: u8 = 11;
const RETAINED: u8 = 12;
const SUBSCRIPTIONS: u8 = 13;
const REFUSED: u8 = 14;
const REJECTED: u8 = 15;

/// In the byte of a delivery, above its QoS.
const RETAIN: u8 = 4;
const DUP: u8 = 8;
const SHARED: u8 = 16;

/// How many bodies come with a reply.
fn bodies_of(reply: &Reply) -> usize {
    match reply {
        Reply::Deliver(_) | Reply::Direct(_) | Reply::Rejected { .. } => 1,
        Reply::Retained { messages, .. } => messages.len(),
        _ => 0,
    }
}
