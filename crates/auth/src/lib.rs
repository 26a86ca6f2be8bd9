//! Who a client is and what it may do: `authentication methods -> Principal -> Permit`.
//!
//! A [`Principal`] is what [`authentication`] leaves behind; its [`Rights`] are what a port's [`Policy`] grants it; a permit
//! is the proof of one decision. Routing takes permits, so a message cannot reach a partition or a subscriber without one.

pub mod authentication;
pub mod authorization;
mod denial;
mod permit;
mod policy;
mod principal;
mod rights;

pub use denial::{Denial, DenialSink, Denied, Wanted};
pub use permit::{ConnectPermit, PublishPermit, SubscribePermit};
pub use policy::Policy;
pub use principal::{Principal, Standing};
pub use rights::Rights;
