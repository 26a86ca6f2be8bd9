//! Disks that are full, slow, or without power.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use simulation::engine::{self, Machine, Space};

/// A machine with a folder `name` in the working directory.
fn machine(name: &str) -> Machine {
    fs::create_dir_all(name).unwrap();
    let machine = Machine::new(name);
    machine.set_disk(Path::new(name));
    machine
}

/// What a run of `machine` returns.
fn on<T: Send + 'static>(machine: Machine, work: impl FnOnce() -> T + Send + 'static) -> T {
    machine.spawn("disk", work).join().unwrap()
}

pub fn full() -> String {
    let machine = machine("full");
    on(machine, || {
        fs::write("full/old", [1; 10_000]).unwrap();
        fs::write("full/log", b"begin").unwrap();
    });
    machine.disk().set_space(Space::Full);
    on(machine, || {
        let mut log = OpenOptions::new().append(true).open("full/log").unwrap();
        assert_eq!(log.write(b"more").unwrap_err().kind(), ErrorKind::StorageFull);
        assert!(fs::write("full/new", b"x").is_err());
        let old = OpenOptions::new().write(true).open("full/old").unwrap();
        old.write_all_at(&[2; 100], 0).unwrap();
        assert_eq!(rustix::fs::statvfs("full").unwrap().f_bavail, 0);
        fs::remove_file("full/old").unwrap();
        assert_ne!(rustix::fs::statvfs("full").unwrap().f_bavail, 0);
        log.write_all(b"more").unwrap();
        assert_eq!(log.write(&vec![0; 1 << 20]).unwrap(), 12_288 - 4, "a write is cut short");
        assert_eq!(log.write(b"more").unwrap_err().kind(), ErrorKind::StorageFull);
    });
    machine.disk().set_space(Space::Free);
    on(machine, || fs::write("full/new", b"x").unwrap());
    format!("{:?}", engine::now())
}

pub fn slow() -> String {
    let machine = machine("slow");
    machine.disk().set_delay(Duration::from_millis(200));
    on(machine, || {
        let begun = Instant::now();
        let mut file = File::create("slow/file").unwrap();
        file.write_all(b"text").unwrap();
        file.sync_data().unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(400));
        format!("{:?}", begun.elapsed())
    })
}

/// What is synced stays, what is not goes in part.
pub fn power_cut() -> String {
    let mut seen = Vec::new();
    for round in 0..30u8 {
        let name = format!("power-{round}");
        let machine = machine(&name);
        let folder = name.clone();
        on(machine, move || {
            let mut file = File::create(format!("{folder}/log")).unwrap();
            file.write_all(&[1; 1000]).unwrap();
            file.sync_data().unwrap();
            file.write_all(&[2; 1000]).unwrap();
            let ballot = File::create(format!("{folder}/ballot")).unwrap();
            ballot.write_all_at(b"one", 0).unwrap();
            ballot.sync_all().unwrap();
            ballot.write_all_at(b"two", 0).unwrap();
            ballot.write_all_at(b"six", 0).unwrap();
        });
        machine.kill();
        machine.disk().power_cut();
        let log = fs::read(format!("{name}/log")).unwrap();
        assert!((1000..=2000).contains(&log.len()));
        assert!(log[..1000].iter().all(|byte| *byte == 1));
        assert!(log[1000..].iter().all(|byte| matches!(byte, 0 | 2)));
        let ballot = fs::read_to_string(format!("{name}/ballot")).unwrap();
        assert!(["one", "two", "six"].contains(&ballot.as_str()), "{ballot}");
        seen.push((log.len(), log.iter().filter(|byte| **byte == 0).count(), ballot));
    }
    assert!(seen.iter().any(|one| one.0 == 1000) && seen.iter().any(|one| one.0 > 1000));
    assert!(seen.iter().any(|one| one.2 == "one") && seen.iter().any(|one| one.2 == "six"));
    format!("{seen:?}")
}

/// Names that were made, replaced and removed without a sync of their folder are there or not.
pub fn names() -> String {
    let mut seen = Vec::new();
    for round in 0..30u8 {
        let name = format!("names-{round}");
        let machine = machine(&name);
        let folder = name.clone();
        on(machine, move || {
            let path = |file: &str| format!("{folder}/{file}");
            fs::write(path("marks"), b"old").unwrap();
            fs::write(path("segment"), b"kept").unwrap();
            for file in ["marks", "segment"] {
                File::open(path(file)).unwrap().sync_all().unwrap();
            }
            File::open(&folder).unwrap().sync_all().unwrap();
            let mut temporary = File::create(path("temporary")).unwrap();
            temporary.write_all(b"new").unwrap();
            temporary.sync_data().unwrap();
            fs::rename(path("temporary"), path("marks")).unwrap();
            fs::remove_file(path("segment")).unwrap();
        });
        machine.kill();
        machine.disk().power_cut();
        let marks = fs::read_to_string(format!("{name}/marks")).unwrap();
        let segment = fs::read_to_string(format!("{name}/segment")).ok();
        match segment.as_deref() {
            None => assert_eq!(marks, "new", "changes reach the disk in their order"),
            Some(segment) => assert!(segment == "kept" && ["old", "new"].contains(&marks.as_str())),
        }
        seen.push((marks, segment));
    }
    assert!(seen.iter().any(|one| one.0 == "old") && seen.iter().any(|one| one.1.is_none()));
    format!("{seen:?}")
}

/// A lock on a file ends with the machine that held it.
pub fn locked_file() -> String {
    let first = machine("locked");
    first.spawn("holder", || {
        let file = File::create("locked/lock").unwrap();
        file.try_lock().unwrap();
        let _duplicate = file.try_clone().unwrap();
        std::thread::park();
    });
    engine::sleep(Duration::from_secs(1));
    let second = machine("locked");
    let try_lock = || File::open("locked/lock").unwrap().try_lock().is_ok();
    assert!(!on(second, try_lock));
    first.kill();
    assert!(on(second, try_lock));
    format!("{:?}", engine::now())
}
