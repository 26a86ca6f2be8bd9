//! The whole broker in one process, run by a seed: the same seed is the same run.
//!
//! [`engine`] makes a process deterministic: it runs the product's own threads one at a time, on a clock of its own.
//! [`site`] starts frontends and backends on it, each in a machine, and has things go wrong. [`clients`] use them and write down
//! what they do and see; [`oracle`] judges that. [`command`] runs one seed or many.

pub mod clients;
pub mod command;
pub mod engine;
pub mod harness;
pub mod oracle;
pub mod site;
