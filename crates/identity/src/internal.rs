//! How processes of one cluster know each other: an authority of their own, a certificate each, and who may dial whom.
//!
//! ```text
//!   InternalAuthority ── renew ◄── SigningRequest ◄── PendingCertificate ◄── Credentials::begin_renewal
//!     │  one process        │                                                       ▲
//!     │                     └─► Issued { chain, roots } ── Credentials::finish_renewal ─► validated, stored, shown
//!     │                                                                             │
//!     └─ TrustedRoots (numbered, signed) ── any link ── Credentials::adopt_roots ───┤
//!                                                                                   ▼
//!                           Credentials::server(roles), client(roles): each handshake takes the newest
//!                                                                                   │
//!                                            PeerIdentity { cluster, role, name, not_after }  or  Refusal
//! ```
//!
//! A certificate names its process in one URI, `causeway://CLUSTER/ROLE/NAME`, and nothing else: addresses change, and what
//! a peer may do follows from its role. TLS 1.3 alone, both sides show a certificate, nobody resumes a session.
//!
//! # Who holds what
//!
//! | where | what | in files |
//! |---|---|---|
//! | one process of the cluster, a backend or an operator: the *holder* | [`InternalAuthority`]: the key that signs, tokens, the list of members | its folder (0700): `authority` and `tokens/ID` (0600), `members` and `roots.pem` (0644, nothing secret), `authority.lock` |
//! | every process, the holder too | [`Credentials`]: its own key, its certificate, whom it trusts | one file (0600) |
//!
//! While the holder is away nothing ends at once: certificates are renewed [`InternalSettings::renew_before`] their end, and that is how
//! long the others can do without it. Who has the folder is the holder; a copy of it is all that a backup needs.
//!
//! # How a process gets its certificate
//!
//! 1. The holder issues its own: [`InternalAuthority::issue`].
//! 2. Any other brings a [`JoinToken`] ([`Joining::begin`]). The token pins the authority, so that the joiner knows whom it speaks to
//!    before it proves that it holds the token; the secret in it never travels. Cluster and role are the token's, the name is the
//!    joiner's to choose.
//! 3. From then on it renews over a link: [`Credentials::tend`], [`InternalAuthority::renew`].
//! 4. A process that was away until its certificate had ended signs with the key that it has kept ([`Joining::again`]; a process that ran
//!    all the time: [`Credentials::return_request`]). The authority remembers the keys for [`RETURN_WITHIN`]. After that, after
//!    [`InternalAuthority::remove`], and when the authority was replaced meanwhile, it needs a token.
//!
//! ```text
//!   start: Credentials::open ─ Some ──────────────────────────────► links
//!                │ None                                              ▲
//!                ├─ holder: first_request, issue, establish ─────────┤
//!                └─ other: Joining::again, else Joining::begin(token)│
//!                          client() ► dial ► binding() ► request() ──┴► finish()
//! ```
//!
//! # Rotation of the authority
//!
//! A successor is *announced*: trusted by everybody and issuing nothing yet. When every certificate
//! of before has been renewed once (and so every process has heard of it), it *issues*, and the old one is only trusted. When
//! the last certificate of the old one has ended, the old one is *dropped*. Lists of roots are numbered and signed by authorities
//! that were trusted before, so that any peer may pass them on and none can slip in a root of its own. A token is good for the
//! authorities that were trusted when it was made.
//!
//! # Threads
//!
//! Nothing here waits for peers, has a thread or opens a socket: callers bring the time, call [`Credentials::tend`] and
//! [`InternalAuthority::tend`] when these ask for it, and carry requests over their links.
//!
//! - For threads that serve clients: handshakes with the configurations of [`Credentials::server`] and [`Credentials::client`] (made once,
//!   and good for the life of the process), `status`, `roots`, `not_after`, `link_due`. They wait for nobody.
//! - For a thread of their own: whatever makes a key (of [`KeyAlgorithm::Rsa8192`]: seconds to minutes) or writes a file:
//!   `tend`, `rotate`, `issue`, `renew`, `admit`, `token`, `adopt_roots` of a newer list, [`Joining`].
//!
//! Apart from the listeners' authority on purpose: clients trust that one for servers, and a certificate for a client's eyes must
//! never open a link, nor the reverse.
//!
//! [`KeyAlgorithm::Rsa8192`]: crate::KeyAlgorithm::Rsa8192

mod authority;
mod clock;
mod credentials;
mod error;
mod join;
mod join_token;
mod joining;
mod member;
mod peer;
mod record;
mod refusal;
mod request;
mod retry;
mod roots;
mod settings;
mod signer;
mod tls;
mod tokens;
mod trust;
mod verifier;

pub use authority::{AuthorityPhase, AuthorityStatus, InternalAuthority, MemberStatus, Standing};
pub use clock::Clock;
pub use credentials::{Credentials, CredentialsStatus};
pub use error::InternalError;
pub use join::{JoinRefusal, JoinRequest};
pub use join_token::{JoinToken, TokenUse};
pub use joining::Joining;
pub use member::{ClusterName, Member, MemberName, Role, Roles};
pub use peer::PeerIdentity;
pub use refusal::Refusal;
pub use request::{Issued, PendingCertificate, SigningRequest};
pub use roots::{RootStatus, TrustedRoots};
pub use settings::{AuthoritySettings, InternalSettings, LONGEST_TOKEN, RETURN_WITHIN, SHORTEST_DURATION};
pub use tls::{ASK_PROTOCOL, JOIN_PROTOCOL, LINK_PROTOCOL, ServerEnd, binding};

#[cfg(test)]
mod tests;
