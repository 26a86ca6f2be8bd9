//! A machine with its disk and its clock, and the process that runs on it or does not.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Machine, Skew, Space};

use super::control::{Control, Stage};
use super::network::{Network, Place};

/// What stands in front of a mark of which run of the machine it is, in place of the system's own.
const OTHER_BOOT: &[u8; 36] = b"another-boot-of-this-machine--------";

pub struct Computer<H> {
    pub place: Place,
    pub folder: PathBuf,
    network: Network,
    run: Option<Run<H>>,
    skew: Skew,
    space: Space,
    disk_delay: Duration,
    starts: u64,
}

/// A process, running or frozen.
struct Run<H> {
    machine: Machine,
    control: Arc<Control<H>>,
    is_frozen: bool,
}

impl<H: Send + Sync + 'static> Computer<H> {
    pub fn new(place: Place, folder: PathBuf, network: Network) -> Self {
        let (skew, space, disk_delay) = (Skew::None, Space::Free, Duration::ZERO);
        Self { place, folder, network, run: None, skew, space, disk_delay, starts: 0 }
    }

    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// What the process shows, once it is up. Not while it is frozen: a thread of it may hold a lock that one would wait for.
    pub fn handles(&self) -> Option<Arc<H>> {
        self.run.as_ref().filter(|run| !run.is_frozen)?.control.handles()
    }

    /// Starts the process, if it does not run: `live` is its main thread, and is told which start this is.
    pub fn start(&mut self, live: impl FnOnce(u64, &Control<H>) + Send + 'static) {
        if self.run.is_some() {
            return;
        }
        self.network.lighten(self.place);
        self.starts += 1;
        // Of the machine, not of the process.
        fs::create_dir_all(&self.folder).expect("a folder for a disk");
        let machine = Machine::new(&self.place.to_string());
        machine.set_disk(&self.folder);
        let (control, starts) = (Control::new(), self.starts);
        let of_process = Arc::clone(&control);
        self.run = Some(Run { machine, control, is_frozen: false });
        self.equip();
        // Its end is heard of by the control.
        drop(machine.spawn("main", move || live(starts, &of_process)));
    }

    fn equip(&self) {
        let Some(Run { machine, .. }) = &self.run else { return };
        machine.set_clock(self.skew);
        machine.disk().set_space(self.space);
        machine.disk().set_delay(self.disk_delay);
    }

    /// As SIGKILL: nothing of what it has written is lost, and its system ends its connections.
    pub fn kill(&mut self) {
        if let Some(Run { machine, .. }) = self.run.take() {
            machine.kill();
            self.network.reset(self.place);
        }
    }

    /// The machine goes off: what had not come to the disk is lost, and nobody hears anything.
    pub fn cut_power(&mut self) {
        if let Some(Run { machine, .. }) = self.run.take() {
            self.network.darken(self.place);
            machine.kill();
            machine.disk().power_cut();
            boot_anew(&self.folder);
        }
    }

    /// The process is killed, and what it has kept is gone, but for its certificate.
    pub fn lose_disk(&mut self) {
        self.kill();
        // There is nothing where it has never run.
        let _ = fs::remove_dir_all(self.folder.join("partitions"));
    }

    /// Tells the process to end as a signal does. [`Computer::has_stopped`] says when it has.
    pub fn stop(&self) {
        if let Some(Run { control, .. }) = &self.run {
            control.stop();
        }
    }

    /// Whether it has ended after [`Computer::stop`]; it can be started again then.
    pub fn has_stopped(&mut self) -> bool {
        let is_over = self.run.as_ref().is_some_and(|run| run.control.stage() == Stage::Stopped);
        if is_over {
            // Whatever threads it has left behind.
            self.kill();
        }
        self.run.is_none()
    }

    pub fn freeze(&mut self) {
        if let Some(Run { machine, is_frozen, .. }) = &mut self.run {
            *is_frozen = true;
            machine.freeze();
        }
    }

    pub fn thaw(&mut self) {
        if let Some(Run { machine, is_frozen, .. }) = &mut self.run {
            machine.thaw();
            *is_frozen = false;
        }
    }

    pub fn set_clock(&mut self, skew: Skew) {
        self.skew = skew;
        self.equip();
    }

    pub fn set_disk(&mut self, space: Space, delay: Duration) {
        (self.space, self.disk_delay) = (space, delay);
        self.equip();
    }
}

/// Marks of which run of the machine it is, which the logs have, do not fit any more.
fn boot_anew(folder: &Path) {
    let Ok(partitions) = fs::read_dir(folder.join("partitions")) else { return };
    let mut marks: Vec<PathBuf> = partitions.flatten().map(|entry| entry.path().join("log/run")).collect();
    marks.sort();
    for mark in marks {
        if let Ok(mut file) = fs::OpenOptions::new().write(true).open(&mark) {
            let _ = file.write_all(OTHER_BOOT);
        }
    }
}
