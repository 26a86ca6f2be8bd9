//! Who this process is: its keys, its certificate authority and the certificate it shows to clients.
//!
//! A [`DevelopmentAuthority`] keeps four files in one folder (`ca.crt`, `ca.key`, `server.crt`, `server.key`), makes the
//! missing ones, refuses the ones that do not fit together, and renews the server certificate before it ends. What
//! listeners need of it is a [`ServerTls`]: at each handshake they ask it for the newest TLS configuration.
//!
//! ```text
//!   folder tls/ <-> DevelopmentAuthority --publish--> ServerTls --configuration(hello)--> a listener's handshake
//!                          ^
//!                   Renewal (one thread, wakes every few hours)
//! ```
//!
//! Not here: client certificates, trust bundles, certificates brought by the operator.

mod authority;
mod error;
mod files;
mod issue;
mod renewal;
mod server_tls;
mod verdict;

pub use authority::{DevelopmentAuthority, LEAF_DAYS, RENEW_BEFORE_DAYS};
pub use error::IdentityError;
pub use issue::ServerNames;
pub use renewal::Renewal;
pub use server_tls::ServerTls;
