//! A block of carried bodies: a table of references, then the bodies.
//!
//! ```text
//! u32 count | count x (u64 index, u32 offset, u32 len) | bodies, in the table's order
//! ```
//!
//! The table ascends by (index, offset). A block is the payload of one record of a carried file.

use bytes::Bytes;
use partition::BodyRef;

/// A block is closed when its bodies have this many bytes.
pub(crate) const BLOCK_BYTES: usize = 32 << 10;

const COUNT_BYTES: usize = 4;
const REF_BYTES: usize = 16;

/// Bytes from the start of a block that show its first reference.
pub(crate) const BLOCK_START_BYTES: usize = COUNT_BYTES + REF_BYTES;

/// A block being filled.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    table: Vec<u8>,
    bodies: Vec<u8>,
    first: Option<BodyRef>,
}

impl BlockBuilder {
    pub(crate) fn push(&mut self, body: BodyRef, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), body.len as usize);
        if self.first.is_none() {
            self.first = Some(body);
            self.table.extend_from_slice(&[0; COUNT_BYTES]);
        }
        self.table.extend_from_slice(&body.index.to_le_bytes());
        self.table.extend_from_slice(&body.offset.to_le_bytes());
        self.table.extend_from_slice(&body.len.to_le_bytes());
        self.bodies.extend_from_slice(bytes);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bodies.len() >= BLOCK_BYTES
    }

    /// Its first reference, and its bytes in two parts; `None` when there is nothing in it.
    pub(crate) fn finish(&mut self) -> Option<(BodyRef, [&[u8]; 2])> {
        let first = self.first?;
        let count = (self.table.len() - COUNT_BYTES) / REF_BYTES;
        self.table[..COUNT_BYTES].copy_from_slice(&(count as u32).to_le_bytes());
        Some((first, [&self.table, &self.bodies]))
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.bodies.clear();
        self.first = None;
    }
}

/// A block that was read.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    bytes: Bytes,
    count: usize,
}

impl Block {
    /// `None` when the bytes are no block.
    pub(crate) fn decode(bytes: Bytes) -> Option<Self> {
        let count = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let bodies = count.checked_mul(REF_BYTES)?.checked_add(COUNT_BYTES).filter(|at| *at <= bytes.len())?;
        let block = Self { bytes, count };
        let total = (0..count).try_fold(bodies, |at, n| at.checked_add(block.reference(n)?.len as usize))?;
        (total == block.bytes.len()).then_some(block)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Finds a body.
    pub(crate) fn body(&self, wanted: BodyRef) -> Option<Bytes> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.reference(middle)? < wanted {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        if self.reference(low)? != wanted {
            return None;
        }
        let lens = (0..low).map(|n| self.reference(n).map_or(0, |body| body.len as usize));
        let start = COUNT_BYTES + self.count * REF_BYTES + lens.sum::<usize>();
        Some(super::entry::cut(&self.bytes, start, start + wanted.len as usize))
    }

    fn reference(&self, n: usize) -> Option<BodyRef> {
        if n >= self.count {
            return None;
        }
        reference(self.bytes.get(COUNT_BYTES + n * REF_BYTES..)?)
    }
}

/// The first reference of a block of which only the start was read.
pub(crate) fn first_reference(start: &[u8]) -> Option<BodyRef> {
    let count = u32::from_le_bytes(*start.first_chunk()?);
    (count > 0).then(|| reference(&start[COUNT_BYTES..])).flatten()
}

fn reference(bytes: &[u8]) -> Option<BodyRef> {
    let bytes = bytes.first_chunk::<REF_BYTES>()?;
    Some(BodyRef {
        index: u64::from_le_bytes(*bytes.first_chunk()?),
        offset: u32::from_le_bytes(*bytes[8..].first_chunk()?),
        len: u32::from_le_bytes(*bytes[12..].first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block() -> (Vec<BodyRef>, Vec<u8>) {
        let refs = [(3, 9, 2), (3, 11, 0), (4, 0, 3)].map(|(index, offset, len)| BodyRef { index, offset, len });
        let mut builder = BlockBuilder::default();
        for (body, bytes) in refs.iter().zip([&b"ab"[..], b"", b"cde"]) {
            builder.push(*body, bytes);
        }
        let (first, parts) = builder.finish().unwrap();
        assert_eq!(first, refs[0]);
        (refs.to_vec(), parts.concat())
    }

    #[test]
    fn the_bytes_of_a_block_are_these() {
        let (refs, bytes) = block();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let expected = "03000000 03000000000000000900000002000000 03000000000000000b00000000000000 \
                        04000000000000000000000003000000 6162 636465";
        assert_eq!(hex, expected.replace(' ', ""));
        let block = Block::decode(Bytes::from(bytes)).unwrap();
        let found: Vec<_> = refs.iter().map(|body| block.body(*body).unwrap()).collect();
        assert_eq!(found, [&b"ab"[..], b"", b"cde"]);
        assert_eq!(block.body(BodyRef { index: 3, offset: 10, len: 2 }), None);
        assert_eq!(block.body(BodyRef { index: 9, offset: 0, len: 1 }), None);
    }

    #[test]
    fn what_is_no_block_is_refused() {
        let (_, bytes) = block();
        for len in 0..bytes.len() {
            assert!(Block::decode(Bytes::copy_from_slice(&bytes[..len])).is_none(), "{len}");
        }
        assert!(Block::decode(Bytes::from_static(&[255; 64])).is_none());
    }
}
