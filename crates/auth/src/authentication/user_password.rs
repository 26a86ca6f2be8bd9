//! The method UserPassword: names and passwords in a file, the passwords as argon2id hashes.
//!
//! One JSON object a line: `{"username":"ann","passwordHash":"$argon2id$...","attributes":{"site":"north"}}`. Empty lines and
//! lines that begin with `#` are left alone.

mod file;
mod hashing;
mod method;
mod recent;

pub use file::{PasswordFile, PasswordFileError};
pub(crate) use method::UserPassword;
pub use method::UserPasswordSettings;
