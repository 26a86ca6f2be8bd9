//! Names of files: opening, renaming, removing, and how much space there is.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use libc::{c_char, c_int, mode_t};

use super::entropy;
use crate::engine::disk::{DiskId, NameChange};
use crate::engine::kernel;
use crate::engine::turn::Turn;

/// # Safety
/// As open(2); without a mode the last argument is anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let open = || {
        let flags = flags | libc::O_LARGEFILE;
        let arguments = [libc::AT_FDCWD as usize, path as usize, flags as usize, mode as usize, 0, 0];
        // SAFETY: the caller's.
        kernel::answer(unsafe { kernel::call(libc::SYS_openat, arguments) }) as c_int
    };
    let Some(turn) = Turn::begin() else { return open() };
    // SAFETY: the caller's: a path that ends with a zero.
    let (path, disk) = unsafe { place(&turn, path) };
    let is_new = flags & libc::O_CREAT != 0 && disk.is_some() && path.symlink_metadata().is_err();
    let truncates = flags & libc::O_TRUNC != 0 && !is_new;
    if let Some(disk) = disk.filter(|_| truncates) {
        turn.scheduler().disks.truncate(disk, &path);
    }
    let descriptor = open();
    if let Some(disk) = disk.filter(|_| descriptor >= 0) {
        let mut scheduler = turn.scheduler();
        let machine = scheduler.thread(turn.thread()).machine;
        scheduler.disks.opened(descriptor, machine);
        if is_new {
            scheduler.disks.created(disk, descriptor, path);
        }
    }
    descriptor
}

/// # Safety
/// As open(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's.
    unsafe { open64(entropy::device(path), flags, mode) }
}

/// # Safety
/// As rename(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let perform = || kernel::call(libc::SYS_rename, [from as usize, to as usize, 0, 0, 0, 0]);
        change(from, perform, |turn, from| NameChange::Renamed { from, to: place(turn, to).0, kept: None })
    }
}

/// # Safety
/// As unlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let perform = || kernel::call(libc::SYS_unlink, [path as usize, 0, 0, 0, 0, 0]);
        change(path, perform, |_, path| NameChange::Removed { path, kept: None })
    }
}

unsafe fn change(
    path: *const c_char,
    perform: impl Fn() -> isize,
    change: impl FnOnce(&Turn, PathBuf) -> NameChange,
) -> c_int {
    let Some(turn) = Turn::begin() else { return kernel::answer(perform()) as c_int };
    // SAFETY: the caller's.
    let (path, disk) = unsafe { place(&turn, path) };
    let Some(disk) = disk else { return kernel::answer(perform()) as c_int };
    turn.interrupt();
    let change = change(&turn, path);
    let change = turn.scheduler().disks.change(disk, change);
    let result = perform();
    if result == 0 {
        turn.scheduler().disks.changed(disk, change);
    }
    kernel::answer(result) as c_int
}

/// # Safety
/// As statvfs(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn statvfs64(path: *const c_char, found: *mut libc::statvfs64) -> c_int {
    // SAFETY: the caller's.
    let result = unsafe { super::real::statvfs64()(path, found) };
    if let Some(turn) = Turn::begin().filter(|_| result == 0) {
        // SAFETY: the caller's.
        if let (_, Some(disk)) = unsafe { place(&turn, path) } {
            let free = turn.scheduler().disks.free(disk);
            // SAFETY: the call has written it.
            let found = unsafe { &mut *found };
            (found.f_bavail, found.f_bfree) = (free / found.f_frsize, free / found.f_frsize);
        }
    }
    result
}

/// A name in full, and the disk that it is on.
unsafe fn place(turn: &Turn, path: *const c_char) -> (PathBuf, Option<DiskId>) {
    // SAFETY: the caller's: a path that ends with a zero.
    let path = Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let whole = match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    };
    let disk = turn.scheduler().disks.on_disk(&whole);
    (whole, disk)
}
