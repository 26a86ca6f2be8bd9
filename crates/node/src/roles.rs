//! What the process can be.

pub(crate) mod all_in_one;
mod broker;
mod metrics;

pub(crate) use broker::BrokerError;
