//! What this process says of itself on its links.

use config::ClusterPlan;
use link::wire::{Incarnation, Peer};

/// Of this run of the process, and no other.
///
/// # Errors
/// The system gives no random numbers.
pub(crate) fn us(plan: &ClusterPlan) -> Result<Peer, getrandom::Error> {
    Ok(Peer {
        cluster: plan.name.as_str().into(),
        role: plan.us.role.to_string().into(),
        name: plan.us.name.as_str().into(),
        software: env!("CARGO_PKG_VERSION").into(),
        incarnation: Incarnation(getrandom::u64()?),
    })
}
