//! The frames of a link: `length: u32, kind: u8, fixed fields, rest` in little-endian, and a CRC-32 where asked for.
//!
//! `length` counts what follows it. The versions of the hello say which kinds there are; an unknown kind ends the
//! connection, as does everything else that the peer cannot have meant.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::output::Output;
use super::session::StreamId;

/// The largest piece of a message in one frame: what another stream waits for at the most, once per stream.
pub const MAX_PIECE_BYTES: usize = 256 * 1024;

/// The longest a frame may say it is: a piece, its header and its checksum.
pub const MAX_FRAME_BYTES: usize = MAX_PIECE_BYTES + 64;

const LENGTH_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;

/// Kind, stream and number: what stands before a piece of a message.
const DATA_HEAD_BYTES: usize = 1 + 8 + 8;

/// Bytes that a piece of a message takes beside itself, at the most.
pub const DATA_OVERHEAD_BYTES: usize = LENGTH_BYTES + DATA_HEAD_BYTES + CHECKSUM_BYTES;

const LAST_PIECE: u8 = 1;
const PIECE: u8 = 2;
const WINDOW: u8 = 3;
const READY: u8 = 4;
const HEARTBEAT: u8 = 5;
const CLOSED: u8 = 6;
const RENEW: u8 = 7;
const REPORT: u8 = 8;

/// Whether frames carry a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {
    /// Below the link is something that notices altered bytes: TLS.
    Trusted,
    /// Each frame ends with its CRC-32.
    Checksummed,
}

/// Which piece of a message a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The last one, or all of it.
    Last,
    More,
}

/// What the peer did that ends a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    #[error("a frame of {length} bytes, where 1 to {MAX_FRAME_BYTES} are allowed")]
    Length { length: usize },
    #[error("a frame of kind {kind}, which this version does not have")]
    Kind { kind: u8 },
    #[error("a frame of kind {kind} with {length} bytes, too few or too many for it")]
    Shape { kind: u8, length: usize },
    #[error("a frame whose checksum is not that of its bytes")]
    Checksum,
    #[error("a message on stream {stream}, which was never granted room")]
    NotOpen { stream: StreamId },
    #[error("stream {stream}: frame {got} came where {expected} was due")]
    Gap { stream: StreamId, expected: u64, got: u64 },
    #[error("stream {stream}: a message began at byte {position}, with room up to {limit} only")]
    Credit { stream: StreamId, position: u64, limit: u64 },
    #[error("stream {stream}: a message is longer than {limit} bytes")]
    MessageTooLong { stream: StreamId, limit: usize },
    #[error("stream {stream}: {received} frames reported as received, where {acknowledged} to {sent} are possible")]
    Position { stream: StreamId, received: u64, acknowledged: u64, sent: u64 },
    #[error("stream {stream}: room for {limit} bytes granted after {before}")]
    RoomTakenBack { stream: StreamId, limit: u64, before: u64 },
    #[error("more than {limit} streams")]
    TooManyStreams { limit: usize },
    #[error("a message before the positions were told")]
    TooEarly,
    #[error("positions were told twice")]
    ReadyTwice,
}

/// One frame; a piece of a message borrows from the buffer that was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    Data {
        stream: StreamId,
        number: u64,
        part: Part,
        piece: &'a [u8],
    },
    /// The receiver of a stream: `received` frames have come, messages may begin before byte `limit`.
    Window {
        stream: StreamId,
        received: u64,
        limit: u64,
    },
    /// All windows of this end have been told.
    Ready,
    Heartbeat,
    /// The receiver of a stream takes nothing more on it.
    Closed {
        stream: StreamId,
    },
    /// The accepting end asks the dialing end to replace the connection.
    Renew,
    /// The sender of a stream wants to know how far it has come, at once.
    Report {
        stream: StreamId,
    },
}

impl Frame<'_> {
    /// Appends the frame to `out`.
    pub fn encode(&self, integrity: Integrity, out: &mut BytesMut) {
        let begin = out.len();
        match *self {
            Self::Data { stream, number, part, piece } => {
                let kind = if part == Part::Last { LAST_PIECE } else { PIECE };
                out.extend_from_slice(&data_head(kind, stream, number));
                out.extend_from_slice(piece);
            }
            Self::Window { stream, received, limit } => {
                put_kind(WINDOW, out);
                out.put_u64_le(stream.0);
                out.put_u64_le(received);
                out.put_u64_le(limit);
            }
            Self::Ready => put_kind(READY, out),
            Self::Heartbeat => put_kind(HEARTBEAT, out),
            Self::Closed { stream } => {
                put_kind(CLOSED, out);
                out.put_u64_le(stream.0);
            }
            Self::Renew => put_kind(RENEW, out),
            Self::Report { stream } => {
                put_kind(REPORT, out);
                out.put_u64_le(stream.0);
            }
        }
        finish(begin, integrity, out);
    }
}

/// Appends a frame with a piece of a message, which is not copied if it is long.
pub fn encode_data(stream: StreamId, number: u64, part: Part, piece: &Bytes, integrity: Integrity, out: &mut Output) {
    let kind = if part == Part::Last { LAST_PIECE } else { PIECE };
    let mut head = data_head(kind, stream, number);
    let sum_bytes = if integrity == Integrity::Checksummed { CHECKSUM_BYTES } else { 0 };
    let length = (DATA_HEAD_BYTES + piece.len() + sum_bytes) as u32;
    head[..LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    out.tail().extend_from_slice(&head);
    out.push(piece);
    if integrity == Integrity::Checksummed {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head[LENGTH_BYTES..]);
        sum.update(piece);
        out.tail().put_u32_le(sum.finalize());
    }
}

/// Where the piece of a message stands in the body of its frame.
pub fn piece_of(body: &std::ops::Range<usize>, piece: &[u8]) -> std::ops::Range<usize> {
    let begin = body.start + DATA_HEAD_BYTES;
    begin..begin + piece.len()
}

/// Bytes that are still missing of the first frame in `bytes`; 0 if none can be told.
pub fn missing(bytes: &[u8]) -> usize {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return 0 };
    (u32::from_le_bytes(*length) as usize).min(MAX_FRAME_BYTES).saturating_sub(rest.len())
}

/// Space for the length, and the kind.
fn put_kind(kind: u8, out: &mut BytesMut) {
    out.put_u32_le(0);
    out.put_u8(kind);
}

/// The head of nearly every frame, put together at once: space for the length, kind, stream, number.
fn data_head(kind: u8, stream: StreamId, number: u64) -> [u8; LENGTH_BYTES + DATA_HEAD_BYTES] {
    let mut head = [0; LENGTH_BYTES + DATA_HEAD_BYTES];
    head[4] = kind;
    head[5..13].copy_from_slice(&stream.0.to_le_bytes());
    head[13..].copy_from_slice(&number.to_le_bytes());
    head
}

/// Writes the checksum and the length of the frame that began at `begin`.
pub fn finish(begin: usize, integrity: Integrity, out: &mut BytesMut) {
    if integrity == Integrity::Checksummed {
        let sum = crc32fast::hash(&out[begin + LENGTH_BYTES..]);
        out.put_u32_le(sum);
    }
    let length = (out.len() - begin - LENGTH_BYTES) as u32;
    out[begin..begin + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Finds the first frame in `bytes`: where its body begins and ends. `None` if it is not whole yet.
pub fn delimit(bytes: &[u8]) -> Result<Option<std::ops::Range<usize>>, Violation> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > MAX_FRAME_BYTES {
        return Err(Violation::Length { length });
    }
    Ok((rest.len() >= length).then_some(LENGTH_BYTES..LENGTH_BYTES + length))
}

/// Takes the checksum off a body, if it has one, after comparing it.
pub fn verify(body: &[u8], integrity: Integrity) -> Result<&[u8], Violation> {
    if integrity == Integrity::Trusted {
        return Ok(body);
    }
    let (content, sum) = body.split_last_chunk::<CHECKSUM_BYTES>().ok_or(Violation::Checksum)?;
    if crc32fast::hash(content) != u32::from_le_bytes(*sum) {
        return Err(Violation::Checksum);
    }
    Ok(content)
}

/// Reads a verified body.
pub fn decode(content: &[u8]) -> Result<Frame<'_>, Violation> {
    let Some((&kind, mut fields)) = content.split_first() else { return Err(Violation::Length { length: 0 }) };
    let shape = Violation::Shape { kind, length: content.len() };
    let frame = match kind {
        LAST_PIECE | PIECE => {
            let Some((stream, rest)) = fields.split_first_chunk() else { return Err(shape) };
            let Some((number, fields)) = rest.split_first_chunk() else { return Err(shape) };
            let (stream, number) = (StreamId(u64::from_le_bytes(*stream)), u64::from_le_bytes(*number));
            let part = if kind == PIECE { Part::More } else { Part::Last };
            // An empty piece would cost nothing, and so be without bounds.
            return if fields.is_empty() || fields.len() > MAX_PIECE_BYTES {
                Err(shape)
            } else {
                Ok(Frame::Data { stream, number, part, piece: fields })
            };
        }
        WINDOW => Frame::Window {
            stream: StreamId(fields.try_get_u64_le().map_err(|_| shape.clone())?),
            received: fields.try_get_u64_le().map_err(|_| shape.clone())?,
            limit: fields.try_get_u64_le().map_err(|_| shape.clone())?,
        },
        READY => Frame::Ready,
        HEARTBEAT => Frame::Heartbeat,
        CLOSED => Frame::Closed { stream: StreamId(fields.try_get_u64_le().map_err(|_| shape.clone())?) },
        RENEW => Frame::Renew,
        REPORT => Frame::Report { stream: StreamId(fields.try_get_u64_le().map_err(|_| shape.clone())?) },
        kind => return Err(Violation::Kind { kind }),
    };
    if fields.is_empty() { Ok(frame) } else { Err(shape) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(piece: &[u8]) -> Vec<Frame<'_>> {
        let stream = StreamId(0x0102_0304_0506_0708);
        vec![
            Frame::Data { stream, number: 9, part: Part::Last, piece },
            Frame::Data { stream, number: u64::MAX, part: Part::More, piece },
            Frame::Window { stream, received: 3, limit: 1 << 40 },
            Frame::Ready,
            Frame::Heartbeat,
            Frame::Closed { stream },
            Frame::Renew,
            Frame::Report { stream },
        ]
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        for integrity in [Integrity::Trusted, Integrity::Checksummed] {
            for frame in frames(b"piece") {
                let mut bytes = BytesMut::new();
                frame.encode(integrity, &mut bytes);
                for cut in 0..bytes.len() {
                    assert_eq!(delimit(&bytes[..cut]), Ok(None));
                    assert!(cut < LENGTH_BYTES || missing(&bytes[..cut]) == bytes.len() - cut);
                }
                let body = delimit(&bytes).unwrap().unwrap();
                assert_eq!(body.end, bytes.len());
                assert_eq!(decode(verify(&bytes[body], integrity).unwrap()), Ok(frame));
            }
        }
    }

    #[test]
    fn the_bytes_of_version_1() {
        let mut bytes = BytesMut::new();
        let stream = StreamId(7);
        Frame::Data { stream, number: 1, part: Part::Last, piece: b"ab" }.encode(Integrity::Trusted, &mut bytes);
        Frame::Window { stream, received: 2, limit: 3 }.encode(Integrity::Checksummed, &mut bytes);
        let data = [19, 0, 0, 0, 1, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, b'a', b'b'];
        assert_eq!(bytes[..23], data);
        assert_eq!(bytes[23..28], [29, 0, 0, 0, 3]);
        assert_eq!(bytes.len(), 23 + 4 + 29);
    }

    #[test]
    fn a_piece_that_is_not_copied_is_framed_as_one_that_is() {
        for length in [1, 5000] {
            let piece = Bytes::from(vec![7; length]);
            for integrity in [Integrity::Trusted, Integrity::Checksummed] {
                let (stream, number, part) = (StreamId(7), 9, Part::More);
                let (mut copied, mut output) = (BytesMut::new(), Output::default());
                Frame::Data { stream, number, part, piece: &piece }.encode(integrity, &mut copied);
                encode_data(stream, number, part, &piece, integrity, &mut output);
                assert_eq!(output.whole(), copied);
                let body = delimit(&copied).unwrap().unwrap();
                assert_eq!(copied[piece_of(&body, &piece)], piece[..]);
            }
        }
    }

    #[test]
    fn an_altered_byte_is_noticed() {
        let mut bytes = BytesMut::new();
        Frame::Data { stream: StreamId(1), number: 1, part: Part::Last, piece: b"payload" }
            .encode(Integrity::Checksummed, &mut bytes);
        for at in LENGTH_BYTES..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 0x10;
            assert_eq!(verify(&altered[LENGTH_BYTES..], Integrity::Checksummed), Err(Violation::Checksum));
        }
    }

    #[test]
    fn lengths_are_checked_before_anything_is_reserved() {
        assert_eq!(delimit(&[0, 0, 0, 0]), Err(Violation::Length { length: 0 }));
        assert_eq!(delimit(&[255; 4]), Err(Violation::Length { length: u32::MAX as usize }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = delimit(&bytes);
            let _ = verify(&bytes, Integrity::Checksummed);
            let _ = decode(&bytes);
        }
    }
}
