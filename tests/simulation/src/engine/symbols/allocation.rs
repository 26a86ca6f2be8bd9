//! The allocator: the system's, and a place to interrupt a thread where it calls nothing else.

use std::alloc::{GlobalAlloc, Layout, System};

use crate::engine::turn::Turn;

#[global_allocator]
static ALLOCATOR: Interrupting = Interrupting;

struct Interrupting;

// SAFETY: all is the system allocator's; an interruption does not touch memory that was asked for.
unsafe impl GlobalAlloc for Interrupting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Turn::pass_spot();
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's.
        unsafe { System.realloc(memory, layout, size) }
    }
}
