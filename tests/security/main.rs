//! Who may come in and what they may do: every method, every denial, rules that change under clients, and no credential
//! where none may be.

mod audited;
mod custom;
mod denials;
mod described;
mod expiry;
mod explained;
mod guarded;
mod handshake;
mod jwt;
mod leaks;
mod lists;
mod live;
mod passwords;
mod plant;
mod racing;
mod real_clients;
mod renewal;
mod reported;
mod rotation;
mod scan;
mod service_account;
mod waiting;
mod x509;
