//! Passwords and tokens: from files and the environment, never shown.

use std::convert::Infallible;
use std::path::Path;
use std::str::FromStr;
use std::{fmt, fs};

use bytes::Bytes;

use super::Connection;
use super::url::Url;
use crate::failure::Failure;

/// A word of the command line that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hidden(pub String);

impl FromStr for Hidden {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// Where a password is looked for when no flag gives one.
const PASSWORD_VARIABLE: &str = "CAUSEWAY_PASSWORD";

impl Connection {
    /// The password: of -P, the URL or --password-file, else with a user name of the environment.
    pub(super) fn password(&self, url: Option<&Url>, username: Option<&str>) -> Result<Option<Bytes>, Failure> {
        if let Some(path) = &self.password_file {
            return Ok(Some(read(path, "--password-file")?.into()));
        }
        let given = self.password.as_ref().or_else(|| url.and_then(|url| url.password.as_ref()));
        let found = given
            .map(|Hidden(text)| text.clone())
            .or_else(|| username.and_then(|_| std::env::var(PASSWORD_VARIABLE).ok()));
        Ok(found.map(Bytes::from))
    }
}

/// The content of a file without the line end an editor puts behind it.
pub(super) fn read(path: &Path, flag: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes =
        fs::read(path).map_err(|e| Failure::usage(format!("{flag}: cannot read {}: {e}", path.display())))?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.is_empty() {
        return Err(Failure::usage(format!("{flag}: {} is empty", path.display())));
    }
    Ok(bytes)
}
