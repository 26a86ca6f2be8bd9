//! What the tests are made of.

mod asking;
mod pki;
mod server;
mod tokens;

pub use asking::{
    accepted, anyone, compiled, counters, denied, judge, judge_at, not_found_out, seconds_from, with_chain,
    with_enhanced, with_password,
};
pub use pki::{Issued, Made, authority, file, intermediate, issued, list, server_identity};
pub use server::{Answered, Seen, Server, reachable, refused_endpoint};
pub use tokens::{Signer, audience_claims, now_seconds, pod_claims};
