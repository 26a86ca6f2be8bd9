//! What the process can be.

mod admin_door;
mod admin_seat;
mod admin_source;
pub(crate) mod all_in_one;
pub(crate) mod backend;
mod backend_running;
pub(crate) mod bridge;
mod bridge_running;
mod broker;
mod cluster_seat;
mod doors;
mod follower;
pub(crate) mod frontend;
mod gate_seat;
mod order;
mod partitions;
mod reach;
mod reload;
mod running;
mod serving;
mod shown;

pub(crate) use broker::BrokerError;
pub(crate) use partitions::PartitionsError;

#[cfg(test)]
mod tests;
