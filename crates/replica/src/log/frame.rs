//! How the files of a data directory are framed: a file header, then checksummed records.
//!
//! Log segments, carried bodies and snapshots share this frame. All numbers are little endian.
//!
//! ```text
//! file header, 48 bytes
//!   0  magic      "CWAY"
//!   4  kind       'L' log segment, 'B' bodies, 'S' snapshot, 'F' floor, 'V' ballot, 'C' committed
//!   5  version    1
//!   6  zero       2 bytes
//!   8  marks      4 x u64, meaning by kind
//!  40  crc        u32, CRC-32 of bytes 0..40
//!  44  zero       4 bytes
//!
//! record, 28 bytes and the payload
//!   0  crc        u32, CRC-32 of bytes 4..28, started from the file's salt
//!   4  payload    u32, CRC-32 of the payload
//!   8  len        u32, bytes of payload
//!  12  index      u64
//!  20  synced     u64, last index known to be on the device when this record was written (0 outside the log)
//! ```
//!
//! The salt is random for each file, so that bytes a client sends cannot pass for a record.

use crc32fast::Hasher;

pub(crate) const FILE_HEADER_BYTES: usize = 48;
pub(crate) const RECORD_HEADER_BYTES: usize = 28;

/// The version written, and the highest one read. There is no earlier one.
pub(crate) const FORMAT_VERSION: u8 = 1;

/// The longest payload of one record, in bytes.
pub const MAX_PAYLOAD_BYTES: u64 = 1 << 30;

const MAGIC: [u8; 4] = *b"CWAY";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FileKind {
    Log = b'L',
    Bodies = b'B',
    Snapshot = b'S',
    Floor = b'F',
    Ballot = b'V',
    Committed = b'C',
}

/// First bytes of every file.
///
/// Marks: log = first index, salt, synced index at its creation; bodies = first index, index after the last, salt,
/// generation; snapshot = index, salt; floor = index; ballot = member, term, member voted for, 1 when that
/// one leads; committed = index, term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub kind: FileKind,
    pub marks: [u64; 4],
}

/// What is wrong with bytes that should be a header or a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    #[error("the file ends inside its header")]
    HeaderCut,
    #[error("the file header fails its checksum")]
    Header,
    #[error("this is a file of another kind")]
    Kind,
    #[error("it is of format version {0}, newer than this program reads")]
    Version(u8),
    #[error("the file ends inside a record")]
    RecordCut,
    #[error("a record header fails its checksum")]
    RecordHeader,
    #[error("a record fails its checksum")]
    Payload,
    #[error("a record bears number {0}")]
    Index(u64),
    #[error("entries before it are missing")]
    Missing,
    #[error("the record's contents do not decode")]
    Contents,
}

impl FileHeader {
    pub(crate) fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        let mut out = [0; FILE_HEADER_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4] = self.kind as u8;
        out[5] = FORMAT_VERSION;
        for (at, mark) in out[8..40].chunks_exact_mut(8).zip(self.marks) {
            at.copy_from_slice(&mark.to_le_bytes());
        }
        let crc = crc32fast::hash(&out[..40]);
        out[40..44].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], kind: FileKind) -> Result<Self, Damage> {
        let Some(bytes) = bytes.first_chunk::<FILE_HEADER_BYTES>() else {
            return Err(Damage::HeaderCut);
        };
        if bytes[..4] != MAGIC || crc32fast::hash(&bytes[..40]) != u32_at(bytes, 40) {
            return Err(Damage::Header);
        }
        if bytes[4] != kind as u8 {
            return Err(Damage::Kind);
        }
        if bytes[5] != FORMAT_VERSION {
            return Err(Damage::Version(bytes[5]));
        }
        Ok(Self { kind, marks: [8, 16, 24, 32].map(|at| u64_at(bytes, at)) })
    }
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub payload_crc: u32,
    pub len: u32,
    pub index: u64,
    pub synced: u64,
}

impl RecordHeader {
    pub(crate) fn encode(&self, salt: u32) -> [u8; RECORD_HEADER_BYTES] {
        let mut out = [0; RECORD_HEADER_BYTES];
        out[4..8].copy_from_slice(&self.payload_crc.to_le_bytes());
        out[8..12].copy_from_slice(&self.len.to_le_bytes());
        out[12..20].copy_from_slice(&self.index.to_le_bytes());
        out[20..28].copy_from_slice(&self.synced.to_le_bytes());
        let crc = salted_crc(salt, &out[4..]);
        out[..4].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Decodes the first bytes of `bytes`; `None` when there are too few or they fail the checksum.
    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Option<Self> {
        let bytes = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        let header = Self::decode_unchecked(bytes);
        let sound = salted_crc(salt, &bytes[4..]) == u32_at(bytes, 0);
        (sound && u64::from(header.len) <= MAX_PAYLOAD_BYTES).then_some(header)
    }

    /// The fields without their checksum: only to rule positions out cheaply when looking for records.
    pub(crate) fn decode_unchecked(bytes: &[u8; RECORD_HEADER_BYTES]) -> Self {
        Self {
            payload_crc: u32_at(bytes, 4),
            len: u32_at(bytes, 8),
            index: u64_at(bytes, 12),
            synced: u64_at(bytes, 20),
        }
    }

    pub(crate) fn payload_len(&self) -> usize {
        self.len as usize
    }
}

/// Checks one whole record, header and payload, and returns its header.
pub(crate) fn check_record(record: &[u8], salt: u32, index: u64) -> Result<RecordHeader, Damage> {
    let header = RecordHeader::decode(record, salt).ok_or(Damage::RecordHeader)?;
    if header.index != index {
        return Err(Damage::Index(header.index));
    }
    let payload = &record[RECORD_HEADER_BYTES..];
    if payload.len() != header.payload_len() {
        return Err(Damage::RecordCut);
    }
    if crc32fast::hash(payload) != header.payload_crc {
        return Err(Damage::Payload);
    }
    Ok(header)
}

/// A salt for a new file: not predictable from outside the process, needs no more than that.
pub(crate) fn new_salt() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) as u32
}

fn salted_crc(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |b| u64::from_le_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_file_header_are_these() {
        let header = FileHeader { kind: FileKind::Log, marks: [1, 0x0102_0304, 7, u64::MAX] };
        let expected = "43574159 4c 01 0000 0100000000000000 0403020100000000 0700000000000000 ffffffffffffffff";
        let bytes = header.encode();
        assert_eq!(hex(&bytes[..40]), expected.replace(' ', ""));
        assert_eq!(hex(&bytes[40..]), "ba6a136000000000");
        assert_eq!(FileHeader::decode(&bytes, FileKind::Log), Ok(header));
    }

    #[test]
    fn the_bytes_of_a_record_header_are_these() {
        let header = RecordHeader { payload_crc: crc32fast::hash(b"hello"), len: 5, index: 42, synced: 41 };
        let bytes = header.encode(0xdead_beef);
        assert_eq!(hex(&bytes[4..]), "86a6103605000000".to_owned() + "2a000000000000002900000000000000");
        assert_eq!(hex(&bytes[..4]), "5e8e30ef");
        assert_eq!(RecordHeader::decode(&bytes, 0xdead_beef), Some(header));
        assert_eq!(RecordHeader::decode(&bytes, 0xdead_beee), None, "the salt is part of the checksum");
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_noticed() {
        let file = FileHeader { kind: FileKind::Bodies, marks: [3, 9, 5, 2] }.encode();
        let record = RecordHeader { payload_crc: 1, len: 2, index: 3, synced: 4 }.encode(77);
        for bit in 0..44 * 8 {
            let mut bytes = file;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(FileHeader::decode(&bytes, FileKind::Bodies).is_err(), "bit {bit}");
        }
        for bit in 0..RECORD_HEADER_BYTES * 8 {
            let mut bytes = record;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(RecordHeader::decode(&bytes, 77), None, "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_and_another_kind_are_named() {
        let mut bytes = FileHeader { kind: FileKind::Log, marks: [0; 4] }.encode();
        assert_eq!(FileHeader::decode(&bytes, FileKind::Snapshot), Err(Damage::Kind));
        bytes[5] = 2;
        let crc = crc32fast::hash(&bytes[..40]);
        bytes[40..44].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(FileHeader::decode(&bytes, FileKind::Log), Err(Damage::Version(2)));
        assert_eq!(FileHeader::decode(&bytes[..47], FileKind::Log), Err(Damage::HeaderCut));
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }
}
