//! One run of a scenario: one seed, one process.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use super::random::Random;
use super::scheduler::Scheduler;
use super::thread::State;
use super::turn::Turn;
use super::{diagnosis, symbols};

/// Set in a process that [`enter`] has begun anew.
const ENTERED: &str = "CAUSEWAY_SIMULATION_ENTERED";
/// What goes into the new process, beside everything that begins with `CAUSEWAY_`.
const KEPT: [&str; 7] =
    ["PATH", "HOME", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE"];
/// One heap for all threads, and no random numbers from the processor itself in aws-lc (RDRAND, RDSEED).
const FIXED: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "1"), ("OPENSSL_ia32cap", "~0x4000000000000000:~0x40000")];

/// How long a run may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In the run's own time.
    pub virtual_time: Duration,
    /// In turns of threads.
    pub steps: u64,
    /// Of one turn, in the time of whoever waits for it; a thread that computes for twice as long is found for certain.
    pub real_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { virtual_time: Duration::from_secs(600), steps: 50_000_000, real_time: Duration::from_secs(60) }
    }
}

/// What a run was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    /// What the scenario returned.
    pub value: T,
    /// The hash of everything that was decided: equal for equal seeds.
    pub trace: u64,
    /// Turns.
    pub steps: u64,
    /// How long it took, in its own time.
    pub now: Duration,
}

/// Begins the process anew under conditions that are always the same: addresses, environment, one heap. Returns in the new
/// process; nothing but reading arguments belongs between this and [`run`].
pub fn enter() {
    if std::env::var_os(ENTERED).is_some() {
        return;
    }
    // SAFETY: no memory is passed. A container may refuse it: then runs differ where addresses decide something.
    if unsafe { libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong) } == -1 {
        eprintln!("simulation: addresses stay random, a seed may not be the same run twice");
    }
    stay_here();
    let arguments: Vec<CString> = std::env::args_os().filter_map(|one| CString::new(one.as_bytes()).ok()).collect();
    let environment = environment();
    let pointers =
        |texts: &[CString]| texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>();
    let (argv, envp) = (pointers(&arguments), pointers(&environment));
    // SAFETY: both lists end with null and point to strings that live until the process is another.
    unsafe { libc::execve(c"/proc/self/exe".as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    panic!("the process cannot begin anew: {}", std::io::Error::last_os_error());
}

/// Keeps the process on the processor that it has been started on: only one of its threads has the turn, and another is told so
/// in a third of the time where nobody else has to be woken for it.
fn stay_here() {
    // SAFETY: a set of processors is a field of bits, and nothing else is passed.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if let Ok(here) = usize::try_from(libc::sched_getcpu()) {
            libc::CPU_SET(here, &mut set);
            libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
        }
    }
}

fn environment() -> Vec<CString> {
    let mut kept: Vec<(String, String)> = std::env::vars()
        .filter(|(name, _)| name.starts_with("CAUSEWAY_") || KEPT.contains(&name.as_str()))
        .chain(FIXED.map(|(name, value)| (name.to_owned(), value.to_owned())))
        .chain([(ENTERED.to_owned(), "1".to_owned())])
        .collect();
    kept.sort();
    kept.into_iter().filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok()).collect()
}

/// Runs `scenario` on the calling thread, in a machine called "world".
///
/// Whatever else waits when it returns never runs again: end the process soon. Panics when [`enter`] was not called, at a
/// second run in one process, and when the scenario does. A run that is stuck ends the process with [`diagnosis::STUCK`].
pub fn run<T>(seed: u64, bounds: Bounds, scenario: impl FnOnce() -> T) -> Outcome<T> {
    assert!(std::env::var_os(ENTERED).is_some(), "engine::enter() comes first");
    symbols::keep();
    Scheduler::install(seed, bounds);
    diagnosis::watch(seed, bounds.real_time);
    let _end = RunEnd::begin(seed);
    let value = scenario();
    let turn = Turn::expect();
    let scheduler = turn.scheduler();
    let (trace, steps, now) = (scheduler.trace.hash(), scheduler.trace.turns(), scheduler.clock.now());
    Outcome { value, trace, steps, now }
}

/// While it lives, threads are scheduled.
struct RunEnd {
    seed: u64,
}

impl RunEnd {
    fn begin(seed: u64) -> Self {
        let mut scheduler = Scheduler::lock();
        let world = scheduler.add_machine("world");
        scheduler.add_thread(world, State::Running).occupy();
        drop(scheduler);
        Turn::begin_run();
        Self { seed }
    }
}

impl Drop for RunEnd {
    fn drop(&mut self) {
        Turn::end_run();
        if std::thread::panicking() {
            eprintln!("simulation: seed {} panicked", self.seed);
        }
    }
}

/// The run's own time since it began.
pub fn now() -> Duration {
    Turn::expect().now()
}

/// Lets the calling thread wait; the same as `std::thread::sleep`.
pub fn sleep(time: Duration) {
    Turn::expect().sleep(time);
}

/// The scenario's stream of random numbers.
pub fn random() -> Random {
    Random(())
}

/// The hash of everything decided and noted so far.
pub fn trace() -> u64 {
    Turn::expect().scheduler().trace.hash()
}

/// Makes an event part of the trace; printed to stderr if `CAUSEWAY_SIMULATION_TRACE` is 1, or 2, which prints turns too.
pub fn note(event: &str) {
    let turn = Turn::expect();
    let mut scheduler = turn.scheduler();
    let now = scheduler.clock.now();
    let machine = scheduler.machine_of(turn.thread()).name.clone();
    scheduler.trace.note(&format!("{machine}: {event}"), now);
}
