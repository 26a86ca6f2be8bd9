//! The latest entries in memory: replication and applying read them again within moments.

use std::collections::VecDeque;

use super::group::Entry;

/// Bytes of payload kept; the payloads are shared with the recent bodies.
const WINDOW_BYTES: usize = 16 << 20;

/// What an entry costs beside its payload.
const ENTRY_OVERHEAD_BYTES: usize = 128;

/// Contiguous entries up to the log's last.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<(Entry, usize)>,
    first: u64,
    bytes: usize,
}

impl Window {
    pub fn push(&mut self, entry: Entry, bytes: usize) {
        if entry.log_id.index != self.first + self.entries.len() as u64 {
            self.clear();
            self.first = entry.log_id.index;
        }
        let bytes = bytes + ENTRY_OVERHEAD_BYTES;
        self.bytes += bytes;
        self.entries.push_back((entry, bytes));
        while self.bytes > WINDOW_BYTES
            && self.entries.len() > 1
            && let Some((_, bytes)) = self.entries.pop_front()
        {
            self.first += 1;
            self.bytes -= bytes;
        }
    }

    pub fn entry(&self, index: u64) -> Option<&Entry> {
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.entries.get(at).map(|(entry, _)| entry)
    }

    /// Drops the entries from `index` on.
    pub fn truncate_from(&mut self, index: u64) {
        while self.first + self.entries.len() as u64 > index
            && let Some((_, bytes)) = self.entries.pop_back()
        {
            self.bytes -= bytes;
        }
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}
