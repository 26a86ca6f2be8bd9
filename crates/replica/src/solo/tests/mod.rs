//! Solo with frontends in other processes, through crashes.

mod batches;
mod crashes;
mod worker;
