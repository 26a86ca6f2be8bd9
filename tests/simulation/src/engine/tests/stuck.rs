//! A run that does not end says where its threads are.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use simulation::engine::{self, Bounds, Machine, STUCK, run};
use simulation::harness::Test;

/// What a thread panics with.
const PANICKED: i32 = 101;

pub const TESTS: &[Test] = &[
    ("stuck::a_deadlock", || {
        says("a_deadlock", STUCK, &["seed 7: every thread waits", "left (Running)", "left_work", "lock"])
    }),
    ("stuck::too_long", || says("too_long", STUCK, &["bound in virtual time", "waiting for time"])),
    ("stuck::too_many_steps", || says("too_many_steps", STUCK, &["bound in steps", "spin_in_turns"])),
    ("stuck::a_loop", || says("a_loop", STUCK, &["bound in real time", "loop_for_ever", "running"])),
    ("stuck::a_panic", || says("a_panic", PANICKED, &["seed 7 panicked", "nobody expects"])),
];

/// Runs what does not end in this process; none if there is no such scenario.
pub fn play(name: &str) -> Option<String> {
    let scenario: fn() = match name {
        "a_deadlock" => a_deadlock,
        "too_long" => || thread::sleep(Duration::from_secs(1 << 20)),
        "too_many_steps" => spin_in_turns,
        "a_loop" => loop_for_ever,
        "a_panic" => || panic!("nobody expects"),
        _ => return None,
    };
    let bounds = Bounds { steps: 100_000, real_time: Duration::from_secs(2), ..Bounds::default() };
    Some(format!("{:?}", run(7, bounds, scenario)))
}

fn says(name: &str, code: i32, words: &[&str]) {
    let program = std::env::current_exe().expect("the program has a path");
    let output = Command::new(program).args(["--scenario", name, "7"]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
}

fn a_deadlock() {
    let (left, right) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let (left_too, right_too) = (Arc::clone(&left), Arc::clone(&right));
    let other = Machine::new("left").spawn("left", move || left_work(&left_too, &right_too));
    let _own = right.lock().unwrap();
    engine::sleep(Duration::from_secs(1));
    drop(left.lock().unwrap());
    other.join().unwrap();
}

#[inline(never)]
fn left_work(left: &Mutex<()>, right: &Mutex<()>) {
    let _own = left.lock().unwrap();
    thread::sleep(Duration::from_secs(1));
    drop(right.lock().unwrap());
}

#[inline(never)]
fn spin_in_turns() {
    loop {
        thread::yield_now();
    }
}

#[inline(never)]
fn loop_for_ever() {
    loop {
        std::hint::spin_loop();
    }
}
