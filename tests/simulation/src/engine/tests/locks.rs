//! Threads, locks, conditions, channels: std's own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use simulation::engine;

/// Threads count under a lock that is contended, in an order that the seed decides.
pub fn mutex() -> String {
    let order = Arc::new(Mutex::new(String::new()));
    let threads: Vec<_> = (0..5)
        .map(|number| {
            let order = Arc::clone(&order);
            thread::spawn(move || {
                for _ in 0..20 {
                    let mut order = order.lock().unwrap();
                    order.push_str(&format!("{number}"));
                    thread::yield_now();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let order = order.lock().unwrap().clone();
    assert_eq!(order.len(), 100);
    order
}

/// A condition with and without a deadline.
pub fn condvar() -> String {
    let pair = Arc::new((Mutex::new(0u32), Condvar::new()));
    let begun = Instant::now();
    let (value, timeout) = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(250)).unwrap();
    assert!(timeout.timed_out());
    drop(value);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(250) && waited < Duration::from_millis(270), "{waited:?}");
    let others: Vec<_> = (0..4)
        .map(|number| {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                let mut value = pair.1.wait_while(pair.0.lock().unwrap(), |value| *value < 10).unwrap();
                *value += number;
                *value
            })
        })
        .collect();
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(3));
        *pair.0.lock().unwrap() += 1;
        pair.1.notify_all();
    }
    let values: Vec<u32> = others.into_iter().map(|thread| thread.join().unwrap()).collect();
    format!("{values:?}")
}

/// Bounded and unbounded channels with several senders.
pub fn channel() -> String {
    let (sender, receiver) = mpsc::sync_channel(2);
    assert_eq!(receiver.recv_timeout(Duration::from_secs(100)), Err(RecvTimeoutError::Timeout));
    let senders: Vec<_> = (0..3)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || (0..15).for_each(|message| sender.send((number, message)).unwrap()))
        })
        .collect();
    drop(sender);
    let messages: Vec<(i32, i32)> = receiver.iter().collect();
    senders.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(messages.len(), 45);
    for number in 0..3 {
        assert!(messages.iter().filter(|message| message.0 == number).map(|message| message.1).eq(0..15));
    }
    format!("{messages:?}")
}

/// Parking, with a deadline and without one.
pub fn park() -> String {
    let begun = Instant::now();
    thread::park_timeout(Duration::from_secs(3600 / 8));
    assert!(begun.elapsed() >= Duration::from_secs(450));
    let parked = thread::spawn(|| {
        thread::park();
        Instant::now()
    });
    thread::sleep(Duration::from_secs(1));
    parked.thread().unpark();
    let woken = parked.join().unwrap() - begun;
    assert!(woken >= Duration::from_secs(451));
    format!("{woken:?}")
}

/// What spins for a flag or for a time comes to an end.
pub fn spinning() -> String {
    let flag = Arc::new(AtomicBool::new(false));
    let turns = Arc::new(AtomicU64::new(0));
    let spinner = thread::spawn({
        let (flag, turns) = (Arc::clone(&flag), Arc::clone(&turns));
        move || {
            while !flag.load(Ordering::Acquire) {
                turns.fetch_add(1, Ordering::Relaxed);
                thread::yield_now();
            }
        }
    });
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_micros(50) {
        std::hint::spin_loop();
    }
    flag.store(true, Ordering::Release);
    spinner.join().unwrap();
    format!("{}", turns.load(Ordering::Relaxed))
}

/// Scoped threads, a barrier, and what the scenario draws.
pub fn scoped() -> String {
    let barrier = std::sync::Barrier::new(4);
    let drawn: Vec<u64> = (0..5).map(|_| engine::random().between(10, 20)).collect();
    assert!(drawn.iter().all(|number| (10..=20).contains(number)));
    let leaders = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| barrier.wait().is_leader())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<bool>>()
    });
    assert_eq!(leaders.iter().filter(|leads| **leads).count(), 1);
    format!("{drawn:?} {leaders:?}")
}
