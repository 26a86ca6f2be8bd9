//! Reads a segment from its start and says where its sound records end, and why.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::LogError;
use super::frame::{Damage, FILE_HEADER_BYTES, FileHeader, FileKind, RECORD_HEADER_BYTES, RecordHeader};
use super::segment::{Segment, open_file};

/// Bytes of one read of a sequential pass.
pub(crate) const READ_AHEAD_BYTES: usize = 1 << 20;

/// Where and why a log stops being readable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub file: PathBuf,
    pub offset: u64,
    pub index: u64,
    pub why: Damage,
}

impl Fault {
    /// The file just ends too early, as a write cut short leaves it.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.why, Damage::HeaderCut | Damage::RecordCut)
    }
}

impl From<Fault> for LogError {
    fn from(fault: Fault) -> Self {
        Self::Corrupt { file: fault.file, offset: fault.offset, index: fault.index, why: fault.why }
    }
}

/// What a pass over one file found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// The sound part; `None` when not even the header is.
    pub segment: Option<Segment>,
    pub fault: Option<Fault>,
    /// Highest index that some record says was on the device.
    pub synced: u64,
}

/// Reads the segment `path`, whose name says that it begins with entry `first`, and checks every record.
pub(crate) fn scan(path: &Path, first: u64) -> Result<Scanned, LogError> {
    let file = open_file(path).map_err(LogError::io("open", path))?;
    let fault = |offset, index, why| Fault { file: path.to_owned(), offset, index, why };
    let header = match read_header(&file).map_err(LogError::io("read", path))? {
        Ok(header) if header.marks[0] == first => header,
        Ok(header) => return Ok(headless(fault(0, first, Damage::Index(header.marks[0])))),
        Err(why) => return Ok(headless(fault(0, first, why))),
    };
    let salt = header.marks[1] as u32;
    let mut synced = header.marks[2];
    let (mut offsets, mut end) = (Vec::new(), FILE_HEADER_BYTES as u64);
    let why = {
        let mut records = Records::new(&file, end, salt).map_err(LogError::io("read", path))?;
        loop {
            match records.check(first + offsets.len() as u64).map_err(LogError::io("read", path))? {
                Step::End => break None,
                Step::Damaged(why) => break Some(why),
                Step::Sound(record) => {
                    synced = synced.max(record.synced);
                    // A segment takes no record beyond 4 GiB, so a start that does not fit is damage.
                    let Ok(start) = u32::try_from(end) else { break Some(Damage::Contents) };
                    offsets.push(start);
                    end = records.position;
                }
            }
        }
    };
    let fault = why.map(|why| fault(end, first + offsets.len() as u64, why));
    let segment = Segment::with_records(path.to_owned(), file, salt, first, offsets, end);
    Ok(Scanned { segment: Some(segment), fault, synced })
}

fn headless(fault: Fault) -> Scanned {
    Scanned { segment: None, fault: Some(fault), synced: 0 }
}

fn read_header(file: &File) -> io::Result<Result<FileHeader, Damage>> {
    let mut bytes = Vec::with_capacity(FILE_HEADER_BYTES);
    At { file, position: 0 }.take(FILE_HEADER_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(FileHeader::decode(&bytes, FileKind::Log))
}

pub(crate) enum Step<T> {
    Sound(T),
    End,
    Damaged(Damage),
}

/// Reads records one after the other with large reads.
pub(crate) struct Records<'a> {
    reader: BufReader<At<'a>>,
    /// Where the next record starts.
    pub(crate) position: u64,
    len: u64,
    salt: u32,
}

impl<'a> Records<'a> {
    pub(crate) fn new(file: &'a File, position: u64, salt: u32) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let ahead = READ_AHEAD_BYTES.min(len.saturating_sub(position) as usize);
        Ok(Self { reader: BufReader::with_capacity(ahead, At { file, position }), position, len, salt })
    }

    /// Checks the next record without keeping its payload.
    pub(crate) fn check(&mut self, index: u64) -> io::Result<Step<RecordHeader>> {
        let header = match self.header(index)? {
            Step::Sound(header) => header,
            Step::End => return Ok(Step::End),
            Step::Damaged(why) => return Ok(Step::Damaged(why)),
        };
        let mut hasher = crc32fast::Hasher::new();
        let mut left = header.payload_len();
        while left > 0 {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(Step::Damaged(Damage::RecordCut));
            }
            let taken = bytes.len().min(left);
            hasher.update(&bytes[..taken]);
            self.reader.consume(taken);
            left -= taken;
        }
        self.finish(header, hasher.finalize())
    }

    /// Reads the next record's payload.
    pub(crate) fn payload(&mut self, index: u64) -> io::Result<Step<Vec<u8>>> {
        let header = match self.header(index)? {
            Step::Sound(header) => header,
            Step::End => return Ok(Step::End),
            Step::Damaged(why) => return Ok(Step::Damaged(why)),
        };
        let mut payload = vec![0; header.payload_len()];
        self.reader.read_exact(&mut payload)?;
        Ok(match self.finish(header, crc32fast::hash(&payload))? {
            Step::Sound(_) => Step::Sound(payload),
            Step::End => Step::End,
            Step::Damaged(why) => Step::Damaged(why),
        })
    }

    fn header(&mut self, index: u64) -> io::Result<Step<RecordHeader>> {
        let left = self.len.saturating_sub(self.position);
        if left == 0 {
            return Ok(Step::End);
        }
        if left < RECORD_HEADER_BYTES as u64 {
            return Ok(Step::Damaged(Damage::RecordCut));
        }
        let mut bytes = [0; RECORD_HEADER_BYTES];
        self.reader.read_exact(&mut bytes)?;
        let Some(header) = RecordHeader::decode(&bytes, self.salt) else {
            return Ok(Step::Damaged(Damage::RecordHeader));
        };
        if header.index != index {
            return Ok(Step::Damaged(Damage::Index(header.index)));
        }
        if left - (RECORD_HEADER_BYTES as u64) < u64::from(header.len) {
            return Ok(Step::Damaged(Damage::RecordCut));
        }
        Ok(Step::Sound(header))
    }

    fn finish(&mut self, header: RecordHeader, payload_crc: u32) -> io::Result<Step<RecordHeader>> {
        if payload_crc != header.payload_crc {
            return Ok(Step::Damaged(Damage::Payload));
        }
        self.position += (RECORD_HEADER_BYTES + header.payload_len()) as u64;
        Ok(Step::Sound(header))
    }
}

/// Sound records after a fault: how many, and what they say was on the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survivors {
    pub entries: u64,
    pub synced: u64,
}

/// Looks for sound records of entries after `index` in `path`, from byte `from` on, at any offset.
///
/// Holds the rest of the file in memory; called only when a log is damaged.
pub(crate) fn survivors(path: &Path, from: u64, index: u64) -> Result<Survivors, LogError> {
    let file = File::open(path).map_err(LogError::io("open", path))?;
    let Ok(header) = read_header(&file).map_err(LogError::io("read", path))? else {
        return Ok(Survivors::default());
    };
    let mut found = Survivors { entries: 0, synced: header.marks[2] };
    let salt = header.marks[1] as u32;
    let mut rest = Vec::new();
    At { file: &file, position: from.max(FILE_HEADER_BYTES as u64) }
        .read_to_end(&mut rest)
        .map_err(LogError::io("read", path))?;
    let mut at = skip_damaged(&rest, salt, index);
    while let Some(bytes) = rest.get(at..).and_then(|r| r.first_chunk::<RECORD_HEADER_BYTES>()) {
        let guess = RecordHeader::decode_unchecked(bytes);
        let body = at + RECORD_HEADER_BYTES;
        let payload = rest.get(body..body.saturating_add(guess.payload_len()));
        let sound = guess.index > index
            && guess.synced < guess.index
            && payload.is_some_and(|p| {
                RecordHeader::decode(bytes, salt).is_some() && crc32fast::hash(p) == guess.payload_crc
            });
        if sound {
            found.entries += 1;
            found.synced = found.synced.max(guess.synced);
            at = body + guess.payload_len();
        } else {
            at += 1;
        }
    }
    Ok(found)
}

/// Steps over the damaged record itself where its header can be trusted.
fn skip_damaged(rest: &[u8], salt: u32, index: u64) -> usize {
    match RecordHeader::decode(rest, salt) {
        Some(header) if header.index == index => RECORD_HEADER_BYTES + header.payload_len(),
        _ => 0,
    }
}

/// Reads a file from a position of its own, whatever else uses the handle.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buf, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}
