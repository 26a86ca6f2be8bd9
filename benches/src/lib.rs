//! The inputs of the measurements, the same for those of time and those of instructions.

pub mod packets;
pub mod population;
pub mod subscribers;

mod random;

pub use random::Random;
