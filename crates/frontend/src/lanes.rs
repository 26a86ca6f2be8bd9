//! The way to partitions in other processes: one lane from every worker to every partition, over the worker's links to
//! the backends.
//!
//! ```text
//! batch of a turn -> Lane (number, keep until taken) -> link::wire -> the partition's leader
//! link::wire -> Arrivals -> Lane (each numbered answer once) -> Worker::on_answer
//! ```
//!
//! [`lane`] knows what to say to whom, [`worker`] does it, [`shared`] is what all workers of the process know: the
//! incarnation that they speak in, and what is seen from outside.

mod arrivals;
mod lane;
mod links;
mod shared;
mod work;

pub(crate) use links::Lanes;
pub(crate) use shared::Far;
pub use shared::{PartitionReach, Reach};
pub(crate) use work::{drain, work};

use link::wire::StreamId;

/// Figures of the partitions, from each backend to the first worker.
const FIGURES: StreamId = StreamId(1 << 32);
