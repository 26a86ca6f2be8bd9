//! Batches of framed commands: written by whoever sends them, logged as they are, read when they are applied.
//!
//! A frame is `u32 length of what follows | u8 kind | fields`; the payload of a log entry is
//! `u8 version | u64 now in ms | frames`. Bit 7 of the kind marks a command that is applied but not logged.

use bytes::{Bytes, BytesMut};

use crate::address::Timestamp;
use crate::command::{Acknowledge, Command, Numbered, Publish};
use crate::decoding;
use crate::encoding;
use crate::filling::Filling;
use crate::lane;
use crate::wire::{DecodeError, Reader, Write};

/// Version of the entry format, its first byte. An entry of another version is refused; when a second version comes,
/// this one stays readable.
pub const ENTRY_VERSION: u8 = 1;
/// Bytes of an entry's payload in front of its commands.
pub const ENTRY_HEADER_LEN: usize = 9;
/// The most bytes one command may have; a message of 256 MiB with its topic and properties is below.
pub const MAX_COMMAND_LEN: u32 = 320 * 1024 * 1024;

/// Set in the kind of commands that are not logged.
pub(crate) const READ_ONLY: u8 = 0x80;
const LENGTH_LEN: usize = 4;
const WRONG_MARK: DecodeError = DecodeError::Inconsistent("the mark of a command that is not logged");

/// The most that a builder makes ready for its next batch, by the size of the last.
const USUAL_MOST: usize = 512 * 1024;

/// What stands in front of the commands in a log entry's payload.
pub fn entry_header(now: Timestamp) -> [u8; ENTRY_HEADER_LEN] {
    let mut header = [ENTRY_VERSION; ENTRY_HEADER_LEN];
    header[1..].copy_from_slice(&now.0.to_le_bytes());
    header
}

/// Splits a log entry's payload into its stamp and its batch.
pub(crate) fn split_entry(payload: &[u8]) -> Result<(Timestamp, &[u8]), DecodeError> {
    let mut reader = Reader::new(payload);
    match reader.u8()? {
        ENTRY_VERSION => Ok((reader.timestamp()?, reader.tail())),
        other => Err(DecodeError::UnknownVersion(other)),
    }
}

/// Collects commands for one partition.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    bytes: BytesMut,
    commands: usize,
    /// Left in front of the commands.
    room: usize,
    /// Size of the last batch: the next one is likely as long, and need not be moved while it grows.
    usual: usize,
}

impl BatchBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn push(&mut self, command: &Command<'_>) {
        let kind = encoding::kind(command);
        self.frame(if command.is_logged() { kind } else { kind | READ_ONLY }, |out| encoding::fields(command, out));
    }

    /// As `push`, for a publish whose properties lie in several slices (`publish.message.properties` is not used).
    pub fn push_publish(&mut self, publish: &Publish<'_>, properties: &[&[u8]]) {
        let kind = encoding::PUBLISH;
        let kind = if publish.is_logged() { kind } else { kind | READ_ONLY };
        self.begin();
        // The room for all but the payload is made at once: nearly all commands are publishes.
        let head = LENGTH_LEN + 1 + encoding::publish_head_len(publish, properties);
        let len = length_of(head + publish.message.payload.len() - LENGTH_LEN);
        let start = self.bytes.len();
        self.bytes.resize(start + head, 0);
        let mut out = Filling::new(&mut self.bytes[start..]);
        out.u32(len);
        out.u8(kind);
        encoding::publish_head(publish, properties, &mut out);
        debug_assert!(out.is_full(), "the room is that of the fields");
        self.bytes.extend_from_slice(publish.message.payload);
        self.commands += 1;
    }

    /// One whose batches leave by [`BatchBuilder::take_numbered`].
    pub fn for_lane() -> Self {
        Self { room: lane::HEAD_LEN, ..Self::default() }
    }

    fn begin(&mut self) {
        if self.bytes.is_empty() {
            self.bytes.reserve(self.room + self.usual);
            self.bytes.resize(self.room, 0);
        }
    }

    fn end(&mut self) -> Bytes {
        self.commands = 0;
        let len = self.bytes.len();
        // A little more, so that batches of much the same size fit.
        self.usual = (len + len / 8).min(USUAL_MOST);
        self.bytes.split().freeze()
    }

    fn frame(&mut self, kind: u8, fields: impl FnOnce(&mut BytesMut)) {
        self.begin();
        let start = self.bytes.len();
        self.bytes.u32(0);
        self.bytes.u8(kind);
        fields(&mut self.bytes);
        let len = length_of(self.bytes.len() - start - LENGTH_LEN);
        self.bytes[start..start + LENGTH_LEN].copy_from_slice(&len.to_le_bytes());
        self.commands += 1;
    }

    /// Adds a command that is framed already, as `Command::to_frame` or an effect gives it.
    pub fn push_frame(&mut self, frame: &[u8]) {
        self.begin();
        self.bytes.extend_from_slice(frame);
        self.commands += 1;
    }

    pub fn is_empty(&self) -> bool {
        self.commands == 0
    }

    /// How many commands it holds.
    pub fn commands(&self) -> usize {
        self.commands
    }

    /// Its size in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.room)
    }

    /// The batch, which may be empty, as a message for the partition ([`ToPartition::Batch`](lane::ToPartition)), of a
    /// builder that was made [`for_lane`](BatchBuilder::for_lane); the builder starts the next one.
    pub fn take_numbered(&mut self, numbered: Numbered) -> Bytes {
        debug_assert_eq!(self.room, lane::HEAD_LEN, "room was left for the head");
        self.begin();
        let len = u32::try_from(self.len()).expect("a batch is taken before it has 4 GiB");
        let head = lane::head(&Numbered { len, ..numbered });
        self.bytes[..lane::HEAD_LEN].copy_from_slice(&head);
        self.end()
    }

    /// The batch; the builder starts the next one.
    pub fn take(&mut self) -> Bytes {
        debug_assert_eq!(self.room, 0, "a batch of a lane is numbered");
        self.end()
    }
}

fn length_of(command: usize) -> u32 {
    let len = u32::try_from(command).ok().filter(|len| *len <= MAX_COMMAND_LEN);
    len.expect("a command carries one MQTT packet, which is at most 256 MiB")
}

/// Whether a command goes into the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    Logged,
    Unlogged,
}

/// Batches of lanes are logged as a whole, or not at all.
fn may_be_either(command: &Command<'_>) -> bool {
    match command {
        Command::Publish(publish) => publish.may_pass(),
        Command::ReadRetained(read) => read.reader.is_some(),
        Command::ListSubscriptions(_) => true,
        _ => false,
    }
}

/// One command, framed and not yet decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    kind: u8,
    /// The frame with its length in front: batches may be cut and joined at frames.
    pub bytes: &'a [u8],
    /// Where the frame begins in the bytes that are read.
    pub position: u32,
}

impl<'a> Frame<'a> {
    /// Whether it belongs into the log; else it is applied as an entry with index 0.
    pub fn is_logged(&self) -> bool {
        self.kind & READ_ONLY == 0
    }

    /// # Errors
    /// When the fields are not those of the kind.
    pub fn decode(&self) -> Result<Command<'a>, DecodeError> {
        let command = decoding::command(self.kind & !READ_ONLY, &self.bytes[LENGTH_LEN + 1..])?;
        if command.is_logged() == self.is_logged() || may_be_either(&command) { Ok(command) } else { Err(WRONG_MARK) }
    }

    /// As `decode`, of a publish; `None` for every other command. Nearly all are publishes, and a [`Command`] is large.
    ///
    /// # Errors
    /// As of `decode`.
    #[inline]
    pub fn decode_publish(&self) -> Result<Option<Publish<'a>>, DecodeError> {
        if !self.is_publish() {
            return Ok(None);
        }
        let publish = decoding::publish_alone(&self.bytes[LENGTH_LEN + 1..])?;
        if publish.is_logged() == self.is_logged() || publish.may_pass() { Ok(Some(publish)) } else { Err(WRONG_MARK) }
    }

    /// As `decode`, of an acknowledgement; `None` for every other command.
    ///
    /// # Errors
    /// As of `decode`.
    pub(crate) fn decode_acknowledgement(&self) -> Result<Option<Acknowledge>, DecodeError> {
        match self.kind {
            encoding::ACKNOWLEDGE => decoding::acknowledgement_alone(&self.bytes[LENGTH_LEN + 1..]).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether it begins a batch of a lane.
    pub fn is_numbered(&self) -> bool {
        self.kind == encoding::NUMBERED
    }

    /// Whether it is a publish; without decoding it.
    pub fn is_publish(&self) -> bool {
        self.kind & !READ_ONLY == encoding::PUBLISH
    }

    /// Appends the frame with the mark that it is logged, or that it is not.
    pub fn copy_to(&self, logging: Logging, out: &mut BytesMut) {
        let kind = match logging {
            Logging::Logged => self.kind & !READ_ONLY,
            Logging::Unlogged => self.kind | READ_ONLY,
        };
        out.extend_from_slice(&self.bytes[..LENGTH_LEN]);
        out.u8(kind);
        out.extend_from_slice(&self.bytes[LENGTH_LEN + 1..]);
    }

    /// Where the message of a publish stands, from the start of the bytes that are read: its tail.
    pub(crate) fn body(&self, len: usize) -> (u32, u32) {
        let end = self.position as usize + self.bytes.len();
        ((end - len) as u32, len as u32)
    }
}

/// Walks the frames of a batch without decoding them. After an error it ends.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
    position: u32,
}

impl<'a> Frames<'a> {
    pub fn new(batch: &'a [u8]) -> Self {
        Self { rest: batch, position: 0 }
    }

    /// Counts positions from the start of the entry's payload.
    pub(crate) fn in_entry(batch: &'a [u8]) -> Self {
        Self { rest: batch, position: ENTRY_HEADER_LEN as u32 }
    }

    /// Takes the next `len` bytes, as frames by themselves.
    pub(crate) fn take_batch(&mut self, len: u32) -> Result<Self, DecodeError> {
        let (batch, rest) = self.rest.split_at_checked(len as usize).ok_or(DecodeError::Truncated)?;
        let taken = Self { rest: batch, position: self.position };
        self.rest = rest;
        let after = self.position.checked_add(len);
        self.position = after.ok_or(DecodeError::Inconsistent("an entry of more than 4 GiB"))?;
        Ok(taken)
    }

    fn split(&mut self) -> Result<Frame<'a>, DecodeError> {
        let len = Reader::new(self.rest).u32()?;
        if len == 0 || len > MAX_COMMAND_LEN {
            return Err(DecodeError::Value(len.into(), "the length of a command"));
        }
        let (bytes, rest) = self.rest.split_at_checked(LENGTH_LEN + len as usize).ok_or(DecodeError::Truncated)?;
        let frame = Frame { kind: bytes[LENGTH_LEN], bytes, position: self.position };
        self.rest = rest;
        self.position = u32::try_from(bytes.len())
            .ok()
            .and_then(|len| self.position.checked_add(len))
            .ok_or(DecodeError::Inconsistent("an entry of more than 4 GiB"))?;
        Ok(frame)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let frame = self.split();
        if frame.is_err() {
            self.rest = &[];
        }
        Some(frame)
    }
}

/// Walks the commands of a batch.
#[derive(Clone, Debug)]
pub struct CommandReader<'a> {
    frames: Frames<'a>,
}

impl<'a> CommandReader<'a> {
    pub fn new(batch: &'a [u8]) -> Self {
        Self { frames: Frames::new(batch) }
    }
}

impl<'a> Iterator for CommandReader<'a> {
    type Item = Result<Command<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.frames.next()?.and_then(|frame| frame.decode()))
    }
}
