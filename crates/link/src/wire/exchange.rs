//! One question and its answer on a connection of its own, before there can be a link: how a process without a
//! certificate asks for one.
//!
//! Who the peers are is shown by what they say in it; the deadlines are the caller's whole exchange.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::driver::Io;
use super::frame::{self, Integrity};
use super::handshake::{HandshakeError, first_frame};
use super::hello::{self, Malformed};

/// The longest question and the longest answer: what a stranger may have this end hold.
pub const MAX_EXCHANGE_BYTES: usize = 64 * 1024;

/// Bytes of a first frame beside its content: kind, magic and checksum.
const OVERHEAD_BYTES: usize = 9;

const QUESTION: u8 = 0x30;
const ANSWER: u8 = 0x31;

/// Asks on a new connection, and ends it when it has the answer.
pub async fn ask_stranger(io: &mut dyn Io, question: &[u8], deadline: Duration) -> Result<Bytes, HandshakeError> {
    let asked = async {
        say(io, QUESTION, question).await?;
        let answer = hear(io, ANSWER).await?;
        // The answer is there; the other end sees the connection go either way.
        let _ = io.shutdown().await;
        Ok(answer)
    };
    timeout(deadline, asked).await.map_err(|_| HandshakeError::Deadline(deadline))?
}

/// Reads the question on an accepted connection.
pub async fn hear_stranger(io: &mut dyn Io, deadline: Duration) -> Result<Bytes, HandshakeError> {
    timeout(deadline, hear(io, QUESTION)).await.map_err(|_| HandshakeError::Deadline(deadline))?
}

/// Answers it and ends the connection.
pub async fn answer_stranger(io: &mut dyn Io, answer: &[u8], deadline: Duration) -> Result<(), HandshakeError> {
    let answered = async {
        say(io, ANSWER, answer).await?;
        io.shutdown().await?;
        Ok(())
    };
    timeout(deadline, answered).await.map_err(|_| HandshakeError::Deadline(deadline))?
}

async fn say(io: &mut dyn Io, kind: u8, content: &[u8]) -> Result<(), HandshakeError> {
    if content.len() > MAX_EXCHANGE_BYTES {
        return Err(HandshakeError::TooLong { length: content.len(), limit: MAX_EXCHANGE_BYTES });
    }
    let mut bytes = BytesMut::new();
    let begin = hello::begin(kind, &mut bytes);
    bytes.put_slice(content);
    frame::finish(begin, Integrity::Checksummed, &mut bytes);
    io.write_all(&bytes).await?;
    io.flush().await?;
    Ok(())
}

async fn hear(io: &mut dyn Io, kind: u8) -> Result<Bytes, HandshakeError> {
    let mut bytes = BytesMut::new();
    let body = first_frame(io, &mut bytes, MAX_EXCHANGE_BYTES + OVERHEAD_BYTES).await?;
    if !bytes.is_empty() {
        return Err(Malformed::NotALink.into());
    }
    Ok(Bytes::copy_from_slice(hello::content_of(&body, kind)?))
}
