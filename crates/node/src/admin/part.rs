//! Which part of a broker is in this process, and where to ask for the rest.

/// What of a broker is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// Clients and their connections.
    Frontend,
    /// Partitions: sessions, subscriptions, retained messages.
    Backend,
}

impl Part {
    /// Whether clients connect here.
    pub(super) fn has_clients(self) -> bool {
        matches!(self, Self::Whole | Self::Frontend)
    }

    /// Whether partitions are here.
    pub(super) fn has_partitions(self) -> bool {
        matches!(self, Self::Whole | Self::Backend)
    }
}

/// What is said to who asks a backend for clients.
pub(super) const NO_CLIENTS: &str =
    "this process is a backend, and no clients connect here: ask the admin endpoint of a frontend";
/// What is said to who asks a frontend for what partitions hold.
pub(super) const NO_PARTITIONS: &str =
    "this process is a frontend, and keeps nothing for clients: ask the admin endpoints of the backends";
