//! The file in which a process finds its join token.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use identity::internal::JoinToken;
use zeroize::Zeroizing;

use super::CertsError;

/// No token is longer, with all the blanks that may be around it.
const LONGEST_FILE: u64 = 4096;

/// Reads the token. Whether it is still good is for the authority to say.
///
/// # Errors
/// The file cannot be read, or holds something else; nothing of it is shown.
pub(crate) fn read(path: &Path) -> Result<JoinToken, CertsError> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize));
    let read = File::open(path).and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
    read.map_err(|source| CertsError::TokenFile { path: path.to_owned(), source })?;
    JoinToken::parse(&text).map_err(|source| CertsError::Token { path: path.to_owned(), source })
}
