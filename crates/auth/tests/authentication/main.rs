//! Authentication against real parts: certificates, signed tokens, and servers that speak TLS.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod admission;
mod custom;
mod gate;
mod jwt;
mod methods;
mod parts;
mod remote_keys;
mod secrets;
mod service_account;
mod user_password;
mod x509;
