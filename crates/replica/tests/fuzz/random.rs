//! Random numbers, and the damage that they do to files.

use super::directory::Files;
use super::sample::{FILE_HEADER_BYTES, RECORD_HEADER_BYTES, seal_header, seal_record};

/// xorshift64*: the same numbers everywhere for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound.max(1)
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    /// Any magnitude alike.
    fn number(&mut self) -> u64 {
        let shift = self.below(64);
        self.next() >> shift
    }

    /// The files after a few mutations, and which.
    pub fn damaged(&mut self, files: &Files) -> (Files, Vec<String>) {
        let mut damaged = files.clone();
        let mut done = Vec::new();
        for _ in 0..=self.below(3) {
            let Some(name) = self.victim(&damaged) else { break };
            let what = self.below(16);
            done.push(format!("{name}: {what}"));
            self.damage(what, &name, &mut damaged, files);
        }
        (damaged, done)
    }

    /// The end of the log more often than the rest.
    fn victim(&mut self, files: &Files) -> Option<String> {
        let last = files.keys().rfind(|name| name.ends_with(".log"));
        match last {
            Some(last) if self.one_in(3) => Some(last.clone()),
            _ => files.keys().nth(self.below(files.len())).cloned(),
        }
    }

    fn damage(&mut self, what: usize, name: &str, damaged: &mut Files, files: &Files) {
        let Some(mut bytes) = damaged.remove(name) else { return };
        let at = self.below(bytes.len() + 1);
        let end = (at + self.below(64)).min(bytes.len());
        match what {
            0 => return,
            1 => bytes.clear(),
            // A page that the device never got.
            2 => bytes[at & !511..].iter_mut().take(512).for_each(|byte| *byte = 0),
            3 => bytes[at..end].fill(0xff),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            6 => {
                let other = files.values().nth(self.below(files.len())).map_or(&[][..], |other| &other[..]);
                let from = self.below(other.len() + 1);
                let to = (from + self.below(600)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            7 => bytes = files.values().nth(self.below(files.len())).cloned().unwrap_or_default(),
            8 => self.forge_header(&mut bytes),
            9 => self.forge_record(&mut bytes),
            10..=12 => bytes.truncate(at),
            13 => bytes.extend((0..self.below(90)).map(|n| (n * 3) as u8)),
            14 => self.forge_mark(name, &mut bytes),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
        damaged.insert(name.to_owned(), bytes);
    }

    /// A file header that says something else under a true checksum.
    fn forge_header(&mut self, bytes: &mut [u8]) {
        let Some(header) = bytes.first_chunk_mut::<FILE_HEADER_BYTES>() else { return };
        match self.below(5) {
            0 => header[4] = b"LBSF"[self.below(4)],
            1 => header[5] = self.below(3) as u8,
            _ => {
                let mark = 8 + 8 * self.below(4);
                header[mark..mark + 8].copy_from_slice(&self.number().to_le_bytes());
            }
        }
        seal_header(header);
    }

    /// A record whose length, number or mark of what is synced says something else under a true checksum.
    fn forge_record(&mut self, bytes: &mut [u8]) {
        let mut at = FILE_HEADER_BYTES;
        for _ in 0..self.below(40) {
            let Some(len) = bytes.get(at + 8..at + 12).and_then(|len| len.try_into().ok()) else { return };
            let next = at.saturating_add(RECORD_HEADER_BYTES + u32::from_le_bytes(len) as usize);
            if next.saturating_add(RECORD_HEADER_BYTES) > bytes.len() {
                break;
            }
            at = next;
        }
        let Some(header) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<RECORD_HEADER_BYTES>()) else {
            return;
        };
        let number = self.number();
        match self.below(3) {
            0 => header[8..12].copy_from_slice(&(number as u32).to_le_bytes()),
            1 => header[12..20].copy_from_slice(&number.to_le_bytes()),
            _ => header[20..28].copy_from_slice(&(number >> 56).to_le_bytes()),
        }
        seal_record(header);
    }

    /// The mark of the last run: of another start of the machine, or with another number.
    fn forge_mark(&mut self, name: &str, bytes: &mut Vec<u8>) {
        if !name.ends_with("/run") {
            return bytes.truncate(self.below(bytes.len() + 1));
        }
        let boot = String::from_utf8_lossy(bytes).split_whitespace().next().unwrap_or_default().to_owned();
        let boot = if self.one_in(2) { "another".to_owned() } else { boot };
        let stopped = if self.one_in(2) { format!(" synced {}", self.number() >> 50) } else { String::new() };
        *bytes = format!("{:<79}\n", boot + &stopped).into_bytes();
    }
}
