//! What members say to each other, as bytes.
//!
//! ```text
//! request   u8 version | u64 from | u64 to | u8 kind | fields by kind
//! reply     u8 version | u8 kind | fields by kind
//! ```
//!
//! All numbers are little endian. Another version is not answered; the link tells versions apart before this does.

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse};

use super::group::{Entry, Group, LogId, MemberId, SnapshotMeta, StoredMembership, Vote};
use super::record::{self, Record, put_log_id, put_membership, read_log_id};

/// Version of the messages.
const MESSAGE_VERSION: u8 = 1;

/// Appends numbers to a buffer.
pub(super) trait Put {
    fn put_u8(&mut self, value: u8);
    fn put_u16(&mut self, value: u16);
    fn put_u32(&mut self, value: u32);
    fn put_u64(&mut self, value: u64);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
}

/// Reads numbers off bytes that came from outside.
pub(super) struct Fields<'b> {
    rest: &'b [u8],
}

impl<'b> Fields<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.first_chunk().copied()
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_le_bytes)
    }

    pub fn rest(self) -> &'b [u8] {
        self.rest
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// A piece of a snapshot on its way to a member.
#[derive(Debug)]
pub(super) struct Piece {
    pub vote: Vote,
    pub meta: SnapshotMeta,
    /// Where it stands in the parcel; 0 begins anew.
    pub offset: u64,
    pub end: End,
    pub bytes: Bytes,
}

/// Whether more of a parcel follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    More,
    Last,
}

#[derive(Debug)]
pub(super) enum Request {
    Append(AppendEntriesRequest<Group>),
    Vote(VoteRequest<Group>),
    PreVote(VoteRequest<Group>),
    Piece(Piece),
    Transfer(TransferLeaderRequest<Group>),
}

#[derive(Debug)]
pub(super) enum Reply {
    Append(AppendEntriesResponse<Group>),
    Vote(VoteResponse<Group>),
    /// A piece was taken, or the whole snapshot is installed; with the receiver's vote.
    Piece(Vote),
    /// The parcel is to be sent from its beginning.
    Again,
    Transferred,
    /// The message is for a member that is not there (any more), or that has stopped.
    NotHere,
}

/// A request, from whom and for whom.
#[derive(Debug)]
pub(super) struct Addressed {
    pub from: MemberId,
    pub to: MemberId,
    pub request: Request,
}

impl Addressed {
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(64);
        out.put_u8(MESSAGE_VERSION);
        out.put_u64(self.from.number());
        out.put_u64(self.to.number());
        match &self.request {
            Request::Append(request) => put_append(&mut out, request),
            Request::Vote(request) => put_vote_request(&mut out, 2, request),
            Request::PreVote(request) => put_vote_request(&mut out, 3, request),
            Request::Piece(piece) => put_piece(&mut out, piece),
            Request::Transfer(request) => {
                out.put_u8(5);
                put_vote(&mut out, request.from_leader());
                out.put_u64(request.to_node_id().number());
                put_optional_id(&mut out, request.last_log_id());
            }
        }
        out.into()
    }

    /// `None` when the bytes are no request of this version.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        if fields.u8()? != MESSAGE_VERSION {
            return None;
        }
        let (from, to) = (MemberId::from_number(fields.u64()?), MemberId::from_number(fields.u64()?));
        let request = match fields.u8()? {
            1 => Request::Append(append(&mut fields, bytes)?),
            2 => Request::Vote(vote_request(&mut fields)?),
            3 => Request::PreVote(vote_request(&mut fields)?),
            4 => return Some(Self { from, to, request: Request::Piece(piece(fields, bytes)?) }),
            5 => {
                let (from, to) = (vote(&mut fields)?, MemberId::from_number(fields.u64()?));
                Request::Transfer(TransferLeaderRequest::new(from, to, optional_id(&mut fields)?))
            }
            _ => return None,
        };
        fields.is_empty().then_some(Self { from, to, request })
    }
}

impl Reply {
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(48);
        out.put_u8(MESSAGE_VERSION);
        match self {
            Self::Append(AppendEntriesResponse::Success) => out.put_u8(1),
            Self::Append(AppendEntriesResponse::PartialSuccess(upto)) => {
                out.put_u8(2);
                put_optional_id(&mut out, upto.as_ref());
            }
            Self::Append(AppendEntriesResponse::Conflict) => out.put_u8(3),
            Self::Append(AppendEntriesResponse::HigherVote(vote)) => {
                out.put_u8(4);
                put_vote(&mut out, vote);
            }
            Self::Vote(response) => {
                out.put_u8(5);
                put_vote(&mut out, &response.vote);
                out.put_u8(u8::from(response.vote_granted));
                put_optional_id(&mut out, response.last_log_id.as_ref());
            }
            Self::Piece(vote) => {
                out.put_u8(6);
                put_vote(&mut out, vote);
            }
            Self::Again => out.put_u8(7),
            Self::Transferred => out.put_u8(8),
            Self::NotHere => out.put_u8(9),
        }
        out.into()
    }

    /// `None` when the bytes are no reply of this version.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        if fields.u8()? != MESSAGE_VERSION {
            return None;
        }
        let reply = match fields.u8()? {
            1 => Self::Append(AppendEntriesResponse::Success),
            2 => Self::Append(AppendEntriesResponse::PartialSuccess(optional_id(&mut fields)?)),
            3 => Self::Append(AppendEntriesResponse::Conflict),
            4 => Self::Append(AppendEntriesResponse::HigherVote(vote(&mut fields)?)),
            5 => {
                let (vote, granted) = (vote(&mut fields)?, fields.u8()? == 1);
                Self::Vote(VoteResponse::new(vote, optional_id(&mut fields)?, granted))
            }
            6 => Self::Piece(vote(&mut fields)?),
            7 => Self::Again,
            8 => Self::Transferred,
            9 => Self::NotHere,
            _ => return None,
        };
        fields.is_empty().then_some(reply)
    }
}

fn put_append(out: &mut Vec<u8>, request: &AppendEntriesRequest<Group>) {
    out.put_u8(1);
    put_vote(out, &request.vote);
    put_optional_id(out, request.prev_log_id.as_ref());
    put_optional_id(out, request.leader_commit.as_ref());
    out.put_u32(request.entries.len() as u32);
    for entry in &request.entries {
        let record = Record::of(entry);
        out.reserve(12 + record.len());
        out.put_u64(entry.log_id.index);
        out.put_u32(record.len() as u32);
        record.parts().iter().for_each(|part| out.extend_from_slice(part));
    }
}

fn append(fields: &mut Fields<'_>, bytes: &Bytes) -> Option<AppendEntriesRequest<Group>> {
    let vote = vote(fields)?;
    let (prev_log_id, leader_commit) = (optional_id(fields)?, optional_id(fields)?);
    let count = fields.u32()?;
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..count {
        let index = fields.u64()?;
        let len = fields.u32()?;
        let record = bytes.slice_ref(fields.take(len as usize)?);
        entries.push(record::entry(index, record).ok()?);
    }
    Some(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit })
}

fn put_vote_request(out: &mut Vec<u8>, kind: u8, request: &VoteRequest<Group>) {
    out.put_u8(kind);
    put_vote(out, &request.vote);
    put_optional_id(out, request.last_log_id.as_ref());
    out.put_u8(u8::from(request.leadership_transfer));
}

fn vote_request(fields: &mut Fields<'_>) -> Option<VoteRequest<Group>> {
    let mut request = VoteRequest::new(vote(fields)?, optional_id(fields)?);
    request.leadership_transfer = fields.u8()? == 1;
    Some(request)
}

fn put_piece(out: &mut Vec<u8>, piece: &Piece) {
    out.put_u8(4);
    put_vote(out, &piece.vote);
    put_meta(out, &piece.meta);
    out.put_u64(piece.offset);
    out.put_u8(u8::from(piece.end == End::Last));
    out.extend_from_slice(&piece.bytes);
}

fn piece(mut fields: Fields<'_>, bytes: &Bytes) -> Option<Piece> {
    let (vote, meta, offset) = (vote(&mut fields)?, meta(&mut fields)?, fields.u64()?);
    let end = if fields.u8()? == 1 { End::Last } else { End::More };
    Some(Piece { vote, meta, offset, end, bytes: bytes.slice_ref(fields.rest()) })
}

/// What a snapshot stands for.
pub(super) fn put_meta(out: &mut Vec<u8>, meta: &SnapshotMeta) {
    put_optional_id(out, meta.last_log_id.as_ref());
    put_optional_id(out, meta.last_membership.log_id().as_ref());
    put_membership(out, meta.last_membership.membership());
}

pub(super) fn meta(fields: &mut Fields<'_>) -> Option<SnapshotMeta> {
    let last_log_id = optional_id(fields)?;
    let at = optional_id(fields)?;
    let last_membership = StoredMembership::new(at, record::membership(fields)?);
    Some(SnapshotMeta { last_log_id, last_membership })
}

fn put_vote(out: &mut Vec<u8>, vote: &Vote) {
    out.put_u64(vote.leader_id.term);
    out.put_u64(vote.leader_id.voted_for.number());
    out.put_u8(u8::from(vote.is_committed()));
}

fn vote(fields: &mut Fields<'_>) -> Option<Vote> {
    let (term, member) = (fields.u64()?, MemberId::from_number(fields.u64()?));
    Some(if fields.u8()? == 1 { Vote::new_committed(term, member) } else { Vote::new(term, member) })
}

fn put_optional_id(out: &mut Vec<u8>, id: Option<&LogId>) {
    out.put_u8(u8::from(id.is_some()));
    if let Some(id) = id {
        put_log_id(out, id);
    }
}

fn optional_id(fields: &mut Fields<'_>) -> Option<Option<LogId>> {
    match fields.u8()? {
        0 => Some(None),
        1 => Some(Some(read_log_id(fields)?)),
        _ => None,
    }
}
