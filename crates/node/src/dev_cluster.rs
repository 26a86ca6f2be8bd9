//! `causeway dev-cluster`: frontends and backends as processes of their own on this machine, to try out.
//!
//! ```text
//!   flags ──► Layout (who, which ports, which folders) ──► certs init ──► backends ──► frontends ──► commands to try
//!                                                                            │ each: started, waited for by /health/ready
//!                        Ctrl-C: frontends, then backends  ◄── watched: one that ends is started again, later each time
//! ```

mod child;
mod error;
mod fleet;
mod free_ports;
mod greeting;
mod layout;
mod readiness;
mod restarts;
mod run;

pub(crate) use error::DevClusterError;
pub(crate) use run::run;

#[cfg(test)]
mod tests;
