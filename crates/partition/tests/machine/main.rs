//! The state machine from outside: commands in, effects out.

mod delivery;
mod determinism;
mod earlier;
mod exactly_once;
mod formats;
mod harness;
mod lane_messages;
mod lanes;
mod limits;
mod listing;
mod model;
mod partitions;
mod random;
mod retained;
mod sessions;
mod shared;
mod spread_limits;
mod wills;
