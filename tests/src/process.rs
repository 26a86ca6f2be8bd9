//! Processes that never outlive the test that started them.

use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, Once, OnceLock};

type Job = (Command, Sender<std::io::Result<Child>>);

/// Starts a process that the kernel ends when this one ends, however it ends.
pub fn spawn(mut command: Command) -> std::io::Result<Child> {
    // The kernel sends the signal when the starting thread ends, and a test is a thread: so one thread starts them all.
    static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = channel();
        std::thread::spawn(move || run(inbox));
        Mutex::new(jobs)
    });
    // SAFETY: prctl is async-signal-safe, and nothing else runs between fork and exec.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let (answer, reply) = channel();
    spawner.lock().expect("the spawner's lock").send((command, answer)).expect("the spawner runs");
    reply.recv().expect("the spawner answers")
}

fn run(inbox: Receiver<Job>) {
    for (mut command, answer) in inbox {
        let _ = answer.send(command.spawn());
    }
}

static LEFT: Mutex<Option<HashMap<u32, PathBuf>>> = Mutex::new(None);
static DIRECTORIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Has process and directory removed when this process exits, unless [`forget`] is called first.
pub fn remember(pid: u32, directory: PathBuf) {
    LEFT.lock().expect("the list of leftovers").get_or_insert_default().insert(pid, directory);
    register();
}

fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: `sweep` is a plain function that may run at exit.
        unsafe { libc::atexit(sweep) };
    });
}

/// Has a directory removed when this process exits, if it is still there.
pub fn sweep_directory(directory: PathBuf) {
    DIRECTORIES.lock().expect("the list of leftovers").push(directory);
    register();
}

pub fn forget(pid: u32) {
    if let Some(left) = LEFT.lock().expect("the list of leftovers").as_mut() {
        left.remove(&pid);
    }
}

extern "C" fn sweep() {
    let Ok(mut left) = LEFT.lock() else { return };
    for (pid, directory) in left.take().unwrap_or_default() {
        // SAFETY: the process was started here and has not been waited for, so its id is not another's.
        unsafe { libc::kill(pid as i32, libc::SIGKILL) };
        if !keep_directories() {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
    if let (Ok(directories), false) = (DIRECTORIES.lock(), keep_directories()) {
        directories.iter().for_each(|directory| drop(std::fs::remove_dir_all(directory)));
    }
}

/// `CAUSEWAY_TEST_KEEP=1` keeps data directories and logs.
pub fn keep_directories() -> bool {
    std::env::var_os("CAUSEWAY_TEST_KEEP").is_some_and(|v| v != "0")
}

/// Sends a signal to a child.
pub fn signal(child: &Child, number: i32) {
    // SAFETY: a child that has not been waited for keeps its id.
    unsafe { libc::kill(child.id() as i32, number) };
}
