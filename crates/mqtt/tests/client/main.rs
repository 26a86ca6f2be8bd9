//! The client machine against a server, over a wire that carries single packets and breaks where it is told to.

#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

mod authentication;
mod breaches;
mod handshake;
mod independent_server;
mod limits;
mod lost_session;
mod publishing;
mod receiving;
mod requests;
mod resumption;
mod server;
mod wire;
