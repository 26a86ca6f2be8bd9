//! What a member does with what the others ask of it.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use openraft::Raft;
use tokio::time::Instant;

use super::error::RaftError;
use super::group::{Group, LogId, MemberId, Snapshot, SnapshotMeta};
use super::machine::Machine;
use super::message::{Addressed, End, Piece, Reply, Request};
use super::parcel::{Parcel, Spool};

/// Hears what other members say. Shared with whoever receives it.
pub(super) struct Ear {
    pub id: MemberId,
    pub raft: Raft<Group, Machine>,
    pub arriving: PathBuf,
    pub spool: Mutex<Option<Spool>>,
    /// What a member promises a leader by answering it is forgotten at a restart: until then it elects nobody.
    pub elects_from: Instant,
}

impl Ear {
    pub async fn answer(&self, request: &Bytes) -> Reply {
        let Some(Addressed { to, request, .. }) = Addressed::decode(request) else { return Reply::NotHere };
        if to != self.id {
            return Reply::NotHere;
        }
        match request {
            Request::Append(request) => self.raft.append_entries(request).await.map_or(Reply::NotHere, Reply::Append),
            Request::Vote(request) | Request::PreVote(request)
                if !request.leadership_transfer && Instant::now() < self.elects_from =>
            {
                Reply::NotHere
            }
            Request::Vote(request) => self.raft.vote(request).await.map_or(Reply::NotHere, Reply::Vote),
            Request::PreVote(request) => self.raft.pre_vote(request).await.map_or(Reply::NotHere, Reply::Vote),
            Request::Transfer(request) => match self.raft.handle_transfer_leader(request).await {
                Ok(Ok(())) => Reply::Transferred,
                _ => Reply::NotHere,
            },
            Request::Piece(piece) => self.take(piece).await,
        }
    }

    /// Takes a piece of a snapshot; the last one installs it.
    async fn take(&self, piece: Piece) -> Reply {
        let (vote, end, meta) = (piece.vote, piece.end, piece.meta.clone());
        let spooled = self.spool(piece);
        let id = match spooled {
            Ok(id) => id,
            Err(Refused::Order) => return Reply::Again,
            Err(Refused::Disk(error)) => {
                tracing::warn!(member = %self.id, %error, "a snapshot from another member cannot be taken");
                return Reply::NotHere;
            }
        };
        if end == End::More {
            return Reply::Piece(vote);
        }
        let snapshot = Snapshot { meta, snapshot: Parcel::Arrived(id) };
        match self.raft.install_full_snapshot(vote, snapshot).await {
            Ok(response) => {
                tracing::info!(member = %self.id, index = id.index, "a snapshot from another member is in place");
                Reply::Piece(response.vote)
            }
            Err(_) => Reply::NotHere,
        }
    }

    fn spool(&self, piece: Piece) -> Result<LogId, Refused> {
        let SnapshotMeta { last_log_id: Some(id), .. } = piece.meta else { return Err(Refused::Order) };
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        if piece.offset == 0 {
            // The writer of an unfinished one removes its file first.
            *spool = None;
            *spool = Some(Spool::begin(&self.arriving, id)?);
        }
        let Some(open) = spool.as_mut().filter(|open| open.id == id && open.offset == piece.offset) else {
            return Err(Refused::Order);
        };
        open.push(&piece.bytes).map_err(|source| refused_disk(&self.arriving, source))?;
        if piece.end == End::Last
            && let Some(whole) = spool.take()
        {
            whole.finish().map_err(|source| refused_disk(&self.arriving, source))?;
        }
        Ok(id)
    }
}

/// Why a piece was not taken.
enum Refused {
    /// It does not follow the one before.
    Order,
    Disk(RaftError),
}

impl From<RaftError> for Refused {
    fn from(error: RaftError) -> Self {
        Self::Disk(error)
    }
}

fn refused_disk(path: &std::path::Path, source: std::io::Error) -> Refused {
    Refused::Disk(RaftError::Io { action: "write", path: path.to_owned(), source })
}
