//! Machines stop, go on, end, and have clocks of their own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use simulation::engine::{self, Machine, Skew, uninterruptible};

/// Counts every millisecond, in a thread that a thread of the machine creates.
fn counter(machine: Machine) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    machine.spawn("parent", move || {
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(1));
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
    count
}

pub fn freeze() -> String {
    let machine = Machine::new("counting");
    let count = counter(machine);
    engine::sleep(Duration::from_millis(100));
    machine.freeze();
    let frozen = count.load(Ordering::Relaxed);
    assert!(frozen > 50, "{frozen}");
    engine::sleep(Duration::from_secs(10));
    assert_eq!(count.load(Ordering::Relaxed), frozen);
    machine.thaw();
    engine::sleep(Duration::from_millis(100));
    let thawed = count.load(Ordering::Relaxed);
    assert!(thawed > frozen + 50);
    format!("{frozen} {thawed} {:?}", engine::now())
}

pub fn kill() -> String {
    let machine = Machine::new("dying");
    let count = counter(machine);
    let bystander = counter(Machine::new("bystander"));
    let held = Arc::new(Mutex::new(()));
    machine.spawn("holder", {
        let held = Arc::clone(&held);
        move || {
            let _own = held.lock().unwrap();
            thread::park();
        }
    });
    engine::sleep(Duration::from_millis(50));
    assert!(machine.is_alive());
    machine.kill();
    assert!(!machine.is_alive());
    let killed = count.load(Ordering::Relaxed);
    engine::sleep(Duration::from_millis(50));
    assert_eq!(count.load(Ordering::Relaxed), killed);
    assert!(bystander.load(Ordering::Relaxed) > killed);
    assert!(held.try_lock().is_err(), "what a killed thread held stays held");
    let next = counter(Machine::new("dying"));
    engine::sleep(Duration::from_millis(50));
    format!("{killed} {} {:?}", next.load(Ordering::Relaxed), engine::now())
}

pub fn skew() -> String {
    let machine = Machine::new("off");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watching = Arc::clone(&seen);
    machine.spawn("watch", move || {
        let begun = Instant::now();
        loop {
            thread::sleep(Duration::from_secs(1));
            watching.lock().unwrap().push((begun.elapsed(), SystemTime::now()));
        }
    });
    let (begun, real) = (SystemTime::now(), Instant::now());
    engine::sleep(Duration::from_millis(1500));
    machine.set_clock(Skew::Ahead(Duration::from_secs(3600)));
    engine::sleep(Duration::from_secs(1));
    machine.set_clock(Skew::Behind(Duration::from_secs(60)));
    engine::sleep(Duration::from_secs(1));
    let seen = seen.lock().unwrap();
    let [right, fast, slow] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(slow.0 - fast.0 < Duration::from_millis(1020), "instants do not jump");
    assert!(right.1.duration_since(begun).unwrap() < Duration::from_secs(2));
    assert!(fast.1.duration_since(begun).unwrap() > Duration::from_secs(3600));
    assert!(slow.1 < begun);
    assert!(begun.elapsed().unwrap().abs_diff(real.elapsed()) < Duration::from_millis(1), "only one machine's is off");
    format!("{seen:?}")
}

/// A machine is killed and frozen only where it does not hold what others need.
pub fn sections() -> String {
    let shared = Arc::new(Mutex::new(0u64));
    let mut last = 0;
    for round in 0..20 {
        let machine = Machine::new("sharing");
        let own = Arc::clone(&shared);
        machine.spawn("work", move || {
            loop {
                uninterruptible(|| {
                    let mut count = own.lock().unwrap();
                    *count += 1;
                    thread::sleep(Duration::from_millis(2));
                    *count += 1;
                });
                thread::yield_now();
            }
        });
        engine::sleep(engine::random().duration(Duration::from_millis(10), Duration::from_millis(20)));
        if round % 2 == 0 {
            machine.freeze();
            assert_eq!(*shared.lock().unwrap() % 2, 0);
            machine.thaw();
        }
        machine.kill();
        let count = shared.try_lock().expect("nobody holds it");
        assert!(count.is_multiple_of(2) && *count > last);
        last = *count;
    }
    format!("{last} {:?}", engine::now())
}
