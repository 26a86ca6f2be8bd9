//! What a run that does not end says before the process does: which thread of which machine waits where.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::kernel;
use super::scheduler::Scheduler;
use super::thread::State;
use super::turn::Turn;

/// The exit code of a process whose run was stuck.
pub const STUCK: i32 = 86;

const FRAMES: usize = 40;
/// How long a thread may take to say where it is.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const SIGNAL: libc::c_int = libc::SIGUSR2;
/// The last of the engine's own frames below the product's.
const OWN_FRAME: &str = "engine::turn::";

static SEED: AtomicU64 = AtomicU64::new(0);
/// Counts turns, for the watchdog to see that there are any.
static TURNS: AtomicU64 = AtomicU64::new(0);
static ASLEEP: AtomicBool = AtomicBool::new(false);
static ANSWERS: AtomicU32 = AtomicU32::new(0);

/// Why a run does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    ForEver,
    VirtualTime,
    Steps,
    RealTime,
}

impl Stuck {
    fn text(self) -> &'static str {
        match self {
            Self::ForEver => "every thread waits, and not for time",
            Self::VirtualTime => "the bound in virtual time is exceeded",
            Self::Steps => "the bound in steps is exceeded",
            Self::RealTime => {
                "the bound in real time is exceeded: a thread computes for ever, or waits where the engine does not see it"
            }
        }
    }
}

/// A turn begins.
pub(super) fn count_turn() {
    TURNS.fetch_add(1, Ordering::Relaxed);
}

/// Ends the process when a turn takes longer than `real_time`. Called before the run begins.
pub(super) fn watch(seed: u64, real_time: Duration) {
    SEED.store(seed, Ordering::Relaxed);
    let action = answer as extern "C" fn(libc::c_int);
    // SAFETY: the handler is called on threads that wait in the engine, or that have lost their way already.
    unsafe { libc::signal(SIGNAL, action as libc::sighandler_t) };
    let watchdog = std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        ASLEEP.store(true, Ordering::Release);
        let mut seen = None;
        while seen != Some(TURNS.load(Ordering::Relaxed)) {
            seen = Some(TURNS.load(Ordering::Relaxed));
            std::thread::sleep(real_time);
        }
        for _ in 0..100 {
            if let Some(scheduler) = Scheduler::try_lock() {
                stop(scheduler, Stuck::RealTime);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        end("simulation: the engine itself is stuck\n");
    });
    watchdog.expect("there is memory for a thread");
    // From here on it touches no memory that others allocate from.
    while !ASLEEP.load(Ordering::Acquire) {
        std::thread::yield_now();
    }
}

/// Says where every thread is, and ends the process.
pub(super) fn stop(scheduler: MutexGuard<'static, Scheduler>, stuck: Stuck) -> ! {
    Turn::end_run();
    let seed = SEED.load(Ordering::Relaxed);
    let (now, steps) = (scheduler.clock.now(), scheduler.trace.turns());
    eprintln!("simulation: seed {seed}: {}; after {now:?} and {steps} steps", stuck.text());
    for thread in &scheduler.threads {
        if matches!(thread.state, State::Gone | State::Dead) {
            continue;
        }
        let machine = &scheduler.machines[thread.machine.0];
        let kernel_id = thread.seat.kernel_id();
        let name = std::fs::read_to_string(format!("/proc/self/task/{kernel_id}/comm")).unwrap_or_default();
        let until = thread.alarm.map(|moment| format!(", at the latest at {moment:?}")).unwrap_or_default();
        eprintln!(
            "\n{} ({:?}), {} ({}): {}{until}",
            machine.name,
            machine.fate,
            thread.seat.thread,
            name.trim(),
            thread.state
        );
        ask(kernel_id);
    }
    end("")
}

/// Lets a thread print where it is.
fn ask(kernel_id: i32) {
    if kernel_id == 0 {
        return;
    }
    let before = ANSWERS.load(Ordering::Acquire);
    if kernel::signal(kernel_id, SIGNAL) != 0 {
        return;
    }
    for _ in 0..ANSWER_WITHIN.as_millis() {
        if ANSWERS.load(Ordering::Acquire) != before {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    eprintln!("    (does not say)");
}

extern "C" fn answer(_signal: libc::c_int) {
    let whole = Backtrace::force_capture().to_string();
    let names: Vec<&str> = whole.lines().map(str::trim).filter(|line| !line.starts_with("at ")).collect();
    let first = names.iter().rposition(|name| name.contains(OWN_FRAME)).map_or(0, |at| at + 1);
    let mut shown = String::new();
    for name in names.iter().skip(first).take(FRAMES) {
        let name = name.split_once(": ").map_or(*name, |(_, name)| name);
        let _ = writeln!(shown, "    {name}");
    }
    eprint!("{shown}");
    ANSWERS.fetch_add(1, Ordering::Release);
}

fn end(word: &str) -> ! {
    eprint!("{word}");
    // SAFETY: ends the process.
    unsafe { libc::_exit(STUCK) }
}
