//! Time, CPU, memory and disk of the normal course of things.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Run;
use super::engines::Engine;

const MESSAGE_BYTES: usize = 256;

#[derive(Clone, Copy, PartialEq)]
pub enum Sync {
    None,
    Each,
    /// Every 100 ms, by another thread.
    Beside,
}

/// A payload of so many messages; differs by index, does not compress.
pub fn payload(index: u64, messages: usize) -> Vec<u8> {
    let mut state = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let word = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..messages * MESSAGE_BYTES / 8).flat_map(word).collect()
}

/// Appends entries of `messages` each; CPU microseconds for each message, the making of payloads not counted.
pub fn append<E: Engine>(run: &Run, messages: usize, sync: Sync) -> String {
    let total = match sync {
        Sync::Each => 16_000,
        _ => 512_000,
    } / run.divisor;
    let entries = total / messages as u64;
    let mut engine = E::open(&run.dir).expect("opens");
    let payloads: Vec<Vec<u8>> = (0..64).map(|n| payload(n, messages)).collect();
    let syncer = engine.syncer();
    let stop = Arc::new(AtomicBool::new(false));
    let beside = (sync == Sync::Beside).then(|| {
        let (syncer, stop) = (engine.syncer(), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(100));
                syncer().expect("syncs");
            }
        })
    });
    let (cpu, start, mut worst) = (cpu_time(), Instant::now(), Duration::ZERO);
    for index in 1..=entries {
        let before = Instant::now();
        engine.append(index, &payloads[index as usize % 64]).expect("appends");
        if sync == Sync::Each {
            syncer().expect("syncs");
        }
        worst = worst.max(before.elapsed());
    }
    let (wall, cpu) = (start.elapsed(), cpu_time() - cpu);
    stop.store(true, Ordering::Relaxed);
    if let Some(thread) = beside {
        thread.join().expect("the syncing thread ends");
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / total as f64;
    format!(
        "cpu {:7.3} us/message, wall {:8.3} us/message, longest append {:7.2} ms, disk {:4} bytes/message",
        each(cpu),
        each(wall),
        worst.as_secs_f64() * 1e3,
        disk_bytes(&run.dir) / total,
    )
}

/// A gigabyte in entries of eight messages: opening it, reading it, purging nine tenths of it.
pub fn gigabyte<E: Engine>(run: &Run) -> String {
    const MESSAGES: usize = 8;
    let entries = (1u64 << 30) / run.divisor / (MESSAGES * MESSAGE_BYTES) as u64;
    let mut engine = E::open(&run.dir).expect("opens");
    for index in 1..=entries {
        engine.append(index, &payload(index, MESSAGES)).expect("appends");
    }
    engine.syncer()().expect("syncs");
    drop(engine);
    let before = memory_kib();
    let (cpu, start) = (cpu_time(), Instant::now());
    let mut engine = E::open(&run.dir).expect("opens again");
    let (opened, opened_cpu, memory) = (start.elapsed(), cpu_time() - cpu, memory_kib().saturating_sub(before));
    assert_eq!(engine.last(), entries);
    let (cpu, start) = (cpu_time(), Instant::now());
    assert_eq!(engine.scan(1, entries).expect("reads"), entries * (MESSAGES * MESSAGE_BYTES) as u64);
    let (scanned, scanned_cpu) = (start.elapsed(), cpu_time() - cpu);
    let reads = 20_000 / run.divisor;
    let cpu = cpu_time();
    for n in 0..reads {
        let index = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % entries + 1;
        assert_eq!(engine.read(index).expect("reads").len(), MESSAGES * MESSAGE_BYTES);
    }
    let random = (cpu_time() - cpu).as_secs_f64() * 1e6 / reads as f64;
    let read_memory = memory_kib().saturating_sub(before);
    let full = disk_bytes(&run.dir);
    let start = Instant::now();
    engine.purge(entries / 10 * 9).expect("purges");
    let purged = start.elapsed();
    std::thread::sleep(Duration::from_secs(1));
    format!(
        "open {:.2} s ({:.2} s cpu, +{} MiB), scan {:.2} s ({:.2} s cpu), random {random:.2} us cpu/entry, memory +{} MiB, \
         purge 90 % {:.2} s: {} -> {} MiB",
        opened.as_secs_f64(),
        opened_cpu.as_secs_f64(),
        memory >> 10,
        scanned.as_secs_f64(),
        scanned_cpu.as_secs_f64(),
        read_memory >> 10,
        purged.as_secs_f64(),
        full >> 20,
        disk_bytes(&run.dir) >> 20,
    )
}

/// CPU time of the process, all threads, user and system.
fn cpu_time() -> Duration {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(clock.tv_sec as u64, clock.tv_nsec as u32)
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Blocks the files of a directory take, in bytes.
pub fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => disk_bytes(&entry.path()),
        _ => entry.metadata().map_or(0, |m| std::os::unix::fs::MetadataExt::blocks(&m) * 512),
    };
    entries.filter_map(Result::ok).map(size).sum()
}
