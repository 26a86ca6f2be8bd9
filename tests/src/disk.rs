//! A small disk that a test may fill.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A small file system in memory, gone with this value.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    pub fn new(megabytes: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("causeway-small-disk-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(&path)
            .status()
            .expect("mount");
        assert!(mounted.success(), "this test mounts a tmpfs and needs to be root for it");
        SmallDisk { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes all the space that is left but `keep` bytes.
    pub fn fill(&self, keep: u64) -> PathBuf {
        let file = self.path.join("filler");
        let free = free(&self.path).saturating_sub(keep);
        let made = Command::new("fallocate").arg("-l").arg(free.to_string()).arg(&file).status().expect("fallocate");
        assert!(made.success(), "{free} bytes cannot be taken");
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
        let _ = std::fs::remove_dir(&self.path);
    }
}

fn free(path: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "-B1"]).arg(path).output().expect("df");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().nth(1).and_then(|l| l.trim().parse().ok()).expect("a number of bytes")
}
