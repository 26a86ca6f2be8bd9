//! Frontends and backends as separate processes: one broker, whichever of them a client is connected to and whichever
//! of them ends.

mod across;
mod backend_ends;
mod certificates;
mod dev_cluster;
mod errands;
mod frontend_ends;
mod interrupted;
mod listeners;
mod looks;
mod network;
mod network_pulse;
mod replicated;
mod scene;
mod strangers;
mod wiretap;
