//! What a member has promised: who it is, whom it voted for, how far it knows the log to be committed.
//!
//! Two files beside the log. The vote is replaced and on the device before it is sent, at every durability: it is
//! rare. The committed index is written in place and not synced; it only saves a restart the wait for a leader.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::RaftError;
use super::group::{LogId, MemberId, Vote, log_id, term_of};
use crate::log::frame::{FileHeader, FileKind};
use crate::log::marks::replace;

const BALLOT_FILE: &str = "ballot";
const COMMITTED_FILE: &str = "committed";

/// The member's own small state on disk.
#[derive(Debug)]
pub(super) struct Ballot {
    dir: PathBuf,
    member: MemberId,
    vote: Option<Vote>,
    committed: Option<LogId>,
    file: File,
}

impl Ballot {
    /// Reads the ballot in `dir`; `None` when no member was ever there.
    pub fn read(dir: &Path) -> Result<Option<Self>, RaftError> {
        let path = dir.join(BALLOT_FILE);
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(io_error("read", &path))?,
        };
        let header = FileHeader::decode(&bytes, FileKind::Ballot).map_err(|why| RaftError::Ballot { path, why })?;
        let [member, term, voted_for, leads] = header.marks;
        let vote = (term > 0).then(|| match leads {
            0 => Vote::new(term, MemberId::from_number(voted_for)),
            _ => Vote::new_committed(term, MemberId::from_number(voted_for)),
        });
        Self::with(dir, MemberId::from_number(member), vote).map(Some)
    }

    /// Makes the ballot of a new member: one that joins has promised nothing yet, one that founds has elected itself.
    pub fn create(dir: &Path, member: MemberId, vote: Option<Vote>) -> Result<Self, RaftError> {
        let ballot = Self::with(dir, member, vote)?;
        ballot.write().map_err(io_error("write", &dir.join(BALLOT_FILE)))?;
        Ok(ballot)
    }

    fn with(dir: &Path, member: MemberId, vote: Option<Vote>) -> Result<Self, RaftError> {
        let path = dir.join(COMMITTED_FILE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(io_error("open", &path))?;
        // Torn or absent it says nothing.
        let committed =
            std::fs::read(&path).ok().and_then(|bytes| FileHeader::decode(&bytes, FileKind::Committed).ok());
        let committed = committed.map(|header| log_id(header.marks[1], header.marks[0]));
        Ok(Self { dir: dir.to_owned(), member, vote, committed, file })
    }

    pub fn member(&self) -> MemberId {
        self.member
    }

    pub fn vote(&self) -> Option<Vote> {
        self.vote
    }

    pub fn committed(&self) -> Option<LogId> {
        self.committed
    }

    /// On the device when it returns.
    pub fn save_vote(&mut self, vote: Vote) -> io::Result<()> {
        let before = self.vote.replace(vote);
        self.write().inspect_err(|_| self.vote = before)
    }

    pub fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.committed = committed;
        let Some(id) = committed else { return Ok(()) };
        let header = FileHeader { kind: FileKind::Committed, marks: [id.index, term_of(&id), 0, 0] };
        self.file.write_all_at(&header.encode(), 0)
    }

    fn write(&self) -> io::Result<()> {
        let (term, voted_for, leads) = match &self.vote {
            None => (0, 0, 0),
            Some(vote) => (vote.leader_id.term, vote.leader_id.voted_for.number(), u64::from(vote.is_committed())),
        };
        let header = FileHeader { kind: FileKind::Ballot, marks: [self.member.number(), term, voted_for, leads] };
        replace(&self.dir, BALLOT_FILE, &header.encode())
    }
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RaftError {
    move |source| RaftError::Io { action, path: path.to_owned(), source }
}
