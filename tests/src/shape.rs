//! What a broker is in this run: one process, or a frontend with backends behind it.

use crate::Settings;

/// Whether every broker is a frontend with two backends behind it: `CAUSEWAY_TEST_SHAPE=cluster`.
pub fn is_cluster() -> bool {
    std::env::var_os("CAUSEWAY_TEST_SHAPE").is_some_and(|shape| shape == "cluster")
}

/// Whether what a test takes for granted is true of one process alone; `premise` says what it is.
pub fn is_split(premise: &str) -> bool {
    if is_cluster() {
        eprintln!("not so with several processes: {premise}");
    }
    is_cluster()
}

/// Flags of what is behind the frontend, besides those that both have.
pub(crate) const BACKEND_FLAGS: [&str; 1] = ["--durability"];
/// Flags that a frontend and what is behind it are given alike.
const SHARED_FLAGS: [&str; 5] =
    ["--partitions", "--memory-profile", "--resources", "--broker-config-file", "--log-level"];
/// Partitions behind a frontend where nothing says how many: more than backends, and no multiple of them.
const PARTITIONS: &str = "3";

/// Options that are the backends', or theirs too.
pub(crate) fn behind_flags(settings: &Settings) -> Vec<String> {
    let flags = BACKEND_FLAGS.iter().chain(&SHARED_FLAGS);
    let given = flags.filter_map(|flag| Some([(*flag).to_string(), settings.value(flag)?.to_string()]));
    given.flatten().collect()
}

/// As many in all processes; resources may say how many.
pub(crate) fn with_partitions(settings: Settings) -> Settings {
    let says = |flag| settings.value(flag).is_some();
    let is_said = says("--partitions") || says("--resources") || says("--broker-config-file");
    if is_said { settings } else { settings.set("--partitions", PARTITIONS) }
}
