//! Damaged files: a torn tail is cut and reported; damage in the middle stops that partition with a way out.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use causeway_tests::{Broker, Connect, Publish, Settings, Version};

/// The files of the log below the data directory, oldest first.
fn log_files(broker: &Broker) -> Vec<PathBuf> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.components().any(|c| c.as_os_str().to_string_lossy().contains("partition")) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(broker.data_dir(), &mut found);
    found.retain(|path| fs::metadata(path).is_ok_and(|m| m.len() > 0));
    found.sort();
    assert!(!found.is_empty(), "no log files below {}", broker.data_dir().display());
    found
}

/// The newest log file that holds that text, and where the text ends in it.
fn find(files: &[PathBuf], text: &[u8]) -> (PathBuf, usize) {
    for file in files.iter().rev() {
        let bytes = fs::read(file).expect("a readable log file");
        if let Some(at) = bytes.windows(text.len()).rposition(|w| w == text) {
            return (file.clone(), at + text.len());
        }
    }
    panic!("{} is in no log file", String::from_utf8_lossy(text));
}

fn filled(count: usize) -> (Broker, Connect) {
    let broker = Broker::start(Settings::new());
    let connect = Connect::persistent(Version::V5, "reader");
    let mut reader = broker.connect(&connect);
    reader.subscribe("q", 1);
    reader.disconnect();
    let mut publisher = broker.client(Version::V5);
    for n in 0..count {
        publisher.publish(Publish::new("q", format!("message number {n:05} {}", "·".repeat(100))).qos(1));
    }
    (broker, connect)
}

/// What the broker printed since, in lower case.
fn said(broker: &Broker, before: usize) -> String {
    broker.log().get(before..).unwrap_or_default().to_lowercase()
}

/// A record that was being written when the power went: the last one goes, all others stay.
#[test]
fn a_torn_tail_is_cut_and_reported() {
    for cut in [1, 7, 60] {
        let (mut broker, connect) = filled(50);
        broker.kill();
        let (file, end) = find(&log_files(&broker), b"message number 00049");
        let handle = OpenOptions::new().write(true).open(&file).expect("the log file");
        handle.set_len((end - cut) as u64).expect("a shorter file");
        let before = broker.log().len();
        broker.restart();
        let log = said(&broker, before);
        assert!(log.contains("torn") || log.contains("cut"), "nothing is said about the cut: {log}");
        let mut reader = broker.connect(&connect);
        assert!(reader.connack.session_present);
        for n in 0..49 {
            assert!(reader.take().text().starts_with(&format!("message number {n:05}")));
        }
        reader.quiet();
        // Life goes on behind the cut, over another restart.
        broker.client(Version::V5).publish(Publish::new("q", "after the cut").qos(1));
        broker.restart();
        let mut reader = broker.connect(&connect);
        assert_eq!(reader.take().text(), "after the cut");
        reader.quiet();
    }
}

/// One bit of an older record: the broker says which file and what to do, and does not serve made-up data.
#[test]
fn a_corrupt_record_in_the_middle_stops_the_partition() {
    let (mut broker, connect) = filled(50);
    broker.kill();
    let (file, end) = find(&log_files(&broker), b"message number 00010");
    flip(&file, end - 3);
    let before = broker.log().len();
    match broker.try_restart() {
        Err(failure) => {
            assert!(!failure.status.success());
            explains(&failure.output.to_lowercase(), &file);
        }
        Ok(()) => {
            // Other partitions may serve; this one must not.
            explains(&said(&broker, before), &file);
            let (_, answer) = broker.attempt(&connect);
            assert_ne!(answer.code, 0, "the session of a damaged partition is served");
        }
    }
}

/// The message names the file and a way out.
fn explains(text: &str, file: &Path) {
    assert!(text.contains("corrupt") || text.contains("damage") || text.contains("checksum"), "{text}");
    let name = file.file_name().expect("a file name").to_string_lossy().to_lowercase();
    let directory = file.parent().and_then(Path::file_name).expect("a directory").to_string_lossy().to_lowercase();
    assert!(text.contains(&name) || text.contains(&directory), "neither {name} nor {directory} in: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

fn flip(file: &Path, at: usize) {
    let mut handle = OpenOptions::new().read(true).write(true).open(file).expect("the log file");
    handle.seek(SeekFrom::Start(at as u64)).expect("the place");
    let mut byte = [0];
    handle.read_exact(&mut byte).expect("a byte");
    handle.seek(SeekFrom::Start(at as u64)).expect("the place");
    handle.write_all(&[byte[0] ^ 0x10]).expect("the byte changed");
}
