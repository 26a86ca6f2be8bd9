//! Writing and reading what is kept in a file or sent to a peer: numbers big-endian, bytes behind their length.
//!
//! Each record begins with a byte for its version. A reader takes the versions that it names, refuses the others by number, and
//! refuses what is longer than it should be.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

use super::InternalError;

/// No certificate, key, name or signature of ours is longer.
const LONGEST_FIELD: usize = 64 * 1024;
const USUAL_RECORD: usize = 16 * 1024;

/// A record being written. Wiped when it goes: it may hold a key.
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    pub(crate) fn new(version: u8) -> Self {
        // Room for the usual record, so that a growing one seldom leaves a copy of a key behind.
        let mut bytes = Vec::with_capacity(USUAL_RECORD);
        bytes.push(version);
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn moment(&mut self, at: SystemTime) {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.number(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        debug_assert!(value.len() <= LONGEST_FIELD, "a field that nobody would read");
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
    }

    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// A record being read.
pub(crate) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// # Errors
    /// It has another version.
    pub(crate) fn new(what: &'static str, bytes: &'a [u8], version: u8) -> Result<Self, InternalError> {
        let mut reader = Self { what, rest: bytes };
        match reader.byte()? {
            found if found == version => Ok(reader),
            found => Err(reader.wrong(format!("its version is {found}, this release reads {version}"))),
        }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, InternalError> {
        self.fixed::<1>().map(|[value]| value)
    }

    pub(crate) fn number(&mut self) -> Result<u64, InternalError> {
        self.fixed().map(u64::from_be_bytes)
    }

    pub(crate) fn moment(&mut self) -> Result<SystemTime, InternalError> {
        let since = Duration::from_millis(self.number()?);
        UNIX_EPOCH.checked_add(since).ok_or_else(|| self.wrong("a moment beyond all clocks".to_owned()))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], InternalError> {
        let length = u32::from_be_bytes(self.fixed()?) as usize;
        if length > LONGEST_FIELD {
            return Err(self.wrong(format!("a field of {length} bytes, at most {LONGEST_FIELD} are taken")));
        }
        let Some((value, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.wrong("it ends too early".to_owned()));
        };
        self.rest = rest;
        Ok(value)
    }

    /// Bytes of a length that is known.
    pub(crate) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], InternalError> {
        let Some((value, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.wrong("it ends too early".to_owned()));
        };
        self.rest = rest;
        Ok(*value)
    }

    /// A field of a length that is known.
    pub(crate) fn array<const N: usize>(&mut self, field: &str) -> Result<[u8; N], InternalError> {
        let value = self.bytes()?;
        value.try_into().map_err(|_| self.wrong(format!("{field} has {} bytes, not {N}", value.len())))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, InternalError> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong("a name that is no text".to_owned()))
    }

    /// How many of something follow.
    pub(crate) fn count(&mut self, most: u8) -> Result<u8, InternalError> {
        match self.byte()? {
            count if count <= most => Ok(count),
            count => Err(self.wrong(format!("{count} entries, at most {most} are taken"))),
        }
    }

    pub(crate) fn finish(self) -> Result<(), InternalError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(self.wrong("something follows it".to_owned())),
        }
    }

    pub(crate) fn wrong(&self, reason: String) -> InternalError {
        InternalError::Unreadable { what: self.what, reason }
    }
}
