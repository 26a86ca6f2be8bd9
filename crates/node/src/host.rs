//! What the machine gives this process: cores, a name, file descriptors, an end.

use std::{io, thread};

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit};

/// Processors this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// The machine's name, where it has a readable one.
pub(crate) fn name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty()).then_some(name)
}

/// Raises the number of files (hence connections) this process may have open to the most it may ask for.
pub(crate) fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, current = ?limit.current, "could not raise the limit of open files");
    }
}

/// Has the kernel end this process when the thread that started it ends, which is one of the process `parent`.
///
/// # Errors
/// The kernel does not, or that process has ended already.
pub(crate) fn end_with_parent(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let is_there = i32::try_from(parent).ok().and_then(Pid::from_raw).is_some_and(|parent| getppid() == Some(parent));
    match is_there {
        true => Ok(()),
        false => Err(io::Error::other("another process has started this one, or that one has ended")),
    }
}

/// Keeps the kernel from backing memory with huge pages: a broker's memory is many small pieces spread over its heap, and
/// a huge page for each few of them doubled what 10,000 idle connections take.
pub(crate) fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay on: the process takes more memory than it needs");
    }
}
