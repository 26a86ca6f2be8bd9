//! Frames on their way into a connection: what is short in one buffer, long pieces of messages where they lie.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};

/// From this length on a piece is not copied: a write of several parts costs less.
const SHARE_FROM: usize = 4096;

/// The most parts of one write.
const MAX_PARTS: usize = 32;

/// A buffer that grew beyond this is not kept.
const KEEP_BYTES: usize = 64 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct Output {
    /// Before `tail`.
    sealed: VecDeque<Bytes>,
    sealed_len: usize,
    tail: BytesMut,
}

impl Output {
    pub fn len(&self) -> usize {
        self.sealed_len + self.tail.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the next bytes are to be appended.
    pub fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Appends a piece of a message.
    pub fn push(&mut self, piece: &Bytes) {
        if piece.len() < SHARE_FROM {
            self.tail.extend_from_slice(piece);
            return;
        }
        let before = self.tail.split().freeze();
        for part in [before, piece.clone()] {
            self.sealed_len += part.len();
            self.sealed.push_back(part);
        }
    }

    /// The parts to be written next.
    pub fn parts<'a>(&'a self, parts: &mut [IoSlice<'a>; OUTPUT_PARTS]) -> usize {
        let all = self.sealed.iter().map(|part| &part[..]).chain([&self.tail[..]]);
        let all = all.filter(|part| !part.is_empty());
        let filled = parts.iter_mut().zip(all).map(|(place, part)| *place = IoSlice::new(part));
        filled.count()
    }

    /// What is to be written next and lies together.
    pub fn first(&self) -> &[u8] {
        self.sealed.iter().find(|part| !part.is_empty()).map_or(&self.tail, |part| part)
    }

    /// The next `len` bytes are written.
    pub fn advance(&mut self, mut len: usize) {
        while let Some(first) = self.sealed.front_mut() {
            let taken = len.min(first.len());
            self.sealed_len -= taken;
            len -= taken;
            if taken < first.len() {
                return first.advance(taken);
            }
            self.sealed.pop_front();
        }
        self.tail.advance(len);
    }

    /// Nothing is to be written any more.
    pub fn clear(&mut self) {
        self.sealed.clear();
        self.sealed_len = 0;
        self.tail.clear();
        if self.tail.capacity() > KEEP_BYTES {
            self.tail = BytesMut::new();
        }
    }
}

/// See [`Output::parts`].
pub const OUTPUT_PARTS: usize = MAX_PARTS;

#[cfg(test)]
impl Output {
    /// All that is to be written.
    pub fn whole(&self) -> BytesMut {
        let mut whole = BytesMut::new();
        self.sealed.iter().for_each(|part| whole.extend_from_slice(part));
        whole.extend_from_slice(&self.tail);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_its_order_at_any_cut() {
        let pieces = [vec![1; 10], vec![2; SHARE_FROM], vec![3; 1], vec![4; SHARE_FROM + 1], vec![5; 7]];
        let whole = pieces.concat();
        for cut in [1, 9, 10, 11, SHARE_FROM, whole.len()] {
            let mut output = Output::default();
            pieces.iter().for_each(|piece| output.push(&Bytes::from(piece.clone())));
            assert_eq!(output.len(), whole.len());
            let mut written = Vec::new();
            while !output.is_empty() {
                let mut parts = [IoSlice::new(&[]); OUTPUT_PARTS];
                let filled = output.parts(&mut parts);
                let next: Vec<u8> = parts[..filled].iter().flat_map(|part| part.iter().copied()).collect();
                assert!(next.starts_with(output.first()));
                let taken = cut.min(next.len());
                written.extend_from_slice(&next[..taken]);
                output.advance(taken);
            }
            assert_eq!(written, whole);
        }
    }

    #[test]
    fn a_long_piece_is_not_copied() {
        let piece = Bytes::from(vec![1; SHARE_FROM]);
        let mut output = Output::default();
        output.tail().extend_from_slice(b"head");
        output.push(&piece);
        output.advance(4);
        assert_eq!(output.first().as_ptr(), piece.as_ptr());
        output.clear();
        assert!(output.is_empty());
    }
}
