//! Machines of their own: another network, and other files, for one test and all that it starts. They are gone with the
//! test, which has a process of its own.

use std::fs;
use std::process::Command;

/// A machine on whose network there is nobody else, and whose metadata service answers at the address that Azure gives
/// it.
pub fn virtual_machine() {
    leave(libc::CLONE_NEWNET);
    run("ip", "link set lo up");
    run("ip", "addr add 169.254.169.254/32 dev lo");
}

/// A machine on whose network there is nobody else, and that has the agent of Azure Arc installed.
pub fn connected_machine() {
    leave(libc::CLONE_NEWNET | libc::CLONE_NEWNS);
    run("ip", "link set lo up");
    run("mount", "--make-rprivate /");
    run("mount", "-t tmpfs tmpfs /opt");
    fs::create_dir_all("/opt/azcmagent/bin").expect("a folder");
    fs::write("/opt/azcmagent/bin/himds", "").expect("a file");
}

/// Only this thread, and those that it starts, change over.
fn leave(what: i32) {
    // SAFETY: no memory is involved.
    let left = unsafe { libc::unshare(what) };
    assert_eq!(left, 0, "a machine of its own needs root: {}", std::io::Error::last_os_error());
}

fn run(program: &str, arguments: &str) {
    let done = Command::new(program).args(arguments.split(' ')).status();
    let done = done.unwrap_or_else(|e| panic!("{program} (iproute2, mount): {e}"));
    assert!(done.success(), "{program} {arguments}: {done}");
}
