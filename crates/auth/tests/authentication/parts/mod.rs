//! What the tests are made of, beside what they share with the black-box tests.

mod asking;
mod pki;
mod server;
mod tokens;

pub use asking::{
    accepted, anyone, compiled, counters, denied, judge, judge_at, not_found_out, seconds_from, with_chain,
    with_enhanced, with_password,
};
pub use causeway_tests::https_server::{Answered, Seen, Server, refused_endpoint};
pub use causeway_tests::pki::TestAuthority;
pub use causeway_tests::pki::client::{Issued, ListEnd};
pub use causeway_tests::token::{Signer, audience_claims, now_seconds, pod_claims};
pub use pki::{authority, file, issued, list, server_identity};
pub use server::{reachable, trusted};
pub use tokens::keys_of;
