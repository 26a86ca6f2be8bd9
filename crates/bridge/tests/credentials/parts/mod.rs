//! What the tests are made of, beside what they share with the black-box tests.

mod endpoint;
mod keeping;

pub use endpoint::{Endpoint, Reply};
pub use keeping::{fast, held, refusal, shown_token, within};
