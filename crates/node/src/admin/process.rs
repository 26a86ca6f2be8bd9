//! Metrics of the process itself, under the names every Prometheus client library uses.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::{Family, Kind, Sample};

/// The version, and what the process takes of the machine.
pub(crate) fn families(started: SystemTime) -> Vec<Family> {
    let mut families = vec![Family {
        name: "causeway_build_info",
        help: "Constant 1, labelled by the version.",
        kind: Kind::Gauge,
        samples: vec![Sample { labels: vec![("version", env!("CARGO_PKG_VERSION").into())], value: 1.0 }],
    }];
    let since_epoch = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let all = [
        (
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
            Kind::Gauge,
            Some(since_epoch.as_secs_f64()),
        ),
        (
            "process_cpu_seconds_total",
            "User and system CPU time, in seconds.",
            Kind::Counter,
            Some(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9),
        ),
        ("process_resident_memory_bytes", "Resident memory, in bytes.", Kind::Gauge, resident_bytes()),
        (
            "process_open_fds",
            "Open file descriptors.",
            Kind::Gauge,
            fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64),
        ),
        (
            "process_max_fds",
            "How many file descriptors may be open.",
            Kind::Gauge,
            getrlimit(Resource::Nofile).current.map(|n| n as f64),
        ),
    ];
    families.extend(
        all.into_iter()
            .filter_map(|(name, help, kind, value)| value.map(|value| Family::single(name, help, kind, value))),
    );
    families
}

/// `None` where there is no /proc.
fn resident_bytes() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some((pages * rustix::param::page_size() as u64) as f64)
}
