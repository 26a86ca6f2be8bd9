//! Answers that nobody else keeps.

use bytes::Bytes;
use mqtt::QoS;
use partition::{Answer, AnswerReader, Numbering, Reply};

/// An answer without a number that may not be lost.
pub(super) struct Kept {
    /// It belongs behind the answer of this number.
    pub behind: u64,
    pub answer: Answer,
}

/// The answers of a message.
pub(super) fn answers_of(message: &Bytes) -> impl Iterator<Item = (Numbering, Answer)> {
    // What was written here is read back.
    AnswerReader::new(message).into_iter().flatten().flatten()
}

/// A message of QoS 1 or more, which its publisher has been promised.
pub(crate) fn may_not_be_lost(answer: &Answer) -> bool {
    matches!(&answer.reply, Reply::Direct(direct) if direct.qos > QoS::AtMostOnce)
}

/// What it takes in memory.
pub(super) fn bytes_of(answer: &Answer) -> usize {
    size_of::<Answer>() + answer.bodies.iter().map(Bytes::len).sum::<usize>()
}
