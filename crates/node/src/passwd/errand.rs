//! What is asked for, done.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use auth::authentication::{PasswordFile, PasswordFileError};
use config::SecretBytes;

use super::terminal::{self, AskError};
use super::user_file::{FileError, UserFile};
use crate::arguments::Passwd;

/// Why the file stays as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswdError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{}: {source}", path.display())]
    Content { path: PathBuf, source: PasswordFileError },
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the password is empty; nothing was changed")]
    Empty,
    #[error("--attribute {0}: the same name twice; give each once")]
    Twice(String),
    #[error("there is no user {user:?} in {}", path.display())]
    NoUser { user: String, path: PathBuf },
}

/// Changes the file as asked. Returns what was done, for people.
///
/// # Errors
/// Why it stays as it was.
pub(crate) fn run(asked: Passwd) -> Result<String, PasswdError> {
    let Passwd { file, user, delete, password_stdin, attribute } = asked;
    if delete {
        return remove(&file, &user);
    }
    let attributes = attributes(attribute)?;
    // That the file or the name cannot be is said before anybody types.
    check(&file, &user)?;
    let password = match password_stdin {
        true => terminal::read_all(io::stdin().lock())?,
        false => terminal::ask_twice(&terminal::open()?, &user)?,
    };
    put(&file, &user, &password, attributes)
}

pub(super) type Attributes = BTreeMap<Box<str>, Box<str>>;

/// Those that were given; `None` leaves a known user's as they are.
pub(super) fn attributes(given: Vec<(String, String)>) -> Result<Option<Attributes>, PasswdError> {
    let mut attributes = Attributes::new();
    for (name, value) in given {
        if attributes.insert(name.as_str().into(), value.into()).is_some() {
            return Err(PasswdError::Twice(name));
        }
    }
    Ok((!attributes.is_empty()).then_some(attributes))
}

fn check(path: &Path, user: &str) -> Result<(), PasswdError> {
    let text = UserFile::open(path)?.text()?.unwrap_or_default();
    PasswordFile::remove(&text, user).map(drop).map_err(content(path))
}

pub(super) fn put(
    path: &Path,
    user: &str,
    password: &SecretBytes,
    attributes: Option<Attributes>,
) -> Result<String, PasswdError> {
    if password.reveal().is_empty() {
        return Err(PasswdError::Empty);
    }
    let file = UserFile::open(path)?;
    let text = file.text()?.unwrap_or_default();
    let is_known = PasswordFile::remove(&text, user).map_err(content(path))?.is_some();
    let changed = PasswordFile::put(&text, user, password.reveal(), attributes).map_err(content(path))?;
    file.replace(&changed)?;
    let done = if is_known { "has a new password" } else { "is added" };
    Ok(format!("{user:?} {done} in {}\n", path.display()))
}

pub(super) fn remove(path: &Path, user: &str) -> Result<String, PasswdError> {
    let no_user = || PasswdError::NoUser { user: user.to_owned(), path: path.to_owned() };
    let file = UserFile::open(path)?;
    let text = file.text()?.ok_or_else(no_user)?;
    let changed = PasswordFile::remove(&text, user).map_err(content(path))?.ok_or_else(no_user)?;
    file.replace(&changed)?;
    Ok(format!("{user:?} is deleted from {}\n", path.display()))
}

fn content(path: &Path) -> impl FnOnce(PasswordFileError) -> PasswdError {
    move |source| PasswdError::Content { path: path.to_owned(), source }
}
