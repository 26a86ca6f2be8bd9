//! tokio's runtimes, as they are.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

use simulation::engine::Machine;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn workers(number: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(number).enable_all().build().unwrap()
}

/// Timers in one thread.
pub fn current_thread() -> String {
    runtime().block_on(async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let begun = Instant::now();
        let tasks: Vec<_> = (0..10u64)
            .map(|number| {
                let order = Arc::clone(&order);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(10 - number)).await;
                    order.lock().unwrap().push(number);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), (0..10).rev().collect::<Vec<_>>());
        let refused = tokio::time::timeout(Duration::from_millis(7), std::future::pending::<()>()).await;
        assert!(refused.is_err());
        let (answer, other) = tokio::select! {
            () = async {} => (1, 2),
            () = async {} => (2, 1),
        };
        format!("{:?} {answer}{other}", begun.elapsed())
    })
}

/// Tasks on several worker threads, which steal from each other.
pub fn multi_thread() -> String {
    let runtime = workers(3);
    let order = Arc::new(Mutex::new(String::new()));
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let order = Arc::clone(&order);
            runtime.spawn(async move {
                for _ in 0..5 {
                    order.lock().unwrap().push_str(&format!("{number}"));
                    tokio::task::yield_now().await;
                    tokio::time::sleep(Duration::from_millis(number % 3)).await;
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    drop(runtime);
    let order = order.lock().unwrap().clone();
    assert_eq!(order.len(), 40);
    order
}

/// Bytes between runtimes of two machines.
pub fn duplex() -> String {
    let (mut near, mut far) = tokio::io::duplex(16);
    let echo = Machine::new("echo").spawn("echo", move || {
        runtime().block_on(async move {
            let mut bytes = [0; 5];
            let mut count = 0;
            while let Ok(read @ 1..) = far.read(&mut bytes).await {
                far.write_all(&bytes[..read]).await.unwrap();
                count += 1;
            }
            count
        })
    });
    let asker = Machine::new("asker").spawn("asker", move || {
        workers(2).block_on(async move {
            for round in 0..20u8 {
                let bytes = vec![round; usize::from(round) + 1];
                let (mut reader, mut writer) = tokio::io::split(&mut near);
                let mut answer = vec![0; bytes.len()];
                let (written, read) = tokio::join!(writer.write_all(&bytes), reader.read_exact(&mut answer));
                written.unwrap();
                read.unwrap();
                assert_eq!(answer, bytes);
            }
        });
    });
    asker.join().unwrap();
    format!("{} reads", echo.join().unwrap())
}

/// Blocking work beside a runtime, and its threads' end after they had nothing to do.
pub fn spawn_blocking() -> String {
    let runtime = runtime();
    let results = runtime.block_on(async {
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                tokio::task::spawn_blocking(move || {
                    std::thread::sleep(Duration::from_millis(number * 10));
                    std::thread::current().id()
                })
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        results
    });
    format!("{results:?}")
}
