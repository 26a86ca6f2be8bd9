//! What processes of this machine use, read from /proc.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// Processor time of some processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    /// Nanoseconds on a processor; `None` when no process could be read.
    pub(super) processor: Option<u64>,
}

/// Memory of some processes, in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Memory {
    pub(super) rss_kib: u64,
}

impl Usage {
    /// Of `pids` and all their descendants, all threads together.
    pub(super) fn of(pids: &[u32]) -> Self {
        let times = family(pids).into_iter().filter_map(|pid| processor_time(Path::new("/proc"), pid));
        Self { processor: times.reduce(|a, b| a + b) }
    }

    /// Nanoseconds since `earlier`; `None` when either could not be read, or a process ended in between.
    pub(super) fn since(&self, earlier: &Self) -> Option<u64> {
        self.processor?.checked_sub(earlier.processor?)
    }
}

impl Memory {
    /// Of `pids` and all their descendants; `None` when no process could be read.
    pub(super) fn of(pids: &[u32]) -> Option<Self> {
        let sizes = family(pids).into_iter().filter_map(|pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            resident(&status)
        });
        sizes.reduce(|a: u64, b| a + b).map(|rss_kib| Self { rss_kib })
    }
}

/// Whether there is such a process.
pub(super) fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).is_dir()
}

fn family(pids: &[u32]) -> Vec<u32> {
    let mut family = pids.to_vec();
    let mut at = 0;
    while let Some(pid) = family.get(at).copied() {
        at += 1;
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_ascii_whitespace().filter_map(|child| child.parse().ok()) {
                if !family.contains(&child) {
                    family.push(child);
                }
            }
        }
    }
    family
}

/// From the scheduler's own nanosecond counters; where the kernel keeps none, from the clock ticks of `stat`.
fn processor_time(proc: &Path, pid: u32) -> Option<u64> {
    let folder = proc.join(pid.to_string());
    let tasks = fs::read_dir(folder.join("task")).ok()?;
    let scheduled = tasks.flatten().filter_map(|task| {
        let schedstat = fs::read_to_string(task.path().join("schedstat")).ok()?;
        schedstat.split_ascii_whitespace().next()?.parse::<u64>().ok()
    });
    match scheduled.reduce(|a, b| a + b) {
        Some(nanoseconds) if nanoseconds > 0 => Some(nanoseconds),
        _ => ticks(&fs::read_to_string(folder.join("stat")).ok()?)
            .map(|ticks| ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second())),
    }
}

/// User and system time together.
fn ticks(stat: &str) -> Option<u64> {
    // The name of a process may contain anything, even a parenthesis.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let user: u64 = fields.nth(11)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let me = [std::process::id()];
        assert!(exists(me[0]));
        assert!(Memory::of(&me).unwrap().rss_kib > 100);
        let before = Usage::of(&me);
        let after = Usage::of(&me);
        assert!(after.since(&before).is_some());
    }

    #[test]
    fn what_is_not_there_uses_nothing() {
        assert_eq!(Memory::of(&[u32::MAX]), None);
        assert_eq!(Usage::of(&[]).processor, None);
        assert_eq!(Usage::default().since(&Usage::default()), None);
    }

    #[test]
    fn fields_are_found_behind_any_name() {
        let stat = "42 (a ) b)) S 1 42 42 0 -1 4194304 100 0 0 0 25 17 0 0 20 0 1 0 100 1 1";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(resident("Name:\tx\nVmRSS:\t  1234 kB\n"), Some(1234));
    }
}
