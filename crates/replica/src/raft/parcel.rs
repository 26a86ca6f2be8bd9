//! A snapshot with the bodies it refers to, as it travels to another member.
//!
//! ```text
//! u64 bytes of contents | contents | per body, ascending: u64 index | u32 offset | u32 len | bytes
//! ```
//!
//! The sender makes it up as it goes, piece by piece; the receiver spools it through the snapshot writer, whose
//! chunks are checksummed, and installs it when it is whole.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use partition::BodyRef;

use super::contents::{Contents, take_apart};
use super::error::RaftError;
use super::group::LogId;
use super::machine::FULL;
use super::message::{End, Put};
use super::store::Shared;
use crate::bodies::Arrival;
use crate::snapshot::{SnapshotReader, SnapshotWriter, Snapshots};

/// Bytes of a piece; one with a larger body in it is larger.
const PIECE_BYTES: usize = 256 << 10;

/// How long one that arrives waits for one that is being written.
const OWN_SNAPSHOT: Duration = Duration::from_secs(600);

/// A snapshot as openraft passes it on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parcel {
    /// In the member's own directory of snapshots.
    Own(LogId),
    /// Spooled from another member, whole.
    Arrived(LogId),
}

/// The sender's side. While there is one no newer snapshot is taken: what this one refers to stays.
pub(super) struct Packing {
    store: Shared,
    live: std::vec::IntoIter<BodyRef>,
    piece: Vec<u8>,
}

impl Packing {
    /// Begins with the newest snapshot, which must be that of `id`.
    pub async fn begin(store: Shared, id: LogId) -> Result<Self, RaftError> {
        let snapshots = {
            let mut store = store.lock();
            store.packing += 1;
            Arc::clone(&store.snapshots)
        };
        // From here on it is counted back when this is dropped.
        let mut packing = Self { store, live: Vec::new().into_iter(), piece: Vec::new() };
        let read = move || {
            let contents = read_whole(&snapshots, id.index)?;
            let live = take_apart(id.index, &contents)?.partition.live_bodies(id.index + 1);
            Ok::<_, RaftError>((contents, live))
        };
        let gone = |why: tokio::task::JoinError| RaftError::Restore { index: id.index, why: why.to_string() };
        let (contents, live) = tokio::task::spawn_blocking(read).await.map_err(gone)??;
        packing.piece.put_u64(contents.len() as u64);
        packing.piece.extend_from_slice(&contents);
        packing.live = live.into_iter();
        Ok(packing)
    }

    /// The next piece, and whether it is the last.
    pub fn next(&mut self) -> Result<(Bytes, End), RaftError> {
        while self.piece.len() < PIECE_BYTES {
            let Some(body) = self.live.next() else { break };
            let bytes = {
                let mut store = self.store.lock();
                let store = &mut *store;
                store.bodies.get(&store.log, body)?
            };
            self.piece.put_u64(body.index);
            self.piece.put_u32(body.offset);
            self.piece.put_u32(body.len);
            self.piece.extend_from_slice(&bytes);
        }
        let rest = self.piece.split_off(self.piece.len().min(PIECE_BYTES));
        let piece = std::mem::replace(&mut self.piece, rest);
        let end = if self.piece.is_empty() && self.live.len() == 0 { End::Last } else { End::More };
        Ok((piece.into(), end))
    }
}

impl Drop for Packing {
    fn drop(&mut self) {
        self.store.lock().packing -= 1;
    }
}

/// The receiver's side, until it is whole.
pub(super) struct Spool {
    pub id: LogId,
    pub offset: u64,
    writer: SnapshotWriter,
}

impl Spool {
    pub fn begin(dir: &Path, id: LogId) -> Result<Self, RaftError> {
        let writer = Snapshots::open(dir)?.writer(id.index)?;
        Ok(Self { id, offset: 0, writer })
    }

    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.writer, bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    pub fn finish(self) -> io::Result<()> {
        self.writer.finish()
    }
}

/// Takes a spooled parcel for the member's log, bodies and state. Waits while the disk is full.
pub(super) fn install(store: &Shared, dir: &Path, id: LogId) -> Result<(), RaftError> {
    // A snapshot of this member's own that is under way makes files among which these come.
    store.wait(OWN_SNAPSHOT, |store| store.is_building && !store.is_closing);
    if store.lock().is_building {
        return Err(RaftError::Restore { index: id.index, why: "another one is being written".to_owned() });
    }
    store.lock().purge()?;
    loop {
        match install_once(store, dir, id) {
            Err(error) if error.is_disk_full() && !store.lock().is_closing => {
                tracing::warn!(%error, "no room for a snapshot from another member; tried again");
                std::thread::sleep(FULL);
            }
            installed => return installed,
        }
    }
}

fn install_once(store: &Shared, dir: &Path, id: LogId) -> Result<(), RaftError> {
    let spool = Snapshots::open(dir)?;
    let mut reader = open(&spool, id.index)?;
    let broken = |source: io::Error| RaftError::Restore { index: id.index, why: source.to_string() };
    let len = number(&mut reader).map_err(broken)?.unwrap_or(0);
    let mut contents = Vec::new();
    reader.by_ref().take(len).read_to_end(&mut contents).map_err(broken)?;
    let taken: Contents = take_apart(id.index, &contents)?;
    let (snapshots, mut arrival) = {
        let store = store.lock();
        let arrival = if store.holds(id)? { None } else { Some(store.bodies.arrival(id.index + 1)?) };
        (Arc::clone(&store.snapshots), arrival)
    };
    while let (Some(arrival), Some((body, bytes))) = (&mut arrival, next_body(&mut reader).map_err(broken)?) {
        arrival.push(body, &bytes)?;
    }
    let arrived = arrival.map(Arrival::finish).transpose()?;
    snapshots.write(id.index, &contents)?;
    store.lock().replace(taken, arrived)?;
    spool.remove_before(id.index + 1)?;
    Ok(())
}

fn next_body(reader: &mut SnapshotReader) -> io::Result<Option<(BodyRef, Vec<u8>)>> {
    let Some(index) = number(reader)? else { return Ok(None) };
    let place = number(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = BodyRef { index, offset: place as u32, len: (place >> 32) as u32 };
    let mut bytes = Vec::new();
    reader.by_ref().take(body.len.into()).read_to_end(&mut bytes)?;
    if bytes.len() != body.len as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some((body, bytes)))
}

/// `None` at the end.
fn number(reader: &mut SnapshotReader) -> io::Result<Option<u64>> {
    let mut bytes = Vec::with_capacity(8);
    reader.by_ref().take(8).read_to_end(&mut bytes)?;
    match bytes.first_chunk() {
        Some(bytes) => Ok(Some(u64::from_le_bytes(*bytes))),
        None if bytes.is_empty() => Ok(None),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn open(snapshots: &Snapshots, index: u64) -> Result<SnapshotReader, RaftError> {
    let gone = || RaftError::Restore { index, why: "it is not there any more".to_owned() };
    snapshots.load(1)?.snapshot.filter(|reader| reader.index() == index).ok_or_else(gone)
}

fn read_whole(snapshots: &Snapshots, index: u64) -> Result<Vec<u8>, RaftError> {
    let mut contents = Vec::new();
    let read = open(snapshots, index)?.read_to_end(&mut contents);
    read.map_err(|source| RaftError::Restore { index, why: source.to_string() })?;
    Ok(contents)
}
