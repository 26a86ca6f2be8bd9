//! What the links with one peer have done.

use link::wire::{Counters, Phase, Status};

/// All links with one peer, added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkFigures {
    /// `frontend` or `backend`.
    pub(crate) role: &'static str,
    pub(crate) peer: Box<str>,
    pub(crate) links: u64,
    /// Those that have a connection.
    pub(crate) up: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) messages_sent: u64,
    pub(crate) messages_received: u64,
    pub(crate) waiting_bytes: u64,
    /// Connections after the first of each session.
    pub(crate) reconnects: u64,
    /// Sessions after the first: a process restarted, or was apart too long.
    pub(crate) sessions_lost: u64,
    /// Why one of them has no connection.
    pub(crate) trouble: Option<String>,
}

impl LinkFigures {
    pub(crate) fn new(role: &'static str, peer: &str) -> Self {
        Self {
            role,
            peer: peer.into(),
            links: 0,
            up: 0,
            bytes_sent: 0,
            bytes_received: 0,
            messages_sent: 0,
            messages_received: 0,
            waiting_bytes: 0,
            reconnects: 0,
            sessions_lost: 0,
            trouble: None,
        }
    }

    pub(super) fn is_of(&self, role: &str, peer: &str) -> bool {
        self.role == role && *self.peer == *peer
    }

    pub(super) fn add(&mut self, status: &Status, counters: &Counters) {
        self.links += 1;
        match status.phase {
            Phase::Up => self.up += 1,
            _ => self.trouble = self.trouble.take().or_else(|| status.trouble.as_deref().map(str::to_owned)),
        }
        self.bytes_sent += counters.bytes_sent;
        self.bytes_received += counters.bytes_received;
        self.messages_sent += counters.messages_sent;
        self.messages_received += counters.messages_received;
        self.waiting_bytes += counters.waiting_bytes;
        self.reconnects += counters.connections.saturating_sub(counters.sessions);
        self.sessions_lost += counters.sessions.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use link::wire::{Counters, Phase, Proof, Status};

    use super::LinkFigures;

    #[test]
    fn links_with_a_peer_add_up() {
        let status = |phase, trouble: Option<&str>| Status {
            phase,
            session: 1,
            peer: None,
            proof: Proof::Word,
            trouble: trouble.map(Into::into),
        };
        let counters =
            Counters { connections: 4, sessions: 2, bytes_sent: 10, waiting_bytes: 3, ..Counters::default() };
        let mut figures = LinkFigures::new("backend", "backend-0");
        figures.add(&status(Phase::Up, None), &counters);
        figures.add(&status(Phase::Interrupted, Some("gone")), &Counters::default());
        assert_eq!((figures.links, figures.up, figures.reconnects, figures.sessions_lost), (2, 1, 2, 1));
        assert_eq!((figures.bytes_sent, figures.waiting_bytes), (10, 3));
        assert_eq!(figures.trouble.as_deref(), Some("gone"));
        assert!(figures.is_of("backend", "backend-0") && !figures.is_of("frontend", "backend-0"));
    }
}
