//! pub, sub, rr and bench as a person runs them, against other brokers and ours.

mod bench;
mod brokers;
mod messages;
mod program;
