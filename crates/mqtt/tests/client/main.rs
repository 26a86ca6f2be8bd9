//! The client machine against a server, over a wire that carries single packets and breaks where it is told to.

mod authentication;
mod breaches;
mod handshake;
mod limits;
mod lost_session;
mod publishing;
mod receiving;
mod requests;
mod resumption;
mod server;
mod wire;
