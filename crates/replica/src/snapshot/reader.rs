//! Reads a snapshot chunk by chunk, each checked before a byte of it is given out.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::log::Damage;
use crate::log::frame::{FILE_HEADER_BYTES, FileHeader, FileKind, RECORD_HEADER_BYTES, RecordHeader};

use super::writer::CHUNK_BYTES;

/// A snapshot being read. Damage shows as [`io::ErrorKind::InvalidData`].
#[derive(Debug)]
pub struct SnapshotReader {
    file: BufReader<File>,
    index: u64,
    salt: u32,
    chunk: Vec<u8>,
    taken: usize,
    chunks: u64,
    ended: bool,
}

impl SnapshotReader {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(CHUNK_BYTES, File::open(path)?);
        let mut header = Vec::with_capacity(FILE_HEADER_BYTES);
        file.by_ref().take(FILE_HEADER_BYTES as u64).read_to_end(&mut header)?;
        let header = FileHeader::decode(&header, FileKind::Snapshot).map_err(invalid)?;
        let (index, salt) = (header.marks[0], header.marks[1] as u32);
        Ok(Self { file, index, salt, chunk: Vec::new(), taken: 0, chunks: 0, ended: false })
    }

    /// The last log entry whose effects the snapshot holds.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Reads to the end and throws the contents away.
    pub(crate) fn verify(mut self) -> io::Result<()> {
        while !self.ended {
            self.next_chunk()?;
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        self.chunks += 1;
        let mut header = [0; RECORD_HEADER_BYTES];
        self.file.read_exact(&mut header).map_err(cut)?;
        let header = RecordHeader::decode(&header, self.salt).ok_or_else(|| invalid(Damage::RecordHeader))?;
        if header.index != self.chunks {
            return Err(invalid(Damage::Index(header.index)));
        }
        if header.payload_len() > CHUNK_BYTES {
            return Err(invalid(Damage::Contents));
        }
        self.taken = 0;
        self.chunk.resize(header.payload_len(), 0);
        self.file.read_exact(&mut self.chunk).map_err(cut)?;
        if crc32fast::hash(&self.chunk) != header.payload_crc {
            return Err(invalid(Damage::Payload));
        }
        self.ended = self.chunk.is_empty();
        Ok(())
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.chunk.len() && !self.ended {
            self.next_chunk()?;
        }
        let n = buf.len().min(self.chunk.len() - self.taken);
        buf[..n].copy_from_slice(&self.chunk[self.taken..self.taken + n]);
        self.taken += n;
        Ok(n)
    }
}

fn invalid(why: Damage) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn cut(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => invalid(Damage::RecordCut),
        _ => error,
    }
}
