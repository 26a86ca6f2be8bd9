//! Client identifiers that the server assigns (MQTT-3.1.3-6).

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives out identifiers that no client has, in this process or an earlier one.
pub(crate) struct ClientIds {
    /// Random per process.
    prefix: u64,
    next: AtomicU64,
}

impl ClientIds {
    pub fn new() -> std::io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        Ok(Self { prefix: u64::from_le_bytes(random), next: AtomicU64::new(0) })
    }

    pub fn next(&self) -> String {
        format!("auto-{:016x}-{:x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
