//! One thread of a process held still while the others go on, to see what waits for it.

use std::fs;
use std::marker::PhantomData;

use crate::Broker;

/// A thread that is held until this value goes; by the thread that made it, as ptrace wants it.
pub struct Frozen {
    thread: i32,
    _here: PhantomData<*const ()>,
}

/// Holds the broker's thread of that name (`sync`, `traces`, `partition-0`), or none where the system forbids it.
pub fn freeze(broker: &Broker, name: &str) -> Option<Frozen> {
    let thread = thread(broker.pid(), name).unwrap_or_else(|| panic!("the broker has no thread {name}"));
    if trace(libc::PTRACE_SEIZE, thread) != 0 {
        eprintln!("this system forbids to hold a thread: {}", std::io::Error::last_os_error());
        return None;
    }
    let frozen = Frozen { thread, _here: PhantomData };
    assert_eq!(trace(libc::PTRACE_INTERRUPT, thread), 0, "the thread {name} is not held");
    let mut status = 0;
    // SAFETY: a thread that is traced from here may be waited for, and the status is ours.
    let waited = unsafe { libc::waitpid(thread, &mut status, libc::__WALL) };
    assert_eq!(waited, thread, "the thread {name} does not stop");
    Some(frozen)
}

fn thread(process: u32, name: &str) -> Option<i32> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let named = |path: &std::path::Path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name);
    let task = tasks.flatten().map(|task| task.path()).find(|path| named(path))?;
    task.file_name()?.to_str()?.parse().ok()
}

fn trace(request: libc::c_uint, thread: i32) -> libc::c_long {
    // SAFETY: these requests read and write no memory of either process.
    unsafe { libc::ptrace(request, thread, 0usize, 0usize) }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        trace(libc::PTRACE_DETACH, self.thread);
    }
}
