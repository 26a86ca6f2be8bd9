//! A deterministic machine for unmodified programs: their own threads, one at a time, on a clock of its own.
//!
//! The engine takes the place of the functions of the C library through which a Rust program blocks, reads clocks and gets
//! random numbers. A thread that calls one of them has the *turn*; when it waits, or when the seed says so, another gets
//! it. When all wait, time jumps to the earliest deadline. Nothing in the product knows of it.
//!
//! ```text
//!  product thread ── Mutex, Condvar, park, mpsc ─► syscall(SYS_futex) ─┐
//!                 ── tokio's driver ─► epoll_wait, write(eventfd) ─────┤
//!                 ── Instant, SystemTime, sleep ─► clock_gettime, .. ──┼─► Turn ─► Scheduler ─► the next thread
//!                 ── spawn, join ─► pthread_create, pthread_join ──────┤              │ policy, alarms, futexes, pollers
//!                 ── HashMap, keys ─► getrandom ───────────────────────┤              ▼
//!                 ── files ─► write, fdatasync, rename, .. ────────────┘            Trace (a hash of every decision)
//! ```
//!
//! # Simulated
//! Locks, conditions, parking; sleeping and deadlines; clocks, each machine's `SystemTime` apart; `epoll_wait` and `poll`;
//! threads; random numbers, also those of aws-lc; the number of processors (4); files below a machine's disk: a full and a
//! slow disk, and what a power cut leaves of them. Machines are frozen, killed, and started anew.
//! Where a thread is interrupted is up to the seed: at these calls and at allocations.
//!
//! # Not simulated
//! - A thread that computes takes no time; time passes with turns (up to 2 µs each) and with waiting. One that spins without
//!   any of these calls is found by the bound in real time.
//! - Threads are sequentially consistent: what a weaker order of memory would allow is not seen.
//! - Locks inside the C library (`pthread_mutex_t` of C code): a thread is never interrupted where it holds one.
//! - Sockets, pipes and processes are the kernel's; only waiting for them is the engine's. Addresses of processes
//!   (`getpid`), file times, `/proc` and `/sys` are real.
//! - Folders are made and removed at once and for good; what `remove_dir_all` removes gives a full disk nothing back.
//! - Copies of files that the kernel makes (`copy_file_range`) are not counted on a full disk; memory-mapped files are not
//!   seen at all. A lock that a killed thread held is held for ever: what machines share belongs into
//!   [`uninterruptible`] sections.

mod clock;
mod diagnosis;
mod disk;
mod futex;
mod kernel;
mod machine;
mod policy;
mod pollers;
mod random;
mod run;
mod scheduler;
mod seat;
mod symbols;
mod thread;
mod trace;
mod turn;

pub use self::diagnosis::STUCK;
pub use self::disk::{Disk, Space};
pub use self::machine::{Machine, Skew, uninterruptible};
pub use self::random::Random;
pub use self::run::{Bounds, Outcome, enter, note, now, random, run, sleep, trace};
