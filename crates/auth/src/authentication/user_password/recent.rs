//! Passwords that were right a while ago, so that a storm of reconnects does not cost a hash each.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::{error, hmac, rand};

const MOST: usize = 8192;
const LONGEST: Duration = Duration::from_secs(3600);

type Mark = [u8; 32];

/// Marks of right pairs of name and password, made with a key that only this value has. No password can be had from them
/// without the key, and they go with the file that they were right for.
pub(super) struct Recent {
    key: hmac::Key,
    marks: Mutex<Marks>,
}

#[derive(Default)]
struct Marks {
    since: HashMap<Mark, Instant>,
    in_order: VecDeque<Mark>,
}

impl Recent {
    pub fn new() -> Result<Self, error::Unspecified> {
        let mut key = [0u8; 32];
        rand::fill(&mut key)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), marks: Mutex::default() })
    }

    pub fn knows(&self, username: &str, password: &[u8], now: Instant) -> bool {
        let mark = self.mark(username, password);
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.since.get(&mark).is_some_and(|since| now.saturating_duration_since(*since) < LONGEST)
    }

    pub fn keep(&self, username: &str, password: &[u8], now: Instant) {
        let mark = self.mark(username, password);
        let marks = &mut *self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.since.insert(mark, now).is_none() {
            marks.in_order.push_back(mark);
        }
        while marks.in_order.len() > MOST {
            let oldest = marks.in_order.pop_front();
            oldest.and_then(|mark| marks.since.remove(&mark));
        }
    }

    /// A number that depends on the name and on the key.
    pub fn number(&self, username: &str) -> u64 {
        let mark = hmac::sign(&self.key, username.as_bytes());
        mark.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn mark(&self, username: &str, password: &[u8]) -> Mark {
        // The length first, so that no other pair is the same bytes.
        let mut signing = hmac::Context::with_key(&self.key);
        signing.update(&(username.len() as u64).to_be_bytes());
        signing.update(username.as_bytes());
        signing.update(password);
        signing.sign().as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_pair_is_known_and_not_for_ever() {
        let (recent, start) = (Recent::new().unwrap(), Instant::now());
        recent.keep("ann", b"secret", start);
        assert!(recent.knows("ann", b"secret", start));
        assert!(!recent.knows("anns", b"ecret", start));
        assert!(!recent.knows("ann", b"secre", start));
        assert!(!recent.knows("bob", b"secret", start));
        assert!(!recent.knows("ann", b"secret", start + LONGEST));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let (recent, now) = (Recent::new().unwrap(), Instant::now());
        for n in 0..=MOST {
            recent.keep(&n.to_string(), b"p", now);
        }
        assert!(!recent.knows("0", b"p", now) && recent.knows("1", b"p", now));
        assert_eq!(recent.marks.lock().unwrap().since.len(), MOST);
    }
}
