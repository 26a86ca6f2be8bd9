//! What the fuzzing of commands stands on.

pub mod allocations;
pub mod corpus;
pub mod random;
pub mod watchdog;
