//! Metrics of the process itself, under the names every Prometheus client library uses.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::catalogue::own::{BUILD, CPU, MAX_FDS, OPEN_FDS, RESIDENT, START_TIME};
use super::exposition::Exposition;

/// The version, and what the process takes of the machine.
pub(super) fn write(page: &mut Exposition, started: SystemTime) {
    page.metric(&BUILD).value(&[env!("CARGO_PKG_VERSION")], 1.0);
    page.single(&START_TIME, started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    page.single(&CPU, cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9);
    let from_the_system = [
        (&RESIDENT, resident_bytes()),
        (&OPEN_FDS, fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64)),
        (&MAX_FDS, getrlimit(Resource::Nofile).current.map(|n| n as f64)),
    ];
    for (metric, value) in from_the_system {
        if let Some(value) = value {
            page.single(metric, value);
        }
    }
}

/// `None` where there is no /proc.
fn resident_bytes() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some((pages * rustix::param::page_size() as u64) as f64)
}
