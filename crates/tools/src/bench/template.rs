//! A PUBLISH that is kept ready: what the messages to a topic have in common is copied, not encoded anew.

use std::num::NonZeroU16;

use bytes::BytesMut;
use mqtt::{PublishHead, encode};

use super::message::{Message, Particular, Repetition};
use super::stamp::{STAMP_LEN, STAMP_VARIES_AT, Stamp};

/// Bytes of a payload that is kept with the rest: a longer one is not copied twice for nothing, nor once for each topic.
const KEPT_LEN: u32 = 320;

/// For one payload size at a time.
#[derive(Debug)]
pub(super) struct Template {
    /// The packet, where the payload is short, else what is before the payload.
    bytes: Vec<u8>,
    /// Where the variable header begins.
    variable_at: usize,
    /// Where the packet identifier is in the variable header, with QoS 1 and 2.
    id_at: Option<usize>,
    payload_at: usize,
    pub(super) size: u32,
}

impl Template {
    pub(super) fn new(message: &Message, stream: u32, topic: &str, alias: Option<NonZeroU16>) -> Self {
        let size = message.sizes.most();
        let mut bytes = BytesMut::new();
        let head = PublishHead {
            topic,
            qos: message.qos,
            retain: message.retain,
            alias,
            properties: &[&message.properties],
            payload: &message.filler[..size as usize],
            ..PublishHead::default()
        };
        let encoded = encode::publish_head(&mut bytes, message.version, &head);
        let variable_at = 1 + bytes[1..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let id_at = encoded.id_at.map(|at| at - variable_at);
        let mut template = Self { payload_at: bytes.len(), bytes: bytes.to_vec(), variable_at, id_at, size };
        template.keep_payload(message, stream);
        template
    }

    /// Makes it that of a payload of `size` bytes.
    #[inline(never)]
    pub(super) fn resize(&mut self, message: &Message, stream: u32, size: u32) {
        self.bytes.truncate(self.payload_at);
        let mut remaining = self.payload_at - self.variable_at + size as usize;
        let mut fixed = [self.bytes[0], 0, 0, 0, 0];
        let mut len = 1;
        loop {
            let byte = (remaining & 0x7f) as u8;
            remaining >>= 7;
            fixed[len] = if remaining > 0 { byte | 0x80 } else { byte };
            len += 1;
            if remaining == 0 || len == fixed.len() {
                break;
            }
        }
        self.bytes.splice(..self.variable_at, fixed[..len].iter().copied());
        self.payload_at = self.bytes.len();
        self.variable_at = len;
        self.size = size;
        self.keep_payload(message, stream);
    }

    /// With what does not vary of the stamp.
    fn keep_payload(&mut self, message: &Message, stream: u32) {
        if self.size > KEPT_LEN {
            return;
        }
        self.bytes.extend_from_slice(&message.filler[..self.size as usize]);
        if message.stamped {
            let stamp = Stamp { run: message.run, stream, sequence: 0, due: 0 };
            self.bytes[self.payload_at..self.payload_at + STAMP_LEN].copy_from_slice(&stamp.write());
        }
    }

    /// Bytes of a packet, at least 2.
    pub(super) fn packet_len(&self) -> usize {
        self.payload_at + self.size as usize
    }

    /// Appends the packet of one message.
    #[inline]
    pub(super) fn append(&self, out: &mut Vec<u8>, message: &Message, stream: u32, particular: Particular) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let due = particular.due.wrapping_add(message.since_1970);
        if self.size > KEPT_LEN {
            self.append_payload(out, message, Stamp { run: message.run, stream, sequence: particular.sequence, due });
        } else if message.stamped {
            let at = start + self.payload_at + STAMP_VARIES_AT;
            Stamp::write_varying(&mut out[at..], particular.sequence, due);
        }
        if let Some(id_at) = self.id_at {
            let at = start + self.variable_at + id_at;
            out[at..at + 2].copy_from_slice(&particular.id.to_be_bytes());
            if particular.repetition == Repetition::Dup {
                out[start] |= 0b1000;
            }
        }
    }

    #[inline(never)]
    fn append_payload(&self, out: &mut Vec<u8>, message: &Message, stamp: Stamp) {
        if message.stamped {
            out.extend_from_slice(&stamp.write());
            out.extend_from_slice(&message.filler[STAMP_LEN..self.size as usize]);
        } else {
            out.extend_from_slice(&message.filler[..self.size as usize]);
        }
    }
}
