//! A log entry's payload in memory, and bodies cut out of it.

use bytes::{Bytes, BytesMut};

/// A body cut out of a buffer up to this size shares it.
const SHARED_FREELY_BYTES: usize = 16 << 10;

/// Out of a larger buffer a body is copied when it is less than this part of it: a queued body must not hold a
/// buffer many times its size.
const SHARED_FROM_PART: usize = 4;

/// One entry's payload, in the pieces it was appended in.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pieces: Pieces,
    len: usize,
}

#[derive(Clone, Debug)]
enum Pieces {
    One(Bytes),
    /// Each with the offset at which it starts.
    Many(Box<[(usize, Bytes)]>),
}

impl Entry {
    pub(crate) fn new(parts: &[Bytes]) -> Self {
        let len = parts.iter().map(Bytes::len).sum();
        if let [part] = parts {
            return Self { pieces: Pieces::One(part.clone()), len };
        }
        let mut start = 0;
        let place = |part: &Bytes| {
            let placed = (start, part.clone());
            start += part.len();
            placed
        };
        Self { pieces: Pieces::Many(parts.iter().map(place).collect()), len }
    }

    /// Bytes of the payload.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Cuts out `len` bytes at `offset`; `None` when the entry has no such bytes.
    pub(crate) fn body(&self, offset: u32, len: u32) -> Option<Bytes> {
        let start = offset as usize;
        let end = start.checked_add(len as usize).filter(|end| *end <= self.len)?;
        match &self.pieces {
            Pieces::One(bytes) => Some(cut(bytes, start, end)),
            Pieces::Many(pieces) => {
                let at = pieces.partition_point(|(from, _)| *from <= start).checked_sub(1)?;
                let (from, bytes) = &pieces[at];
                match end <= from + bytes.len() {
                    true => Some(cut(bytes, start - from, end - from)),
                    false => Some(join(&pieces[at..], start, end)),
                }
            }
        }
    }
}

/// Shares or copies, so that what is given out never holds much more memory than it has bytes.
pub(crate) fn cut(bytes: &Bytes, start: usize, end: usize) -> Bytes {
    if bytes.len() <= SHARED_FREELY_BYTES || (end - start) * SHARED_FROM_PART >= bytes.len() {
        bytes.slice(start..end)
    } else {
        Bytes::copy_from_slice(&bytes[start..end])
    }
}

fn join(pieces: &[(usize, Bytes)], start: usize, end: usize) -> Bytes {
    let mut joined = BytesMut::with_capacity(end - start);
    for (from, bytes) in pieces {
        let (a, b) = (start.max(*from), end.min(from + bytes.len()));
        if a < b {
            joined.extend_from_slice(&bytes[a - from..b - from]);
        }
    }
    joined.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_the_same_however_the_entry_is_pieced() {
        let whole: Vec<u8> = (0..200u8).collect();
        let one = Entry::new(&[Bytes::from(whole.clone())]);
        for at in [[0, 0], [1, 199], [50, 120], [200, 200]] {
            let cut = |a: usize, b: usize| Bytes::copy_from_slice(&whole[a..b]);
            let many = Entry::new(&[cut(0, at[0]), cut(at[0], at[1]), cut(at[1], 200)]);
            for (offset, len) in [(0, 200), (0, 0), (49, 2), (199, 1), (1, 198), (120, 80), (200, 0)] {
                let expected = &whole[offset as usize..(offset + len) as usize];
                assert_eq!(one.body(offset, len).unwrap(), expected);
                assert_eq!(many.body(offset, len).unwrap(), expected);
            }
            assert_eq!(many.body(200, 1), None);
            assert_eq!(many.body(u32::MAX, u32::MAX), None);
        }
    }

    #[test]
    fn a_small_body_does_not_hold_a_large_entry() {
        let large = Bytes::from(vec![1; 1 << 20]);
        let entry = Entry::new(std::slice::from_ref(&large));
        let inside = large.as_ptr_range();
        assert!(!inside.contains(&entry.body(1000, 256).unwrap().as_ptr()), "copied");
        assert!(inside.contains(&entry.body(1000, 1 << 19).unwrap().as_ptr()), "shared");
    }
}
