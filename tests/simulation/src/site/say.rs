//! Lines about a run, with the time that it is in it.

use std::io::Write;

use crate::engine;

/// Prints a line, and notes it in the run's trace.
pub fn say(what: &str) {
    engine::note(what);
    // Whole before the stream is locked: who is killed while it makes the text must not hold that.
    let line = format!("{:>10.3?} {what}\n", engine::now());
    engine::uninterruptible(|| {
        // Whether anybody reads it makes no difference.
        let _ = std::io::stdout().write_all(line.as_bytes());
    });
}
