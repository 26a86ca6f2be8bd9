//! Data directories as runs leave them, and what was written into them.

use std::collections::BTreeMap;

use bytes::Bytes;
use partition::BodyRef;
use replica::{
    bodies::{BodySettings, BodyStore},
    log::{LogSettings, LogStore},
    snapshot::Snapshots,
};

use super::directory::{Files, files_below, tempdir};

pub const FILE_HEADER_BYTES: usize = 48;
pub const RECORD_HEADER_BYTES: usize = 28;
/// Of all files here. Beside it, only the id of this start of the machine differs from run to run.
const SALT: u32 = 0x5a17_5a17;

/// What a replica keeps, and every payload that it was given.
pub struct Sample {
    pub name: String,
    pub files: Files,
    pub entries: BTreeMap<u64, Vec<u8>>,
    pub snapshots: BTreeMap<u64, Vec<u8>>,
    /// Ascending.
    pub live: Vec<BodyRef>,
}

impl Sample {
    pub fn entry(&self, index: u64) -> &[u8] {
        &self.entries[&index]
    }

    pub fn body(&self, body: BodyRef) -> &[u8] {
        &self.entry(body.index)[body.offset as usize..][..body.len as usize]
    }
}

/// Small segments, so that there are many.
pub fn settings() -> LogSettings {
    LogSettings { segment_bytes: 4 << 10 }
}

/// With and without carried bodies, synced midway or not, stopped cleanly or killed.
pub fn samples() -> Vec<Sample> {
    (0..8).map(|n| sample(n & 1 != 0, n & 2 != 0, n & 4 != 0)).collect()
}

fn sample(carries: bool, syncs: bool, stops: bool) -> Sample {
    let dir = tempdir();
    let (mut log, _) = LogStore::open(&dir.path().join("log"), settings()).unwrap();
    let bodies = BodySettings { cache_bytes: 4 << 10 };
    let mut bodies = BodyStore::open(&dir.path().join("bodies"), &mut log, bodies).unwrap();
    let snapshots = Snapshots::open(&dir.path().join("snapshots")).unwrap();
    let mut written = Sample {
        name: format!("carries {carries}, syncs {syncs}, stops {stops}"),
        files: Files::new(),
        entries: BTreeMap::new(),
        snapshots: BTreeMap::new(),
        live: Vec::new(),
    };
    for index in 1..=90_u64 {
        let payload: Vec<u8> = (0..index * 37 % 400).map(|n| (index * 31 + n * n) as u8).collect();
        log.append(index, &[&payload]).unwrap();
        bodies.appended(index, &[Bytes::from(payload.clone())]);
        let parts = [(0, payload.len() / 3), (payload.len() / 3, payload.len() / 2)];
        let parts = parts.map(|(offset, len)| BodyRef { index, offset: offset as u32, len: len as u32 });
        written.entries.insert(index, payload);
        written.live.extend(parts.iter().filter(|body| body.len > 0));
        if syncs && index % 20 == 0 {
            log.syncer().sync().unwrap();
        }
        if index % 40 == 0 {
            let contents: Vec<u8> = (0..index * 50).map(|n| (n * 7) as u8).collect();
            snapshots.write(index, &contents).unwrap();
            written.snapshots.insert(index, contents);
            if carries {
                written
                    .live
                    .retain(|body| body.index > index || body.index % 5 == 1 || body.index > 30 && body.index < 36);
                bodies.carry_over(&mut log, &written.live, index + 1).unwrap();
            }
        }
    }
    if stops {
        log.close().unwrap();
    }
    written.files = files_below(dir.path());
    for (name, bytes) in &mut written.files {
        if let Some((_, "log" | "bodies" | "snap")) = name.rsplit_once('.') {
            salt(bytes);
        }
    }
    assert_eq!(carries, written.files.keys().any(|name| name.ends_with(".bodies")));
    written
}

/// Puts the same salt into a file, so that a seed means the same bytes every time.
fn salt(bytes: &mut [u8]) {
    let mark = if bytes[4] == b'B' { 24 } else { 16 };
    bytes[mark..mark + 8].copy_from_slice(&u64::from(SALT).to_le_bytes());
    seal_header(&mut bytes[..FILE_HEADER_BYTES]);
    let mut at = FILE_HEADER_BYTES;
    while let Some(header) = bytes.get_mut(at..at + RECORD_HEADER_BYTES) {
        seal_record(header);
        at += RECORD_HEADER_BYTES + u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
    }
}

/// Gives a file header its checksum.
pub fn seal_header(header: &mut [u8]) {
    let crc = crc32fast::hash(&header[..40]);
    header[40..44].copy_from_slice(&crc.to_le_bytes());
}

/// Gives a record header its checksum.
pub fn seal_record(header: &mut [u8]) {
    let mut hasher = crc32fast::Hasher::new_with_initial(SALT);
    hasher.update(&header[4..RECORD_HEADER_BYTES]);
    header[..4].copy_from_slice(&hasher.finalize().to_le_bytes());
}
