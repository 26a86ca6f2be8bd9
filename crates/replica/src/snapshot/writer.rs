//! Writes a snapshot under a temporary name; it gets its own name when it is complete and on the device.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

use crate::log::frame::{FileHeader, FileKind, RecordHeader, new_salt};
use crate::log::segment::write_all_vectored;
use crate::log::syncer::sync_directory;

/// Bytes of one checksummed chunk.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// A snapshot being written. Dropped before [`SnapshotWriter::finish`] it leaves nothing.
///
/// May be moved to another thread: the partition can go on while its serialised state is written.
#[derive(Debug)]
pub struct SnapshotWriter {
    dir: PathBuf,
    temporary: PathBuf,
    name: PathBuf,
    file: File,
    salt: u32,
    chunk: Vec<u8>,
    chunks: u64,
    finished: bool,
}

impl SnapshotWriter {
    pub(crate) fn create(dir: &Path, name: PathBuf, index: u64) -> io::Result<Self> {
        let temporary = name.with_extension("snap.tmp");
        let salt = new_salt();
        let mut file = File::create(&temporary)?;
        let header = FileHeader { kind: FileKind::Snapshot, marks: [index, u64::from(salt), 0, 0] };
        let written = file.write_all(&header.encode());
        let writer = Self {
            dir: dir.to_owned(),
            temporary,
            name,
            file,
            salt,
            chunk: Vec::with_capacity(CHUNK_BYTES),
            chunks: 0,
            finished: false,
        };
        written.map(|()| writer)
    }

    /// Completes the snapshot: when this returns it is on the device under its own name.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.chunk.is_empty() {
            self.write_chunk()?;
        }
        // The empty chunk that says that nothing is missing.
        self.write_chunk()?;
        self.file.sync_all()?;
        std::fs::rename(&self.temporary, &self.name)?;
        self.finished = true;
        sync_directory(&self.dir)
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        self.chunks += 1;
        let header = RecordHeader {
            payload_crc: crc32fast::hash(&self.chunk),
            len: self.chunk.len() as u32,
            index: self.chunks,
            synced: 0,
        };
        let header = header.encode(self.salt);
        write_all_vectored(&self.file, &mut [IoSlice::new(&header), IoSlice::new(&self.chunk)])?;
        self.chunk.clear();
        Ok(())
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK_BYTES {
            self.write_chunk()?;
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    /// Chunks go out as they fill up; there is nothing to hurry before [`SnapshotWriter::finish`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Left behind it would be removed at the next start.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}
