//! Tests of the session without I/O, and of two ends over memory.

mod ends;
mod faults;
mod house;
mod identities;
mod kept;
mod posts;
mod questions;
mod reports;
mod sessions;
