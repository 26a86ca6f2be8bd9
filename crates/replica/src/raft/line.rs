//! From one member to another: openraft's network over a carrier of bytes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::OptionalSend;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse,
    VoteRequest, VoteResponse,
};
use partition::PartitionId;

use super::group::{Group, MemberId, Snapshot, Vote};
use super::message::{Addressed, End, Piece, Reply, Request};
use super::parcel::{Packing, Parcel};
use super::settings::Timing;
use super::store::Shared;

/// A reply on its way.
pub type Carrying<'c> = Pin<Box<dyn Future<Output = Result<Bytes, CarryError>> + Send + 'c>>;

/// What a request may wait behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Heartbeats and votes, of less than 256 bytes: behind nothing else.
    Control,
    /// Entries: some MiB, more where one entry alone is larger. One request is under way to each member.
    Log,
    /// Pieces of a snapshot, one under way to each member.
    Snapshot,
}

/// Carries requests to members in other processes and brings their replies. Whoever receives one gives it to
/// [`Member::answer`](super::Member::answer) of the partition's member there.
pub trait Carrier: Send + Sync + 'static {
    /// Ends with an error after `deadline` at the latest. A request may arrive late, or twice; requests to one member
    /// of one partition that are under way together may overtake each other.
    fn carry(
        &self,
        partition: PartitionId,
        to: MemberId,
        lane: Lane,
        request: Bytes,
        deadline: Duration,
    ) -> Carrying<'_>;
}

/// Why a request has no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CarryError {
    /// There is no way to that process now: it is tried again after a while.
    #[error("member {0} cannot be reached")]
    Unreachable(MemberId),
    #[error("member {0} has not answered in time")]
    Late(MemberId),
    #[error("member {0} has answered what cannot be read")]
    Unreadable(MemberId),
    #[error("member {0} is not there any more")]
    NotHere(MemberId),
}

/// Makes a line for each other member.
#[derive(Clone)]
pub(super) struct Lines {
    pub partition: PartitionId,
    pub from: MemberId,
    pub carrier: Arc<dyn Carrier>,
    pub timing: Timing,
    pub store: Shared,
}

impl RaftNetworkFactory<Group> for Lines {
    type Network = Line;

    async fn new_client(&mut self, target: MemberId, (): &()) -> Line {
        Line { lines: self.clone(), to: target }
    }
}

pub(super) struct Line {
    lines: Lines,
    to: MemberId,
}

type RpcResult<T> = Result<T, RPCError<Group>>;

impl Line {
    async fn ask(&self, request: Request, option: &RPCOption) -> Result<Reply, CarryError> {
        let Lines { partition, from, carrier, timing, .. } = &self.lines;
        let (lane, deadline) = match &request {
            // The library's time for these is that of a heartbeat.
            Request::Append(append) if !append.entries.is_empty() => (Lane::Log, timing.message),
            Request::Piece(piece) if piece.end == End::Last => (Lane::Snapshot, timing.install),
            Request::Piece(_) => (Lane::Snapshot, timing.message),
            _ => (Lane::Control, option.hard_ttl()),
        };
        let request = Addressed { from: *from, to: self.to, request }.encode();
        let reply = carrier.carry(*partition, self.to, lane, request, deadline).await?;
        match Reply::decode(&reply) {
            Some(Reply::NotHere) => Err(CarryError::NotHere(self.to)),
            Some(reply) => Ok(reply),
            None => Err(CarryError::Unreadable(self.to)),
        }
    }

    async fn ask_for<T>(
        &self,
        request: Request,
        option: &RPCOption,
        expected: impl FnOnce(Reply) -> Option<T>,
    ) -> RpcResult<T> {
        let reply = self.ask(request, option).await.map_err(rpc_error)?;
        expected(reply).ok_or_else(|| rpc_error(CarryError::Unreadable(self.to)))
    }

    async fn send_parcel(
        &self,
        vote: Vote,
        snapshot: Snapshot,
        option: &RPCOption,
    ) -> Result<SnapshotResponse<Group>, StreamingError<Group>> {
        let (Parcel::Own(id) | Parcel::Arrived(id)) = snapshot.snapshot;
        // What is not there any more was replaced by a newer snapshot, which is sent at the next attempt.
        let local = |error: super::RaftError| StreamingError::Network(NetworkError::new(&error));
        let mut packing = Packing::begin(self.lines.store.clone(), id).await.map_err(local)?;
        let mut offset = 0;
        loop {
            let (bytes, end) = packing.next().map_err(local)?;
            let len = bytes.len() as u64;
            let piece = Piece { vote, meta: snapshot.meta.clone(), offset, end, bytes };
            match self.ask(Request::Piece(piece), option).await.map_err(streaming_error)? {
                Reply::Piece(vote) if end == End::Last => return Ok(SnapshotResponse::new(vote)),
                Reply::Piece(_) => offset += len,
                _ => return Err(streaming_error(CarryError::Unreadable(self.to))),
            }
        }
    }
}

impl RaftNetworkV2<Group> for Line {
    type SnapshotData = Parcel;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Group>,
        option: RPCOption,
    ) -> RpcResult<AppendEntriesResponse<Group>> {
        let expected = |reply| if let Reply::Append(response) = reply { Some(response) } else { None };
        self.ask_for(Request::Append(rpc), &option, expected).await
    }

    async fn vote(&mut self, rpc: VoteRequest<Group>, option: RPCOption) -> RpcResult<VoteResponse<Group>> {
        let expected = |reply| if let Reply::Vote(response) = reply { Some(response) } else { None };
        self.ask_for(Request::Vote(rpc), &option, expected).await
    }

    async fn pre_vote(&mut self, rpc: VoteRequest<Group>, option: RPCOption) -> RpcResult<VoteResponse<Group>> {
        let expected = |reply| if let Reply::Vote(response) = reply { Some(response) } else { None };
        self.ask_for(Request::PreVote(rpc), &option, expected).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<Group>, StreamingError<Group>> {
        // Cancelled between two pieces or while one is under way: the receiver begins anew at offset 0.
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = self.send_parcel(vote, snapshot, &option) => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Group>,
        option: RPCOption,
    ) -> RpcResult<TransferLeaderResponse<Group>> {
        let expected = |reply| matches!(reply, Reply::Transferred).then_some(Ok(()));
        self.ask_for(Request::Transfer(request), &option, expected).await
    }
}

fn rpc_error(error: CarryError) -> RPCError<Group> {
    match error {
        CarryError::Late(_) => RPCError::Network(NetworkError::new(&error)),
        _ => RPCError::Unreachable(Unreachable::new(&error)),
    }
}

fn streaming_error(error: CarryError) -> StreamingError<Group> {
    match error {
        CarryError::Late(_) => StreamingError::Network(NetworkError::new(&error)),
        _ => StreamingError::Unreachable(Unreachable::new(&error)),
    }
}
