//! What backends say to each other about partitions of which several hold replicas: one message each.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use partition::PartitionId;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 12;

/// What a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// For the other's member of the partition.
    Request,
    /// The other has no member of the partition.
    Declined,
    /// Answers the request or the question of the same number.
    Reply,
    /// What is there of the partition, as [`Report`](super::census::Report) says.
    Question,
    /// The sender leads the partition, in the term that is the number; nobody answers.
    Leading,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub kind: Kind,
    pub number: u64,
    pub partition: PartitionId,
    pub body: Bytes,
}

impl Letter {
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER_BYTES + self.body.len());
        out.put_u8(VERSION);
        out.put_u8(self.kind as u8);
        out.put_u16_le(self.partition.0);
        out.put_u64_le(self.number);
        out.extend_from_slice(&self.body);
        out.freeze()
    }

    /// `None` when it is none that this version knows.
    pub fn decode(message: &Bytes) -> Option<Self> {
        if message.len() < HEADER_BYTES || message[0] != VERSION {
            return None;
        }
        let kinds = [Kind::Request, Kind::Declined, Kind::Reply, Kind::Question, Kind::Leading];
        let kind = kinds.into_iter().find(|kind| *kind as u8 == message[1])?;
        let mut header = &message[2..HEADER_BYTES];
        let partition = PartitionId(header.get_u16_le());
        let number = header.get_u64_le();
        Some(Self { kind, number, partition, body: message.slice(HEADER_BYTES..) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_back_and_others_are_not() {
        let letter =
            Letter { kind: Kind::Question, number: 0x0102, partition: PartitionId(3), body: Bytes::from_static(b"xy") };
        let bytes = letter.encode();
        assert_eq!(bytes[..], [1, 3, 3, 0, 2, 1, 0, 0, 0, 0, 0, 0, b'x', b'y']);
        assert_eq!(Letter::decode(&bytes), Some(letter));
        assert_eq!(Letter::decode(&bytes.slice(..11)), None);
        for (at, wrong) in [(0, 2), (1, 5)] {
            let mut other = bytes.to_vec();
            other[at] = wrong;
            assert_eq!(Letter::decode(&other.into()), None);
        }
    }
}
