//! Random numbers, and the damage that they do to bytes.

use partition::Frames;

/// Bytes that mean something somewhere: kinds, flags, counts, lengths, UTF-8, the ends of numbers.
const TELLING_BYTES: &[u8] = &[
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0x23, 0x2b, 0x2f, 0x40, 0x7f, 0x80, 0x8a,
    0x90, 0xc3, 0xfe, 0xff,
];
/// Version, partition and slot table of a snapshot: mutated now and then only.
const SNAPSHOT_HEAD: usize = 1 + 2 + 1024;

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

    fn byte(&mut self) -> u8 {
        if self.one_in(2) { TELLING_BYTES[self.below(TELLING_BYTES.len())] } else { self.next() as u8 }
    }

    /// Any magnitude alike.
    pub fn number(&mut self) -> u64 {
        let shift = self.below(64);
        if self.one_in(16) { u64::MAX } else { self.next() >> shift }
    }

    /// Frames of the corpus, mutated one by one, mostly with their lengths kept true, cut, doubled and mixed.
    pub fn mutated_batch(&mut self, corpus: &[&[u8]]) -> Vec<u8> {
        let mut frames: Vec<Vec<u8>> = Vec::new();
        for _ in 0..=self.below(3) {
            let all: Vec<_> = Frames::new(corpus[self.below(corpus.len())]).map(|frame| frame.unwrap().bytes).collect();
            let from = self.below(all.len());
            let to = (from + 1 + self.below(4)).min(all.len());
            frames.extend(all[from..to].iter().map(|bytes| bytes.to_vec()));
        }
        for _ in 0..self.below(3) {
            let at = self.below(frames.len());
            match self.below(4) {
                0 => frames.insert(at, frames[at].clone()),
                1 => frames.swap(0, at),
                _ => {
                    let keeps_length = !self.one_in(8);
                    let length = if keeps_length { 4.min(frames[at].len()) } else { 0 };
                    let mut frame = frames[at].split_off(length);
                    for _ in 0..=self.below(3) {
                        self.mutate(&mut frame, corpus);
                    }
                    frames[at] =
                        if keeps_length { [&(frame.len() as u32).to_le_bytes(), &frame[..]].concat() } else { frame };
                }
            }
        }
        let mut batch = frames.concat();
        if self.one_in(16) {
            self.mutate(&mut batch, corpus);
        }
        batch
    }

    pub fn mutated_snapshot(&mut self, snapshot: &[u8], corpus: &[&[u8]]) -> Vec<u8> {
        let head = if self.one_in(16) { 0 } else { SNAPSHOT_HEAD };
        let mut rest = snapshot[head..].to_vec();
        for _ in 0..=self.below(3) {
            self.mutate(&mut rest, corpus);
        }
        [&snapshot[..head], &rest].concat()
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, corpus: &[&[u8]]) {
        let at = self.below(bytes.len() + 1);
        let end = (at + self.below(9)).min(bytes.len());
        match self.below(10) {
            0 => bytes.insert(at, self.byte()),
            1 => drop(bytes.drain(at..end)),
            2 if self.one_in(3) => bytes.truncate(at),
            3 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => {
                let other = corpus[self.below(corpus.len())];
                let from = self.below(other.len());
                let to = (from + self.below(24)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            5 => {
                let fill = if self.one_in(2) { 0xff } else { 0 };
                bytes[at..end].fill(fill);
            }
            6 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = byte.wrapping_add(self.below(5) as u8).wrapping_sub(2);
                }
            }
            7 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.byte();
                }
            }
        }
    }
}
