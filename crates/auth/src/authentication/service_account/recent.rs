//! What the cluster said of tokens a short while ago.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};

use crate::authentication::judgement::Accepted;

/// An account that was removed is let in this much longer at most.
const LONGEST: Duration = Duration::from_secs(60);
const MOST: usize = 4096;

type Key = [u8; 32];

/// Accepted tokens by their hash, the oldest forgotten first.
#[derive(Default)]
pub(super) struct Recent(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    by_token: HashMap<Key, Entry>,
    in_order: VecDeque<Key>,
}

struct Entry {
    accepted: Accepted,
    since: SystemTime,
}

impl Recent {
    pub fn find(&self, token: &[u8], now: SystemTime) -> Option<Accepted> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.by_token.get(&key(token))?;
        // A clock that was set back makes what is kept too old.
        let fresh = now.duration_since(entry.since).is_ok_and(|age| age < LONGEST);
        let ended = entry.accepted.expires.is_some_and(|end| end <= now);
        (fresh && !ended).then(|| entry.accepted.clone())
    }

    pub fn keep(&self, token: &[u8], accepted: &Accepted, now: SystemTime) {
        let entries = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key(token);
        if entries.by_token.insert(key, Entry { accepted: accepted.clone(), since: now }).is_none() {
            entries.in_order.push_back(key);
        }
        while entries.in_order.len() > MOST {
            let oldest = entries.in_order.pop_front();
            oldest.and_then(|key| entries.by_token.remove(&key));
        }
    }
}

fn key(token: &[u8]) -> Key {
    let hash = digest(&SHA256, token);
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::authentication::judgement::MethodKind;

    fn accepted(expires: SystemTime) -> Accepted {
        let (username, attributes) = (Some("u".into()), BTreeMap::new());
        Accepted { username, attributes, expires: Some(expires), by: MethodKind::ServiceAccountToken }
    }

    #[test]
    fn nothing_is_kept_for_long_nor_beyond_its_end() {
        let (recent, start) = (Recent::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1000));
        let at = |seconds| start + Duration::from_secs(seconds);
        recent.keep(b"long", &accepted(at(600)), start);
        recent.keep(b"short", &accepted(at(20)), start);
        for (token, seconds, found) in [
            (&b"long"[..], 0, true),
            (b"long", 59, true),
            (b"long", 60, false),
            (b"short", 19, true),
            (b"short", 20, false),
            (b"other", 0, false),
        ] {
            assert_eq!(recent.find(token, at(seconds)).is_some(), found, "{seconds}");
        }
        assert!(recent.find(b"long", start - Duration::from_secs(1)).is_none());
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let (recent, now) = (Recent::default(), SystemTime::UNIX_EPOCH);
        let end = now + Duration::from_secs(600);
        for n in 0..=MOST {
            recent.keep(&n.to_be_bytes(), &accepted(end), now);
        }
        assert!(recent.find(&0usize.to_be_bytes(), now).is_none());
        assert!(recent.find(&1usize.to_be_bytes(), now).is_some());
        let entries = recent.0.lock().unwrap();
        assert_eq!((entries.by_token.len(), entries.in_order.len()), (MOST, MOST));
    }
}
