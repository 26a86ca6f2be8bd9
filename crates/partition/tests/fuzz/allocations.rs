//! An allocator that counts, and stops the process before the machine has to.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::watchdog;

/// Nothing here needs a tenth of it.
const MOST_BYTES: usize = 1 << 30;

/// Bytes that are allocated, and the most there were since the last mark. One thread allocates.
pub struct Allocations {
    now: AtomicUsize,
    peak: AtomicUsize,
}

impl Allocations {
    pub const fn new() -> Self {
        Self { now: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    pub fn mark(&self) -> usize {
        let now = self.now.load(Relaxed);
        self.peak.store(now, Relaxed);
        now
    }

    pub fn peak_since(&self, mark: usize) -> usize {
        self.peak.load(Relaxed).saturating_sub(mark)
    }

    fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes, Relaxed) + bytes;
        self.peak.fetch_max(now, Relaxed);
        if now > MOST_BYTES {
            watchdog::give_up("more than 1 GiB is allocated");
        }
    }
}

// SAFETY: everything is done by the system's allocator.
unsafe impl GlobalAlloc for Allocations {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.add(layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.now.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.add(size);
        self.now.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
