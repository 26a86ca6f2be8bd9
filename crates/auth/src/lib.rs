//! Who a client is and what it may do: `authentication methods -> Principal -> Permit`.
//!
//! A [`Principal`] is what [`authentication`] leaves behind, a permit is the proof of one decision about it. Routing takes
//! permits, so a message cannot reach a partition or a subscriber without one. There is one policy today,
//! [`Policy::open`]: everybody may do everything but publish below `$SYS/` and to the self-check topics, which are the
//! broker's own.

pub mod authentication;
pub mod authorization;
mod enhanced;
mod policy;
mod principal;

pub use enhanced::{EnhancedMethod, EnhancedMethods, Exchange, Step};
pub use policy::{ConnectPermit, Policy, PublishPermit, SubscribePermit};
pub use principal::{Principal, Standing};
