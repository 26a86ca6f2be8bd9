//! The same seed is the same run, another seed is another.

use std::collections::BTreeSet;
use std::process::Command;

use simulation::engine::{Bounds, run};
use simulation::harness::Test;

use crate::{bypasses, disks, locks, machines, runtimes};

/// Seeds for which a scenario is played, each twice.
const SEEDS: u64 = 6;

/// Returns what it has seen; checks itself what must hold for every seed.
type Scenario = fn() -> String;

const SCENARIOS: &[(&str, Scenario)] = &[
    ("mutex", locks::mutex),
    ("condvar", locks::condvar),
    ("channel", locks::channel),
    ("park", locks::park),
    ("spinning", locks::spinning),
    ("scoped", locks::scoped),
    ("current_thread", runtimes::current_thread),
    ("multi_thread", runtimes::multi_thread),
    ("duplex", runtimes::duplex),
    ("spawn_blocking", runtimes::spawn_blocking),
    ("clocks", bypasses::clocks),
    ("entropy", bypasses::entropy),
    ("exports", bypasses::exports),
    ("threads_end", bypasses::threads_end),
    ("freeze", machines::freeze),
    ("kill", machines::kill),
    ("skew", machines::skew),
    ("sections", machines::sections),
    ("full_disk", disks::full),
    ("slow_disk", disks::slow),
    ("power_cut", disks::power_cut),
    ("names_after_a_power_cut", disks::names),
    ("locked_file", disks::locked_file),
];

macro_rules! repeats {
    ($($name:ident),* $(,)?) => {
        pub const TESTS: &[Test] = &[
            $((concat!("repeats::", stringify!($name)), || repeat(stringify!($name))),)*
            ("repeats::seeds_differ", seeds_differ),
        ];
    };
}

repeats!(
    mutex,
    condvar,
    channel,
    park,
    spinning,
    scoped,
    current_thread,
    multi_thread,
    duplex,
    spawn_blocking,
    clocks,
    entropy,
    exports,
    threads_end,
    freeze,
    kill,
    skew,
    sections,
    full_disk,
    slow_disk,
    power_cut,
    names_after_a_power_cut,
    locked_file,
);

/// Runs a scenario in this process; returns what it saw and how it went.
pub fn play(name: &str, seed: u64) -> String {
    let (_, scenario) = SCENARIOS.iter().find(|(known, _)| *known == name).expect("there is such a scenario");
    let outcome = run(seed, Bounds::default(), scenario);
    format!("{}\ntrace {:016x}, {} steps, {:?}", outcome.value, outcome.trace, outcome.steps, outcome.now)
}

fn repeat(name: &str) {
    for seed in 0..SEEDS {
        assert_eq!(child(name, seed), child(name, seed), "seed {seed} is not the same run twice");
    }
}

/// What threads do comes in another order with nearly every seed.
fn seeds_differ() {
    for name in ["mutex", "channel", "multi_thread", "scoped", "threads_end"] {
        let order = |seed| child(name, seed).lines().next().map(str::to_owned);
        let orders: BTreeSet<Option<String>> = (0..SEEDS).map(order).collect();
        assert!(orders.len() as u64 >= SEEDS - 2, "{name}: {orders:#?}");
    }
}

fn child(name: &str, seed: u64) -> String {
    let program = std::env::current_exe().expect("the program has a path");
    let folder = tempfile::Builder::new().prefix("causeway-").rand_bytes(8).tempdir_in("/dev/shm").expect("a folder");
    let output = Command::new(program)
        .args(["--scenario", name, &seed.to_string()])
        .current_dir(&folder)
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "seed {seed}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).expect("text")
}
