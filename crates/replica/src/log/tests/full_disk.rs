//! A full disk: the log stays as it was, and goes on when there is space.

use std::process::Command;

use super::*;

/// A small file system of its own; unmounted when dropped.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, with the reason printed, where mounting is not allowed.
    pub(crate) fn mount(kib: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={kib}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            Ok(output) => {
                eprintln!("SKIPPED: cannot mount a tmpfs: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                eprintln!("SKIPPED: cannot run mount: {error}");
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was_and_it_heals() {
    let Some(disk) = SmallDisk::mount(512) else { return };
    let dir = disk.path().join("log");
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 200 << 10]).unwrap();
    let (mut log, _) = LogStore::open(&dir, LogSettings { segment_bytes: 32 << 10 }).unwrap();
    let entry = vec![5; 7000];
    let mut last = 0;
    let error = loop {
        match log.append(last + 1, &[&entry[..10], &entry[10..]]) {
            Ok(()) => last += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_disk_full(), "{error}");
    assert!(last > 20);
    for _ in 0..3 {
        assert!(log.append(last + 1, &[&entry]).unwrap_err().is_disk_full());
    }
    assert_eq!(log.last(), last);
    assert_eq!(log.read(last).unwrap(), entry, "readers go on");
    // What a kill would leave now is a sound log.
    let (again, recovered) = LogStore::open(&dir, LogSettings::default()).unwrap();
    assert_eq!((recovered.last, recovered.torn), (last, None));
    drop(again);
    std::fs::remove_file(&ballast).unwrap();
    for _ in 0..20 {
        last += 1;
        log.append(last, &[&entry]).unwrap();
    }
    log.syncer().sync().unwrap();
    assert_eq!(contents(&log).len() as u64, last);
    let freed = log.purge_to(last).unwrap();
    assert!(freed > 100 << 10);
    drop(log);
    let (log, recovered) = LogStore::open(&dir, LogSettings::default()).unwrap();
    assert_eq!((recovered.last, recovered.torn), (last, None));
    assert_eq!(log.read(last).unwrap(), entry);
}

#[test]
fn small_records_fit_into_the_reserve() {
    let Some(disk) = SmallDisk::mount(512) else { return };
    let mut reserve = crate::reserve::Reserve::open(disk.path(), 64 << 10).unwrap();
    assert_eq!(reserve.space().unwrap().reserve_held, 64 << 10);
    let (mut log, _) = LogStore::open(&disk.path().join("log"), LogSettings { segment_bytes: 32 << 10 }).unwrap();
    let mut last = 0;
    while log.append(last + 1, &[&[1; 3000]]).is_ok() {
        last += 1;
    }
    assert!(reserve.space().unwrap().free < 8 << 10);
    assert!(reserve.release().unwrap() > 0);
    for _ in 0..500 {
        last += 1;
        log.append(last, &[&[2; 30]]).unwrap();
    }
    assert!(!reserve.refill().unwrap(), "there is no space for it yet");
    log.purge_to(last).unwrap();
    assert!(reserve.refill().unwrap());
    assert_eq!(reserve.space().unwrap().reserve_held, 64 << 10);
}
