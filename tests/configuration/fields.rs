//! Every field of Broker and BrokerListener: changing it changes what a client, a TLS client, the admin endpoint or the
//! log sees, or it is refused.

mod access;
mod admin;
mod audit;
mod certificates;
mod clients;
mod complete;
mod diagnostics;
mod durability;
mod kept;
mod listeners;
mod manual;
mod memory;
mod parts;
mod queues;
mod refused;
mod rotation;
mod self_check;
mod served;
mod services;
mod traces;
