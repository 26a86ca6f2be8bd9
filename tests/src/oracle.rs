//! Publishers and subscribers that write down what they did and saw, and the judge who compares.

pub mod acknowledged;
pub mod consumer;
pub mod producer;

pub use acknowledged::{check, missing};
pub use consumer::{Consumer, Manner};
pub use producer::{Producer, open};
