//! The guard against frames that come twice, which can be broken on purpose, so that the simulation shows that it would
//! notice. Without the feature `sabotage`, which only the simulation has, it never is.

#[cfg(not(feature = "sabotage"))]
mod switch {
    #[inline]
    pub const fn takes_frames_twice() -> bool {
        false
    }
}

#[cfg(feature = "sabotage")]
mod switch {
    use std::sync::atomic::{AtomicBool, Ordering};

    static BROKEN: AtomicBool = AtomicBool::new(false);

    /// From now on, in this whole process: a new connection begins with all that was not acknowledged, and what has come
    /// already is taken again.
    pub fn take_frames_twice() {
        BROKEN.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub fn takes_frames_twice() -> bool {
        BROKEN.load(Ordering::Relaxed)
    }
}

pub use switch::*;
