//! Who is not let in, why, and how often that is said.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use identity::internal::Refusal;
use link::wire::HandshakeError;

/// How long the same refusal of the same address is counted without being logged again.
const QUIET: Duration = Duration::from_secs(30);
/// Pairs of an address and a reason that are remembered; beyond that the log says each time.
const MOST_REMEMBERED: usize = 256;

/// Why a connection goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial {
    /// One word, for metrics and for programs that read the log.
    pub(super) kind: &'static str,
    /// A sentence.
    pub(super) reason: String,
}

impl Denial {
    pub(super) fn new(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    pub(super) fn late(deadline: Duration) -> Self {
        Self::new("deadline", format!("no handshake within {} ms", deadline.as_millis()))
    }

    /// The connection broke, which says nothing about who was there.
    pub(super) fn broken(error: &std::io::Error) -> Self {
        Self::new("broken", format!("the connection ended during the handshake: {error}"))
    }

    /// Of a TLS handshake.
    pub(super) fn of_tls(error: &std::io::Error) -> Self {
        Refusal::of_io(error).map_or_else(|| Self::broken(error), Self::from)
    }
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind(), refusal.to_string())
    }
}

impl From<HandshakeError> for Denial {
    fn from(error: HandshakeError) -> Self {
        let kind = match &error {
            HandshakeError::Refused(refusal) => refused(refusal),
            HandshakeError::Malformed(_) => "malformed",
            HandshakeError::Deadline(_) => "deadline",
            _ => "broken",
        };
        Self::new(kind, error.to_string())
    }
}

/// One word for why a peer's hello was not accepted.
pub(super) fn refused(refusal: &link::wire::Refusal) -> &'static str {
    use link::wire::Refusal::{Cluster, Name, Role, Unproven, Version};
    match refusal {
        Version { .. } => "version",
        Cluster { .. } => "wrong_cluster",
        Role { .. } => "wrong_role",
        Name { .. } => "wrong_name",
        Unproven { .. } => "unproven",
        _ => "unwanted",
    }
}

/// Counts refusals and logs them, the same one of an address now and then.
#[derive(Debug, Default)]
pub(crate) struct Denials(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    counts: BTreeMap<&'static str, u64>,
    told: BTreeMap<(IpAddr, &'static str), Told>,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    since: u64,
}

impl Denials {
    /// Counts it; logs it if that is due.
    pub(super) fn note(&self, peer: SocketAddr, denial: &Denial) {
        let Denial { kind, reason } = denial;
        let Some(unsaid) = self.count(peer.ip(), kind, Instant::now()) else { return };
        match *kind {
            // Probes and port scans look like that.
            "broken" => tracing::debug!(%peer, reason, "a connection to the internal port came to nothing"),
            _ => tracing::warn!(%peer, kind, reason, unsaid, "a peer is not let in at the internal port"),
        }
    }

    /// How many were not logged since the last one that was; `None` if this one is not to be.
    fn count(&self, peer: IpAddr, kind: &'static str, now: Instant) -> Option<u64> {
        // Nothing panics in here.
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *book.counts.entry(kind).or_default() += 1;
        if book.told.len() >= MOST_REMEMBERED {
            book.told.retain(|_, told| now.saturating_duration_since(told.at) < QUIET);
        }
        if let Some(told) = book.told.get_mut(&(peer, kind)) {
            if now.saturating_duration_since(told.at) < QUIET {
                told.since += 1;
                return None;
            }
            told.at = now;
            return Some(std::mem::take(&mut told.since));
        }
        if book.told.len() < MOST_REMEMBERED {
            book.told.insert((peer, kind), Told { at: now, since: 0 });
        }
        Some(0)
    }

    /// By reason, since the start.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::{Denials, MOST_REMEMBERED, QUIET};

    fn address(last: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + last).into()
    }

    #[test]
    fn the_same_refusal_is_logged_now_and_then_and_counted_always() {
        let (denials, begin) = (Denials::default(), Instant::now());
        let count = |seconds, kind| denials.count(address(1), kind, begin + Duration::from_secs(seconds));
        assert_eq!(count(0, "expired"), Some(0));
        assert_eq!(count(1, "expired"), None);
        assert_eq!(count(1, "not_tls"), Some(0));
        assert_eq!(count(29, "expired"), None);
        assert_eq!(count(31, "expired"), Some(2));
        assert_eq!(count(32, "expired"), None);
        assert_eq!(denials.counts().into_iter().collect::<Vec<_>>(), [("expired", 5), ("not_tls", 1)]);
    }

    #[test]
    fn strangers_from_everywhere_take_no_more_memory_than_some() {
        let (denials, begin) = (Denials::default(), Instant::now());
        for last in 0..2 * MOST_REMEMBERED as u32 {
            assert_eq!(denials.count(address(last), "expired", begin), Some(0));
        }
        assert_eq!(denials.0.lock().unwrap().told.len(), MOST_REMEMBERED);
        // Room comes back.
        denials.count(address(9999), "expired", begin + QUIET);
        assert_eq!(denials.0.lock().unwrap().told.len(), 1);
    }
}
