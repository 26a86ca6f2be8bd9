//! What a message says: its number, then a pattern that follows from it, so that any change shows.

use crate::oracle::MessageNumber;

/// The shortest payload that can say a number.
pub const SHORTEST: usize = 5;

/// A payload of `len` bytes; empty if it is too short to say anything.
pub fn write(number: MessageNumber, len: usize) -> Vec<u8> {
    if len < SHORTEST {
        return Vec::new();
    }
    let mut bytes = vec![b'm'];
    bytes.extend(number.0.to_be_bytes());
    bytes.extend((SHORTEST..len).map(|at| pattern(number, at)));
    bytes
}

/// The number of the message whose payload this is, byte by byte.
pub fn read(bytes: &[u8]) -> Option<MessageNumber> {
    let (b'm', rest) = bytes.split_first()? else { return None };
    let number = MessageNumber(u32::from_be_bytes(rest.first_chunk().copied()?));
    let is_whole = bytes.iter().enumerate().skip(SHORTEST).all(|(at, byte)| *byte == pattern(number, at));
    is_whole.then_some(number)
}

fn pattern(number: MessageNumber, at: usize) -> u8 {
    (number.0 as usize).wrapping_mul(31).wrapping_add(at) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_says_its_number_and_shows_any_change() {
        for len in [5, 6, 100, 5000] {
            let bytes = write(MessageNumber(70_000), len);
            assert_eq!((bytes.len(), read(&bytes)), (len, Some(MessageNumber(70_000))));
            let mut changed = bytes.clone();
            changed[len - 1] ^= 1;
            assert_ne!(read(&changed), Some(MessageNumber(70_000)));
        }
        assert_eq!((read(b""), read(b"m123"), write(MessageNumber(1), 4).len()), (None, None, 0));
    }
}
