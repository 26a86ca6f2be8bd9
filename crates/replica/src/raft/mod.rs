//! A partition with several replicas: the log, bodies, snapshots and state machine of `solo`, under openraft.
//!
//! ```text
//! Member::run -- Proposal --> openraft --> Shelves (RaftLogStorage) --> LogStore, BodyStore     the same files as solo's
//!                                |  \--> Line (RaftNetworkV2) --> Carrier, opaque bytes --> Member::answer of another
//!                                v
//!                             Machine (RaftStateMachine) --> Partition::apply --> Outgoing, on the leader alone
//! ```
//!
//! A group is one partition; a process has many. Each replica of it that ever was is a [`MemberId`] of its own: one
//! that has lost what it promised comes back as another member, never as the old voter.
//!
//! **Log.** The payload of an entry stands in its record as solo writes it, so references to bodies stay what they
//! are; `record` says what is added. A solo log is the first member's log as it is: its entries count as of term 0,
//! and a membership entry of one follows them. Entry 0, the empty partition, is in every log and never stored.
//!
//! **What is let out** is what the leader applies of what it has itself proposed, and what
//! [`Partition::resume`](partition::Partition::resume) says when it has applied the first entry of its own term:
//! from there on its state is complete. Followers apply and let nothing out.

mod answering;
mod ballot;
mod contents;
mod ear;
mod error;
mod flight;
mod group;
mod line;
mod machine;
mod member;
mod membership;
mod message;
mod opening;
mod parcel;
mod proposing;
mod record;
mod settings;
mod shelves;
mod standing;
mod store;
#[cfg(test)]
mod tests;
mod window;

pub use error::RaftError;
pub use group::{Durability, MemberId};
pub use line::{Carrier, CarryError, Carrying, Lane};
pub use machine::Wake;
pub use member::Member;
pub use membership::{Members, Membership};
pub use settings::{MemberSettings, Origin, Timing};
pub use standing::{Reign, Standing};
