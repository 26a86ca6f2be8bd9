//! The internal certificates of a cluster: where a process keeps them, and the errands about them.
//!
//! ```text
//!   certs init ──► DATA-DIR/internal/authority  ──► frontend.token, backend.token ──► --join-token-file of the others
//!                    (the first backend's)
//!   certs token, status, rotate ──► the admin endpoint of a process that runs, or that folder where none does
//! ```

mod document;
mod errand;
mod error;
pub(crate) mod folder;
pub(crate) mod settings;
mod table;
pub(crate) mod token;

pub(crate) use errand::{initiate, run};
pub(crate) use error::CertsError;

#[cfg(test)]
mod tests;
