//! Many seeds: a child each, several at a time, and what came of them.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::CHILD;
use super::arguments::Arguments;
use super::child::WRONG;
use super::tally::Tally;
use crate::engine::STUCK;

/// One run that is over.
struct Run {
    seed: u64,
    status: ExitStatus,
    output: String,
    took: Duration,
}

#[derive(Default)]
struct Results {
    passed: u64,
    failed: BTreeMap<u64, Vec<String>>,
    tally: Tally,
    slowest: Option<(Duration, u64)>,
}

pub fn main(arguments: &Arguments) -> ExitCode {
    let seeds = arguments.all_seeds();
    let is_one = seeds.end - seeds.start == 1;
    let jobs = arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let folder = folder();
    let waiting: Mutex<VecDeque<u64>> = Mutex::new(seeds.clone().collect());
    let results = Mutex::new(Results::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for slot in 0..jobs.clamp(1, 64) {
            let (waiting, results, folder) = (&waiting, &results, &folder);
            scope.spawn(move || {
                loop {
                    // Not in the head of a `while let`, which would hold the lock for as long as the run takes.
                    let Some(seed) = lock(waiting).pop_front() else { return };
                    let run = run(arguments, seed, &folder.join(format!("{slot:02}")));
                    if !note(arguments, run, seed, &mut lock(results)) && arguments.first {
                        lock(waiting).clear();
                    }
                }
            });
        }
    });
    _ = std::fs::remove_dir_all(&folder);
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !is_one {
        results.print(arguments, begun.elapsed());
    }
    if results.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WRONG) }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory, where there is some that can be used as files: what is simulated is not the disk's speed.
fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let below = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    // Always of the same length: what a process does depends on it, by what it allocates.
    below.join(format!("causeway-simulation-{:010}", std::process::id()))
}

fn run(arguments: &Arguments, seed: u64, folder: &Path) -> io::Result<Run> {
    _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.env(CHILD, "1").current_dir(folder).stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped());
    // The same for every run of a seed.
    command.args(["--seed", &seed.to_string(), "--profile", &arguments.profile_of(seed).to_string()]);
    command.args(arguments.trace.then_some("--trace"));
    if let Some(sabotage) = arguments.sabotage {
        command.args(["--sabotage", &sabotage.to_string()]);
    }
    let begun = Instant::now();
    let output = command.output()?;
    _ = std::fs::remove_dir_all(folder);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    Ok(Run { seed, status: output.status, output: text.into_owned(), took: begun.elapsed() })
}

/// Prints what is to be seen of a run; whether it passed.
fn note(arguments: &Arguments, run: io::Result<Run>, seed: u64, results: &mut Results) -> bool {
    let run = match run {
        Ok(run) => run,
        Err(error) => {
            println!("seed {seed} could not be run: {error}");
            results.failed.insert(seed, vec![error.to_string()]);
            return false;
        }
    };
    let tally = Tally::find(&run.output).unwrap_or_default();
    results.tally.merge(&tally);
    results.slowest = results.slowest.max(Some((run.took, run.seed)));
    let profile = arguments.profile_of(seed);
    let is_one = arguments.seed.is_some();
    if run.status.success() {
        results.passed += 1;
        if is_one {
            println!("{}", run.output);
        }
        println!("seed {seed} ({profile}): passed in {:.1} s {tally}", run.took.as_secs_f64());
        return true;
    }
    let why = run.why();
    println!("{}\nseed {seed} ({profile}): FAILED: {}", run.output, why.join(", "));
    println!("{}", again(arguments, seed));
    results.failed.insert(seed, why);
    false
}

/// How a run is seen again: by the same program, since another build of it may be another run.
fn again(arguments: &Arguments, seed: u64) -> String {
    let (program, profile) = (std::env::args().next().unwrap_or_default(), arguments.profile_of(seed));
    let sabotage = arguments.sabotage.map_or_else(String::new, |sabotage| format!(" --sabotage {sabotage}"));
    format!("again: {program} --seed {seed} --profile {profile}{sabotage} --trace")
}

impl Run {
    /// The rules that were broken, or how it ended.
    fn why(&self) -> Vec<String> {
        let lines = self.output.lines().filter_map(|line| line.strip_prefix("VIOLATION of "));
        let rules: Vec<_> = lines.map(|line| line.split([',', ' ']).next().unwrap_or(line).to_owned()).collect();
        match self.status.code() {
            Some(code) if code == i32::from(WRONG) && !rules.is_empty() => rules,
            Some(STUCK) => vec!["stuck".into()],
            _ => rules.into_iter().chain([self.status.to_string()]).collect(),
        }
    }
}

impl Results {
    fn print(&self, arguments: &Arguments, took: Duration) {
        let Self { passed, failed, tally, slowest } = self;
        println!("\n{passed} passed, {} failed, in {:.0} s", failed.len(), took.as_secs_f64());
        println!("{tally}");
        if let Some((took, seed)) = slowest {
            println!("slowest: seed {seed} with {:.1} s", took.as_secs_f64());
        }
        let mut rules: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (seed, why) in failed {
            why.iter().for_each(|rule| rules.entry(rule).or_default().push(*seed));
        }
        rules.iter().for_each(|(rule, seeds)| println!("{rule}: seeds {seeds:?}"));
        failed.keys().for_each(|seed| println!("{}", again(arguments, *seed)));
    }
}
