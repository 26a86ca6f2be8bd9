//! Guards that can be broken on purpose, one at a time, so that the simulation shows that it would notice. Without the
//! feature `sabotage`, which only the simulation has, none ever is.

/// What is left undone where it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Guard {
    /// A batch that a lane brings again is passed over.
    LaneRepeats = 1,
    /// What counts as synced is on the device.
    Synced,
    /// A new leader, and one that starts, lets out what is still owed.
    Resume,
    /// Who held a session is told when another takes it over.
    TakeOver,
    /// A packet identifier follows from the queue entry alone.
    Identifiers,
    /// An incoming QoS 2 publish is remembered until it is released.
    ExactlyOnce,
    /// The end of a connection ends nothing of the one that came after it.
    CloseEpoch,
    /// SUBACK waits for all partitions.
    Subscribed,
    /// Batches are sent again in their order.
    LaneOrder,
    /// An answer that is given again is passed over.
    AnswerRepeats,
    /// Who publishes what is not logged is answered when all other receivers have it.
    Taken,
}

impl Guard {
    pub const ALL: [Self; 11] = [
        Self::LaneRepeats,
        Self::Synced,
        Self::Resume,
        Self::TakeOver,
        Self::Identifiers,
        Self::ExactlyOnce,
        Self::CloseEpoch,
        Self::Subscribed,
        Self::LaneOrder,
        Self::AnswerRepeats,
        Self::Taken,
    ];
}

#[cfg(not(feature = "sabotage"))]
mod switch {
    use super::Guard;

    #[inline]
    pub const fn is_broken(_: Guard) -> bool {
        false
    }

    pub const fn renumber() {}

    #[inline]
    pub const fn renumbering() -> u64 {
        0
    }
}

#[cfg(feature = "sabotage")]
mod switch {
    use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

    use super::Guard;

    static BROKEN: AtomicU8 = AtomicU8::new(0);
    static ATTACHED: AtomicU64 = AtomicU64::new(0);

    /// From now on, in this whole process.
    pub fn break_guard(guard: Guard) {
        BROKEN.store(guard as u8, Ordering::Relaxed);
    }

    #[inline]
    pub fn is_broken(guard: Guard) -> bool {
        BROKEN.load(Ordering::Relaxed) == guard as u8
    }

    /// A session has a new connection: with [`Guard::Identifiers`] broken, identifiers begin elsewhere.
    pub fn renumber() {
        ATTACHED.fetch_add(u64::from(is_broken(Guard::Identifiers)), Ordering::Relaxed);
    }

    /// What is added to the number of a queue entry.
    pub fn renumbering() -> u64 {
        ATTACHED.load(Ordering::Relaxed)
    }
}

pub use switch::*;
