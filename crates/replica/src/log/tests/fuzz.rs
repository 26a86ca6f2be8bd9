//! Bytes at random, for a bounded time: no decoder panics, and what is opened can be read.

use std::time::{Duration, Instant};

use super::*;

const FUZZ_TIME: Duration = Duration::from_millis(1500);

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => bytes[at] = random.next() as u8,
            2 => bytes[at..].iter_mut().take(40).for_each(|b| *b = 0),
            3 => drop(bytes.drain(at..(at + 9).min(bytes.len()))),
            _ => {
                let piece = bytes[at..(at + 60).min(bytes.len())].to_vec();
                bytes.extend(piece);
            }
        }
    }
}

#[test]
fn no_damage_makes_the_log_lie_or_panic() {
    let sample = tempdir();
    let (mut log, _) = open(sample.path()).unwrap();
    append(&mut log, 1..=40);
    drop(log);
    let mut random = Random(std::process::id() as u64 | 1 << 40);
    let started = Instant::now();
    let (mut opened, mut refused) = (0, 0);
    while started.elapsed() < FUZZ_TIME {
        let dir = tempdir();
        copy_dir(sample.path(), dir.path());
        let files = segment_files(dir.path());
        let file = &files[random.below(files.len())];
        let mut bytes = std::fs::read(file).unwrap();
        mutate(&mut bytes, &mut random);
        std::fs::write(file, bytes).unwrap();
        if random.below(2) == 0 {
            restart_machine(dir.path());
        }
        match open(dir.path()) {
            Ok((log, recovered)) => {
                assert_eq!(contents(&log), expected(1..=recovered.last));
                opened += 1;
            }
            Err(LogError::Corrupt { .. }) => {
                let salvaged = super::super::salvage(dir.path()).unwrap();
                let (log, recovered) = open(dir.path()).unwrap();
                assert_eq!(recovered.last, salvaged.last);
                assert_eq!(contents(&log), expected(1..=salvaged.last));
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(opened > 10 && refused > 10, "{opened} opened, {refused} refused");
}

#[test]
fn no_bytes_make_a_decoder_panic() {
    use frame::{FileHeader, FileKind, RecordHeader};
    let mut random = Random(std::process::id() as u64 | 1 << 41);
    let started = Instant::now();
    while started.elapsed() < FUZZ_TIME / 3 {
        let bytes: Vec<u8> = (0..random.below(100)).map(|_| random.next() as u8).collect();
        let _ = FileHeader::decode(&bytes, FileKind::Log);
        let _ = RecordHeader::decode(&bytes, random.next() as u32);
        if bytes.len() >= frame::RECORD_HEADER_BYTES {
            let _ = frame::check_record(&bytes, 1, 1);
        }
    }
}
