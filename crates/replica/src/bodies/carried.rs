//! A file of carried bodies: written once, never changed, removed when enough of it is dead.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use partition::BodyRef;

use super::block::{BLOCK_BYTES, BLOCK_START_BYTES, Block, BlockBuilder, first_reference};
use super::error::BodyError;
use crate::log::Damage;
use crate::log::frame::{
    FILE_HEADER_BYTES, FileHeader, FileKind, RECORD_HEADER_BYTES, RecordHeader, check_record, new_salt,
};

pub(crate) const EXTENSION: &str = "bodies";

/// Bodies of the entries `first..end` that were live when it was written.
#[derive(Debug)]
pub(crate) struct CarriedFile {
    pub path: PathBuf,
    pub file: Arc<File>,
    pub first: u64,
    pub end: u64,
    /// Rises with every file; of two that overlap the higher one replaced the other.
    pub generation: u64,
    pub bytes: u64,
    salt: u32,
    blocks: Vec<BlockSpan>,
}

/// Where a block stands, and its first body.
#[derive(Clone, Copy, Debug)]
struct BlockSpan {
    index: u64,
    position: u64,
    offset: u32,
    len: u32,
}

impl CarriedFile {
    /// Opens a file, reading the start of each block. Their contents are checked when they are read.
    pub(crate) fn open(path: &Path) -> Result<Self, BodyError> {
        let file = File::open(path).map_err(BodyError::io("open", path))?;
        let bytes = file.metadata().map_err(BodyError::io("read", path))?.len();
        let corrupt = |offset, why| BodyError::Corrupt { file: path.to_owned(), offset, why };
        let mut start = [0; FILE_HEADER_BYTES];
        read_at(&file, &mut start, 0).map_err(BodyError::io("read", path))?;
        let header = FileHeader::decode(&start, FileKind::Bodies).map_err(|why| corrupt(0, why))?;
        let [first, end, salt, generation] = header.marks;
        let salt = salt as u32;
        let (mut blocks, mut position) = (Vec::new(), FILE_HEADER_BYTES as u64);
        while position < bytes {
            let mut start = [0; RECORD_HEADER_BYTES + BLOCK_START_BYTES];
            read_at(&file, &mut start, position).map_err(BodyError::io("read", path))?;
            let record = RecordHeader::decode(&start, salt).ok_or_else(|| corrupt(position, Damage::RecordHeader))?;
            if record.index != blocks.len() as u64 + 1 {
                return Err(corrupt(position, Damage::Index(record.index)));
            }
            let body = first_reference(&start[RECORD_HEADER_BYTES..])
                .filter(|body| (first..end).contains(&body.index))
                .ok_or_else(|| corrupt(position, Damage::Contents))?;
            blocks.push(BlockSpan { index: body.index, position, offset: body.offset, len: record.len });
            position += (RECORD_HEADER_BYTES + record.payload_len()) as u64;
        }
        if position != bytes {
            return Err(corrupt(position, Damage::RecordCut));
        }
        Ok(Self { path: path.to_owned(), file: Arc::new(file), first, end, generation, bytes, salt, blocks })
    }

    pub(crate) fn contains(&self, index: u64) -> bool {
        (self.first..self.end).contains(&index)
    }

    /// Number of the block that has `body`, if any has.
    pub(crate) fn block_of(&self, body: BodyRef) -> Option<u32> {
        let after = self.blocks.partition_point(|b| (b.index, b.offset) <= (body.index, body.offset));
        u32::try_from(after.checked_sub(1)?).ok()
    }

    /// Reads and checks one block.
    pub(crate) fn read(&self, block: u32) -> Result<Block, BodyError> {
        let Some(span) = self.blocks.get(block as usize) else {
            return Err(self.corrupt(self.bytes, Damage::RecordCut));
        };
        let mut record = vec![0; RECORD_HEADER_BYTES + span.len as usize];
        self.file.read_exact_at(&mut record, span.position).map_err(BodyError::io("read", &self.path))?;
        check_record(&record, self.salt, u64::from(block) + 1).map_err(|why| self.corrupt(span.position, why))?;
        Block::decode(Bytes::from(record).slice(RECORD_HEADER_BYTES..))
            .ok_or_else(|| self.corrupt(span.position, Damage::Contents))
    }

    fn corrupt(&self, offset: u64, why: Damage) -> BodyError {
        BodyError::Corrupt { file: self.path.clone(), offset, why }
    }
}

/// Reads as much of `buf` as the file has.
fn read_at(file: &File, buf: &mut [u8], position: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], position + done as u64) {
            Ok(0) => return Ok(()),
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Which file is being written: its place among the entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CarriedName {
    pub first: u64,
    pub end: u64,
    pub generation: u64,
}

/// Writes a carried file under a temporary name. Dropped unfinished it leaves nothing.
#[derive(Debug)]
pub(crate) struct CarriedWriter {
    path: PathBuf,
    temporary: PathBuf,
    out: BufWriter<File>,
    salt: u32,
    blocks: u64,
    block: BlockBuilder,
}

impl CarriedWriter {
    pub(crate) fn create(dir: &Path, name: CarriedName) -> Result<Self, BodyError> {
        let CarriedName { first, end, generation } = name;
        let path = dir.join(format!("{first:020}-{generation:020}.{EXTENSION}"));
        let temporary = path.with_extension("tmp");
        let salt = new_salt();
        let file = File::create(&temporary).map_err(BodyError::io("create", &temporary))?;
        let out = BufWriter::with_capacity(4 * BLOCK_BYTES, file);
        let mut writer = Self { path, temporary, out, salt, blocks: 0, block: BlockBuilder::default() };
        let header = FileHeader { kind: FileKind::Bodies, marks: [first, end, u64::from(salt), generation] };
        writer.out.write_all(&header.encode()).map_err(BodyError::io("write", &writer.temporary))?;
        Ok(writer)
    }

    /// Adds a body; they come in ascending order, each once.
    pub(crate) fn push(&mut self, body: BodyRef, bytes: &[u8]) -> Result<(), BodyError> {
        // A large body gets a block of its own, so that small ones can be read without it.
        if bytes.len() >= BLOCK_BYTES {
            self.write_block()?;
        }
        self.block.push(body, bytes);
        if self.block.is_full() { self.write_block() } else { Ok(()) }
    }

    /// Completes the file and brings it to the device, under its own name; the directory is the caller's to sync.
    pub(crate) fn finish(mut self) -> Result<CarriedFile, BodyError> {
        self.write_block()?;
        self.out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all())
            .map_err(BodyError::io("write", &self.temporary))?;
        std::fs::rename(&self.temporary, &self.path).map_err(BodyError::io("rename", &self.temporary))?;
        CarriedFile::open(&self.path)
    }

    fn write_block(&mut self) -> Result<(), BodyError> {
        let Some((_, [table, bodies])) = self.block.finish() else { return Ok(()) };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(table);
        hasher.update(bodies);
        self.blocks += 1;
        let len = (table.len() + bodies.len()) as u32;
        let header = RecordHeader { payload_crc: hasher.finalize(), len, index: self.blocks, synced: 0 };
        self.out
            .write_all(&header.encode(self.salt))
            .and_then(|()| self.out.write_all(table))
            .and_then(|()| self.out.write_all(bodies))
            .map_err(BodyError::io("write", &self.temporary))?;
        self.block.clear();
        Ok(())
    }
}

impl Drop for CarriedWriter {
    fn drop(&mut self) {
        // Gone already when the file was finished; left behind it would be removed at the next start.
        let _ = std::fs::remove_file(&self.temporary);
    }
}
