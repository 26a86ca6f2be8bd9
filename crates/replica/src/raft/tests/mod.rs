//! Members of one group in one process, over a network in memory that can be cut.

mod cluster;
mod faults;
mod founding;
mod full_disk;
mod membership;
mod network;
mod takeover;
