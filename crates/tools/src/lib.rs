//! What a person runs beside a broker: pub, sub, rr, bench.
//!
//! Each tool is a module with `Arguments`, which clap reads, and `run`, which does it and says how it ended.

#![forbid(unsafe_code)]

pub mod bench;
pub mod connection;
pub mod publish;
pub mod request;
pub mod subscribe;

mod call;
mod console;
mod failure;
mod format;
mod interrupt;
mod payload;
mod printer;
