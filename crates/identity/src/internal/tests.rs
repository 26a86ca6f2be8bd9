//! Processes of one cluster and strangers, with real handshakes in memory and a clock that is turned by hand.

mod cluster;
mod golden;
mod handshakes;
mod joins;
mod renewals;
mod returns;
mod rotations;
