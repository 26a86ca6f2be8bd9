//! One file of the log: a header, then records with contiguous indexes.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::error::LogError;
use super::frame::{
    Damage, FILE_HEADER_BYTES, FileHeader, FileKind, RECORD_HEADER_BYTES, RecordHeader, check_record, new_salt,
};

const EXTENSION: &str = "log";

/// A payload up to this length is copied together first: one slice costs the kernel less than several.
const COPIED_BYTES: usize = 8 << 10;

/// An open segment. In memory it costs four bytes for each entry. A clone of one that
/// is no longer written to can be read on another thread, even after the file was removed.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    path: PathBuf,
    file: Arc<File>,
    salt: u32,
    first: u64,
    /// Where each record starts; a segment takes no record that would start beyond 4 GiB.
    offsets: Vec<u32>,
    /// Bytes of whole records and the header; the file is as long, unless `ragged`.
    end: u64,
    /// A failed write left bytes behind that could not be cut off yet.
    ragged: bool,
}

impl Segment {
    /// Makes the file of a new segment whose first entry will be `first`. On error no file is left.
    pub(crate) fn create(dir: &Path, first: u64, synced: u64) -> Result<Self, LogError> {
        let path = segment_path(dir, first);
        let salt = new_salt();
        let header = FileHeader { kind: FileKind::Log, marks: [first, u64::from(salt), synced, 0] };
        let made =
            File::create(&path).and_then(|mut file| file.write_all(&header.encode())).and_then(|()| open_file(&path));
        match made {
            Ok(file) => Ok(Self::with_records(path, file, salt, first, Vec::new(), FILE_HEADER_BYTES as u64)),
            Err(error) => {
                // Leaving it is harmless, an empty last segment is removed at the next start.
                let _ = std::fs::remove_file(&path);
                Err(LogError::io("create the log segment", &path)(error))
            }
        }
    }

    pub(crate) fn with_records(path: PathBuf, file: File, salt: u32, first: u64, offsets: Vec<u32>, end: u64) -> Self {
        Self { path, file: Arc::new(file), salt, first, offsets, end, ragged: false }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn salt(&self) -> u32 {
        self.salt
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Index that an entry appended here would have.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.offsets.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    pub(crate) fn contains(&self, index: u64) -> bool {
        (self.first..self.next()).contains(&index)
    }

    /// Length of the file, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }

    /// Where the record of `index` starts and ends in the file.
    pub(crate) fn span(&self, index: u64) -> Option<(u64, u64)> {
        let n = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let start = u64::from(*self.offsets.get(n)?);
        let end = self.offsets.get(n + 1).map_or(self.end, |next| u64::from(*next));
        Some((start, end))
    }

    /// Appends one record. On error the file is as before, or is made so before anything else is appended.
    pub(crate) fn append(&mut self, header: &RecordHeader, parts: &[&[u8]]) -> Result<(), LogError> {
        if self.ragged {
            self.file.set_len(self.end).map_err(LogError::io("cut a failed write off", &self.path))?;
            self.ragged = false;
        }
        debug_assert_eq!(header.index, self.next());
        let start =
            u32::try_from(self.end).map_err(|_| LogError::TooLong { bytes: self.end, limit: u64::from(u32::MAX) })?;
        let head = header.encode(self.salt);
        let written = match header.payload_len() <= COPIED_BYTES {
            true => (&*self.file).write_all(&join(&head, parts, header.payload_len())),
            false => {
                let mut slices = Vec::with_capacity(parts.len() + 1);
                slices.push(IoSlice::new(&head));
                slices.extend(parts.iter().map(|part| IoSlice::new(part)));
                write_all_vectored(&self.file, &mut slices)
            }
        };
        if let Err(error) = written {
            self.ragged = self.file.set_len(self.end).is_err();
            return Err(LogError::io("append to the log", &self.path)(error));
        }
        self.offsets.push(start);
        self.end += (RECORD_HEADER_BYTES + header.payload_len()) as u64;
        Ok(())
    }

    /// Reads and checks the payload of one entry of this segment.
    pub(crate) fn read(&self, index: u64) -> Result<Option<Bytes>, LogError> {
        let Some((start, end)) = self.span(index) else { return Ok(None) };
        let mut record = vec![0; (end - start) as usize];
        match self.file.read_exact_at(&mut record, start) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(self.corrupt(start, index, Damage::RecordCut));
            }
            read => read.map_err(LogError::io("read", &self.path))?,
        }
        check_record(&record, self.salt, index).map_err(|why| self.corrupt(start, index, why))?;
        Ok(Some(Bytes::from(record).slice(RECORD_HEADER_BYTES..)))
    }

    /// Reads `len` bytes at `offset` of an entry's payload, without the rest and so without its checksum; `None` when the
    /// entry has no such bytes.
    pub(crate) fn read_part(&self, index: u64, offset: u32, len: u32) -> Result<Option<Bytes>, LogError> {
        let Some((start, end)) = self.span(index) else { return Ok(None) };
        let from = start + RECORD_HEADER_BYTES as u64 + u64::from(offset);
        if from + u64::from(len) > end {
            return Ok(None);
        }
        let mut part = vec![0; len as usize];
        self.file.read_exact_at(&mut part, from).map_err(LogError::io("read", &self.path))?;
        Ok(Some(part.into()))
    }

    /// Cuts the entries from `index` on, which must be within the segment or just after it.
    pub(crate) fn truncate(&mut self, index: u64) -> Result<(), LogError> {
        let Some((start, _)) = self.span(index) else { return Ok(()) };
        self.file.set_len(start).map_err(LogError::io("truncate", &self.path))?;
        self.end = start;
        self.offsets.truncate((index - self.first) as usize);
        Ok(())
    }

    pub(crate) fn corrupt(&self, offset: u64, index: u64, why: Damage) -> LogError {
        LogError::Corrupt { file: self.path.clone(), offset, index, why }
    }
}

fn join(head: &[u8], parts: &[&[u8]], payload_len: usize) -> Vec<u8> {
    let mut record = Vec::with_capacity(head.len() + payload_len);
    record.extend_from_slice(head);
    parts.iter().for_each(|part| record.extend_from_slice(part));
    record
}

/// Opens a segment for reading anywhere and writing at its end.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).open(path)
}

pub(crate) fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.{EXTENSION}"))
}

/// Segment files of `dir`, by the index their name bears, ascending.
pub(crate) fn list_segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    list_numbered(dir, EXTENSION).map_err(LogError::io("list", dir))
}

/// Files of `dir` called `<number>.<extension>`, by number, ascending.
pub(crate) fn list_numbered(dir: &Path, extension: &str) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == extension)
            && let Some(number) = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok())
        {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Writes everything in as few system calls as the kernel allows.
pub(crate) fn write_all_vectored(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    /// What one writev takes on Linux.
    const SLICES_A_CALL: usize = 1024;
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let batch = slices.len().min(SLICES_A_CALL);
        match file.write_vectored(&slices[..batch]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
