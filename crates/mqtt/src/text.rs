//! UTF-8 strings of the wire: well-formedness, U+0000 and wildcards, eight bytes at a time.

use std::str::Utf8Error;

use crate::{topic::MAX_LEVELS, violation::Violation};

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const PLUS: u64 = 0x2b2b_2b2b_2b2b_2b2b;
/// `#` and `+` differ in this bit only.
const HASH_TO_PLUS: u64 = 0x0808_0808_0808_0808;

/// As [`std::str::from_utf8`], but sooner done with ASCII.
///
/// # Errors
/// Where the bytes stop being UTF-8.
#[inline]
pub fn utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    match ascii(bytes, |_| HIGH_BITS) {
        Some(text) => Ok(text),
        None => std::str::from_utf8(bytes),
    }
}

/// A string (MQTT-1.5.4-1, MQTT-1.5.4-2).
#[inline]
pub(crate) fn string(bytes: &[u8]) -> Result<&str, Violation> {
    match ascii(bytes, not_nul) {
        Some(text) => Ok(text),
        None => any_string(bytes),
    }
}

#[inline(never)]
fn any_string(bytes: &[u8]) -> Result<&str, Violation> {
    let text = std::str::from_utf8(bytes).map_err(|_| Violation::Utf8)?;
    if memchr::memchr(0, bytes).is_some() {
        return Err(Violation::Nul);
    }
    Ok(text)
}

/// A topic name (MQTT-3.3.2-1, MQTT-3.3.2-2); may be empty, because an alias may stand for it.
#[inline]
pub(crate) fn topic_name(bytes: &[u8]) -> Result<&str, Violation> {
    let text = match ascii(bytes, |word| not_nul(word) & not_wildcard(word)) {
        Some(text) => text,
        None => any_topic_name(bytes)?,
    };
    if bytes.len() >= MAX_LEVELS && memchr::memchr_iter(b'/', bytes).count() >= MAX_LEVELS {
        return Err(Violation::TopicLevels);
    }
    Ok(text)
}

#[inline(never)]
fn any_topic_name(bytes: &[u8]) -> Result<&str, Violation> {
    let text = any_string(bytes)?;
    if memchr::memchr2(b'+', b'#', bytes).is_some() {
        return Err(Violation::TopicWildcard);
    }
    Ok(text)
}

/// The text, if it is ASCII and the high bit of every byte of `test` is set. Most strings are; the others are looked at
/// with more patience by the caller.
#[inline]
fn ascii(bytes: &[u8], test: impl Fn(u64) -> u64) -> Option<&str> {
    let mut passed = HIGH_BITS;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        passed &= !word & test(word);
    }
    let last = last_word(bytes);
    passed &= !last & test(last);
    if passed != HIGH_BITS {
        return None;
    }
    // SAFETY: no byte has its high bit set, so all of them are ASCII, which is UTF-8.
    #[allow(unsafe_code)]
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}

/// A word that holds the last eight bytes, or all of fewer, with letters in the room left.
#[inline]
fn last_word(bytes: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<2>(), bytes.last_chunk::<2>()) {
        let (first, last) = (u16::from_le_bytes(*first), u16::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << 16 | LOW_BITS << 32;
    }
    match bytes {
        [byte] => u64::from(*byte) | LOW_BITS << 8,
        _ => LOW_BITS,
    }
}

// In a word of ASCII, adding 0x7f to each byte carries nowhere and sets the high bit of every byte but zero. Words that
// are not ASCII fail anyway, so it does not matter what carries in them.

fn not_nul(word: u64) -> u64 {
    word.wrapping_add(LOW_BITS)
}

fn not_wildcard(word: u64) -> u64 {
    ((word | HASH_TO_PLUS) ^ PLUS).wrapping_add(LOW_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patiently(bytes: &[u8]) -> Result<&str, Violation> {
        match std::str::from_utf8(bytes) {
            Err(_) => Err(Violation::Utf8),
            Ok(text) if text.contains('\0') => Err(Violation::Nul),
            Ok(text) => Ok(text),
        }
    }

    #[test]
    fn words_say_what_a_loop_over_characters_says() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=255u8 {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = byte;
                    let expected = patiently(&bytes);
                    assert_eq!(string(&bytes), expected, "{byte:#x} at {at} of {length}");
                    assert_eq!(utf8(&bytes), std::str::from_utf8(&bytes), "{byte:#x} at {at} of {length}");
                    let expected = match expected {
                        Ok(text) if text.contains(['+', '#']) => Err(Violation::TopicWildcard),
                        other => other,
                    };
                    assert_eq!(topic_name(&bytes), expected, "{byte:#x} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn every_pair_of_bytes_is_judged_alike() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                for bytes in [vec![first, second], [&[first, second][..], b"abcdefg"].concat()] {
                    assert_eq!(string(&bytes), patiently(&bytes));
                }
            }
        }
    }

    #[test]
    fn a_wildcard_behind_letters_beyond_ascii_is_found() {
        assert_eq!(topic_name("grüße/+/x".as_bytes()), Err(Violation::TopicWildcard));
        assert_eq!(topic_name("grüße/\0+".as_bytes()), Err(Violation::Nul));
        assert_eq!(topic_name("grüße/日本/x".as_bytes()), Ok("grüße/日本/x"));
    }

    #[test]
    fn levels_are_bounded() {
        assert!(topic_name("/".repeat(MAX_LEVELS - 1).as_bytes()).is_ok());
        assert_eq!(topic_name("/".repeat(MAX_LEVELS).as_bytes()), Err(Violation::TopicLevels));
    }
}
