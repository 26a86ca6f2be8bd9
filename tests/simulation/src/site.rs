//! A cluster of the product's own frontends and backends, each in a machine of its own, on a network that misbehaves by seed.
//!
//! ```text
//!   clients ── Stream ──► Port ─► Frontend (real) ── link::wire over Stream ──► Port ─► Backend (real) ─► files
//!                 │                                        │
//!                 └──────────────── Network ───────────────┘     roads that delay, stall, refuse, cut
//! ```
//!
//! [`Site`] starts and ends processes and is looked at from outside; [`FaultPlan`] says what goes wrong with it, and when.

mod backend_process;
mod certificates;
mod computer;
mod control;
pub(crate) mod dice;
mod fault;
mod frontend_process;
mod keeper;
mod network;
mod plan;
mod port;
mod profile;
mod protection;
mod running;
mod say;
mod wishes;

pub use dice::Dice;
pub use fault::{Fault, Lasting};
pub use network::{Network, Place, Stream};
pub use plan::FaultPlan;
pub use profile::Profile;
pub use running::{Happened, Remains, Site};
pub use wishes::{Encryption, Wishes};
