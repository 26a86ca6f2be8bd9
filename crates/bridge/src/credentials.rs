//! Who a dataflow is at an endpoint: credentials read, asked for, kept until near their end, and renewed.
//!
//! ```text
//! files, secrets ─────┐
//! IMDS, Arc agent ────┼─► Keeper's task ─► current credential ─► present   in CONNECT and the TLS handshake
//! Entra's token host ─┘     └ fails: again after 128 ms to 60 s └► changed   AUTH 0x19 or a new connection
//! ```
//!
//! One [`Keeper`] an endpoint; its clones share what it has, so that a token is asked for once. What is held is at most
//! one credential; an answer is at most 64 KiB, a file 1 MiB, and every wait has a deadline.

mod certificate;
mod claims;
mod error;
mod federation;
mod files;
mod https;
mod keeper;
mod managed_identity;
mod obtaining;
mod presented;
mod secret;
mod service_account;
mod settings;
mod status;
mod surroundings;
mod token_answer;

pub(crate) use error::shown;
pub use error::{CredentialError, FileProblem};
pub use keeper::Keeper;
pub use presented::{Presented, Renewal};
pub use secret::Secret;
pub use settings::{
    Credentials, EVENT_GRID_AUDIENCE, EVENT_GRID_SCOPE, SERVICE_ACCOUNT_TOKEN, Source, SystemIdentity, UserIdentity,
    X509Sources,
};
pub use status::{CredentialFailure, CredentialStatus};
pub use surroundings::{Pace, Surroundings, Variables};
