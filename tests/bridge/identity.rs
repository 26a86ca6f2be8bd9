//! Who a dataflow is at a broker that asks: identities of machines and pods, their tokens, and how these are renewed.

mod apart;
mod arc;
mod federation;
mod imds;
mod machine;
mod played;
mod renewal;
pub mod scene;
mod secrecy;
mod service_account;
mod wire;
