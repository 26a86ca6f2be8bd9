//! The version of the protocol that is spoken with a server.

use mqtt::ProtocolVersion;

use super::attempt::Verdict;
use crate::endpoint::Version;

/// A server that closes on so many CONNECT packets of version 5 in a row is asked in 3.1.1.
const CLOSED_MAX: u32 = 3;

/// The version of the next try or of the connection that stands, and what is known of the server's.
#[derive(Debug)]
pub(super) struct Spoken {
    wanted: Version,
    now: ProtocolVersion,
    /// Tries in a row that closed without a word.
    closed: u32,
    five: Five,
}

/// Whether the server is known to speak version 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Five {
    Unknown,
    /// Then one that closes without a word is going down, or something between is.
    Spoken,
}

impl Spoken {
    pub fn new(wanted: Version) -> Self {
        let now = match wanted {
            Version::V3_1_1 => ProtocolVersion::V3_1_1,
            Version::V5 | Version::Auto => ProtocolVersion::V5,
        };
        Self { wanted, now, closed: 0, five: Five::Unknown }
    }

    pub fn version(&self) -> ProtocolVersion {
        self.now
    }

    /// The server accepted a connection.
    pub fn accepted(&mut self) {
        self.closed = 0;
        if self.now.is_v5() {
            self.five = Five::Spoken;
        }
    }

    /// A try failed: whether 3.1.1 is to be tried at once.
    pub fn falls_back(&mut self, verdict: Verdict) -> bool {
        self.closed = if verdict == Verdict::PerhapsOtherVersion { self.closed + 1 } else { 0 };
        let silent = self.closed >= CLOSED_MAX && self.five == Five::Unknown;
        let falls_back =
            self.wanted == Version::Auto && self.now.is_v5() && (verdict == Verdict::OtherVersion || silent);
        if falls_back {
            self.now = ProtocolVersion::V3_1_1;
        }
        falls_back
    }

    /// A new connection is to be made. It begins with 5 again: a server may have learned it.
    pub fn anew(&mut self) {
        if self.wanted == Version::Auto {
            self.now = ProtocolVersion::V5;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_so_is_asked_in_3_1_1() {
        let mut spoken = Spoken::new(Version::Auto);
        assert!(!spoken.falls_back(Verdict::Nothing));
        assert!(spoken.falls_back(Verdict::OtherVersion));
        assert_eq!(spoken.version(), ProtocolVersion::V3_1_1);
        assert!(!spoken.falls_back(Verdict::OtherVersion));
        spoken.anew();
        assert_eq!(spoken.version(), ProtocolVersion::V5);
    }

    #[test]
    fn a_server_that_keeps_closing_is_asked_in_3_1_1_unless_it_spoke_5() {
        let closings = |spoken: &mut Spoken| (0..10).any(|_| spoken.falls_back(Verdict::PerhapsOtherVersion));
        let mut spoken = Spoken::new(Version::Auto);
        assert!(!spoken.falls_back(Verdict::PerhapsOtherVersion) && !spoken.falls_back(Verdict::PerhapsOtherVersion));
        assert!(spoken.falls_back(Verdict::PerhapsOtherVersion));
        let mut spoken = Spoken::new(Version::Auto);
        spoken.accepted();
        assert!(!closings(&mut spoken));
        assert!(!closings(&mut Spoken::new(Version::V5)));
    }
}
