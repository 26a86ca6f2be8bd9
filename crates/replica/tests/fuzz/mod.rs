//! What the fuzzing of files stands on.

pub mod directory;
pub mod random;
pub mod sample;
