//! The join tokens that were given out: a file each, until some time after their end.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use super::record::{Reader, Writer};
use super::signer::KeyPrint;
use super::{InternalError, JoinRefusal, JoinRequest, JoinToken, Role, TokenUse};
use crate::IdentityError;
use crate::files::{self, KEY_MODE};

const VERSION: u8 = 1;
const MANY: u8 = 1;
const ONCE: u8 = 2;
const USED: u8 = 3;
const MOST_TOKENS: usize = 1024;
/// How long an ended token is remembered, so that who brings it hears why it is refused.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// The folder of tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    folder: PathBuf,
    /// Of several who hold a token that is good once, one is let in.
    using: Mutex<()>,
}

/// Somebody has proved that he holds a token.
#[derive(Debug)]
pub(crate) struct Permitted {
    pub(crate) role: Role,
    path: PathBuf,
}

struct Kept {
    role: Role,
    uses: Uses,
    secret: Zeroizing<[u8; 32]>,
    not_after: SystemTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uses {
    Many,
    Once,
    /// By the holder of that key, to whom it stays good: the answer to him may have got lost.
    Used(KeyPrint),
}

impl Tokens {
    pub(crate) fn open(folder: PathBuf) -> Result<Self, InternalError> {
        files::create_private_folder(&folder)?;
        Ok(Self { folder, using: Mutex::new(()) })
    }

    /// Notes down a token, and forgets those that ended long ago.
    pub(crate) fn put(&self, token: &JoinToken, uses: TokenUse, now: SystemTime) -> Result<(), InternalError> {
        if self.sweep(now)? >= MOST_TOKENS {
            return Err(InternalError::TooManyTokens(MOST_TOKENS));
        }
        let uses = match uses {
            TokenUse::Once => Uses::Once,
            TokenUse::UntilItEnds => Uses::Many,
        };
        let secret = Zeroizing::new(*token.secret());
        Kept { role: token.role(), uses, secret, not_after: token.not_after() }.store(&self.path(token.id()))
    }

    /// Whether the request was made with a token that is good now. Uses up nothing.
    pub(crate) fn check(
        &self,
        request: &JoinRequest,
        (id, tag): (&[u8; 16], &[u8; 32]),
        binding: &[u8; 32],
        now: SystemTime,
    ) -> Result<Permitted, JoinRefusal> {
        let path = self.path(id);
        let kept = Kept::look_up(&path)?.ok_or(JoinRefusal::Unknown)?;
        if !request.is_tagged(tag, &kept.secret, binding) {
            return Err(JoinRefusal::Unknown);
        }
        match kept.not_after <= now {
            true => Err(JoinRefusal::Ended),
            false => Ok(Permitted { role: kept.role, path }),
        }
    }

    /// Notes down that the holder of `key` has used it. Of several who hold the same token that is good once, one gets past here,
    /// and may come again with the same key.
    pub(crate) fn use_up(&self, permitted: &Permitted, key: &KeyPrint) -> Result<(), JoinRefusal> {
        let _using = self.using.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Kept::look_up(&permitted.path)?.ok_or(JoinRefusal::Unknown)?;
        match kept.uses {
            Uses::Many => Ok(()),
            Uses::Used(by) if by == *key => Ok(()),
            Uses::Used(_) => Err(JoinRefusal::Unknown),
            Uses::Once => {
                kept.uses = Uses::Used(*key);
                kept.store(&permitted.path).map_err(|error| {
                    tracing::error!(%error, "could not use up a join token");
                    JoinRefusal::NotIssued
                })
            }
        }
    }

    /// Removes what nobody needs; returns how many are left.
    fn sweep(&self, now: SystemTime) -> Result<usize, InternalError> {
        let unreadable = |source| IdentityError::Unreadable { path: self.folder.clone(), source };
        let mut left = 0;
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let kept = files::read(&path)?.map(Zeroizing::new);
            let is_over = match kept.map(|bytes| Kept::read(&bytes)) {
                Some(Ok(kept)) => kept.not_after + REMEMBERED <= now,
                Some(Err(_)) | None => false,
            };
            match is_over {
                true => files::remove(&path)?,
                false => left += 1,
            }
        }
        Ok(left)
    }

    fn path(&self, id: &[u8; 16]) -> PathBuf {
        let name: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name)
    }
}

impl Kept {
    fn look_up(path: &Path) -> Result<Option<Self>, JoinRefusal> {
        let found = files::read(path).map_err(|error| {
            tracing::error!(%error, "could not look up a join token");
            JoinRefusal::NotIssued
        })?;
        let found = found.map(Zeroizing::new);
        found.map(|bytes| Self::read(&bytes)).transpose().map_err(|error| {
            tracing::error!(path = %path.display(), %error, "a join token noted down is damaged; delete its file");
            JoinRefusal::Unknown
        })
    }

    fn store(&self, path: &Path) -> Result<(), InternalError> {
        let mut record = Writer::new(VERSION);
        record.bytes(self.role.as_str().as_bytes());
        record.bytes(self.secret.as_ref());
        record.moment(self.not_after);
        match &self.uses {
            Uses::Many => record.byte(MANY),
            Uses::Once => record.byte(ONCE),
            Uses::Used(by) => {
                record.byte(USED);
                record.bytes(by);
            }
        }
        Ok(files::replace(path, &record.finish(), KEY_MODE)?)
    }

    fn read(bytes: &[u8]) -> Result<Self, InternalError> {
        let mut record = Reader::new("a join token noted down", bytes, VERSION)?;
        let role = record.text()?.parse::<Role>()?;
        let secret = Zeroizing::new(record.array::<32>("its secret")?);
        let not_after = record.moment()?;
        let uses = match record.byte()? {
            MANY => Uses::Many,
            ONCE => Uses::Once,
            USED => Uses::Used(record.array("the hash of who used it")?),
            other => return Err(record.wrong(format!("it says that it is good in way {other}"))),
        };
        record.finish()?;
        Ok(Self { role, uses, secret, not_after })
    }
}
