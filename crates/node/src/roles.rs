//! What the process can be.

mod admin_seat;
mod admin_source;
pub(crate) mod all_in_one;
mod broker;
mod doors;
mod gate_seat;
mod order;
mod reach;
mod reload;
mod running;
mod shown;

pub(crate) use broker::BrokerError;

#[cfg(test)]
mod tests;
