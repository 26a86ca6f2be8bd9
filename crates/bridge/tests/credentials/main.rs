//! Credentials of endpoints, against files that are replaced, and identity endpoints that answer, refuse, keep silent.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod arc;
mod federation;
mod imds;
mod parts;
mod password;
mod secrets;
mod service_account;
mod x509;
