//! To whom the authority issued, and by which key each of them may come back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::super::record::{Reader, Writer};
use super::super::settings::RETURN_WITHIN;
use super::super::signer::KeyPrint;
use super::super::{ClusterName, InternalError, Member, MemberName, Role};
use crate::files::{self, CERTIFICATE_MODE};

const VERSION: u8 = 1;
/// Beyond that the one whose certificate ends first is forgotten: it needs a token should it come back late.
const MOST_MEMBERS: usize = 2048;

/// One process to which a certificate was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Who it is.
    pub member: Member,
    /// When its last certificate ends.
    pub not_after: SystemTime,
    /// Whether it is to stay out.
    pub standing: Standing,
}

/// Whether a process belongs to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Member,
    /// It was removed: it gets no other certificate, unless somebody gives it a join token.
    Removed,
}

/// The list, in memory and in a file.
#[derive(Debug)]
pub(crate) struct Members {
    cluster: ClusterName,
    file: PathBuf,
    known: Mutex<Known>,
}

type Known = BTreeMap<(Role, MemberName), Entry>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// The key it has last been seen with. An answer may get lost: then it comes back with this one.
    seen: KeyPrint,
    /// The key of the last certificate.
    issued: KeyPrint,
    not_after: SystemTime,
    standing: Standing,
}

/// What a certificate was issued on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grounds {
    /// A token, or because it is the process of the authority itself.
    Trust,
    /// It has shown that it holds this key.
    Key(KeyPrint),
}

impl Members {
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub(crate) fn open(file: PathBuf, cluster: ClusterName) -> Result<Self, InternalError> {
        let remedy = "delete it (a process that was away longer than its certificate needs a join token then)";
        let known = match files::read(&file)? {
            Some(bytes) => read(&bytes).map_err(|e| InternalError::Damaged {
                path: file.clone(),
                reason: e.to_string(),
                remedy,
            })?,
            None => Known::new(),
        };
        Ok(Self { cluster, file, known: Mutex::new(known) })
    }

    /// Notes down what was issued. Where that cannot be written it counts as long as this process lives, and a warning is logged:
    /// better than a cluster whose certificates end because a disk is full.
    pub(crate) fn note(
        &self,
        (role, name): (Role, &MemberName),
        grounds: Grounds,
        (issued, not_after): (KeyPrint, SystemTime),
        now: SystemTime,
    ) {
        let mut known = self.known();
        let seen = match grounds {
            Grounds::Trust => issued,
            Grounds::Key(seen) => seen,
        };
        known.retain(|_, entry| entry.not_after + RETURN_WITHIN > now);
        if known.len() >= MOST_MEMBERS {
            let first = known.iter().min_by_key(|(_, entry)| entry.not_after).map(|(who, _)| who.clone());
            first.and_then(|first| known.remove(&first));
        }
        let who = (role, name.clone());
        let standing = match (grounds, known.get(&who)) {
            // Removed while its request was being granted.
            (Grounds::Key(_), Some(before)) => before.standing,
            _ => Standing::Member,
        };
        known.insert(who, Entry { seen, issued, not_after, standing });
        if let Err(error) = self.store(&known) {
            tracing::warn!(%error, "could not note down who got an internal certificate; should it be away for long, it needs a join token");
        }
    }

    /// Whether that key lets a process in again.
    pub(crate) fn knows(&self, role: Role, name: &MemberName, key: &KeyPrint, now: SystemTime) -> bool {
        self.known().get(&(role, name.clone())).is_some_and(|entry| {
            entry.standing == Standing::Member
                && (entry.seen == *key || entry.issued == *key)
                && entry.not_after + RETURN_WITHIN > now
        })
    }

    pub(crate) fn is_removed(&self, role: Role, name: &MemberName) -> bool {
        self.known().get(&(role, name.clone())).is_some_and(|entry| entry.standing == Standing::Removed)
    }

    /// The keys that it has had, and when the last certificate for them ends.
    ///
    /// # Errors
    /// Nobody of that name is known; it cannot be noted down.
    pub(crate) fn remove(&self, role: Role, name: &MemberName) -> Result<([KeyPrint; 2], SystemTime), InternalError> {
        let mut known = self.known();
        let mut changed = known.clone();
        let Some(entry) = changed.get_mut(&(role, name.clone())) else {
            return Err(InternalError::NoMember { role, name: name.clone() });
        };
        entry.standing = Standing::Removed;
        let had = ([entry.seen, entry.issued], entry.not_after);
        self.store(&changed)?;
        *known = changed;
        Ok(had)
    }

    pub(crate) fn status(&self) -> Vec<MemberStatus> {
        let status = |((role, name), entry): (&(Role, MemberName), &Entry)| MemberStatus {
            member: Member { cluster: self.cluster.clone(), role: *role, name: name.clone() },
            not_after: entry.not_after,
            standing: entry.standing,
        };
        self.known().iter().map(status).collect()
    }

    fn store(&self, known: &Known) -> Result<(), InternalError> {
        let mut record = Writer::new(VERSION);
        record.number(known.len() as u64);
        for ((role, name), entry) in known {
            record.bytes(role.as_str().as_bytes());
            record.bytes(name.as_str().as_bytes());
            record.bytes(&entry.seen);
            record.bytes(&entry.issued);
            record.moment(entry.not_after);
            record.byte(match entry.standing {
                Standing::Member => 1,
                Standing::Removed => 2,
            });
        }
        Ok(files::replace(&self.file, &record.finish(), CERTIFICATE_MODE)?)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(bytes: &[u8]) -> Result<Known, InternalError> {
    let mut record = Reader::new("the list of members", bytes, VERSION)?;
    let mut known = Known::new();
    for _ in 0..record.number()? {
        let (role, name) = (record.text()?.parse()?, MemberName::new(record.text()?)?);
        let (seen, issued) = (record.array("a key's hash")?, record.array("a key's hash")?);
        let not_after = record.moment()?;
        let standing = match record.byte()? {
            1 => Standing::Member,
            2 => Standing::Removed,
            other => return Err(record.wrong(format!("a member that is {other}"))),
        };
        known.insert((role, name), Entry { seen, issued, not_after, standing });
    }
    record.finish()?;
    Ok(known)
}
