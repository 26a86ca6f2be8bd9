//! Whether publishes are taken: not while the disk is full.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::reserve::Reserve;

/// Publishes are refused for this long at least, so that a publisher's refused messages keep their order when they
/// come again: everything it has under way meets the same answer.
const CLOSED_AT_LEAST: Duration = Duration::from_secs(1);

/// Without a reserve, this much free space counts as room.
const ROOM_BYTES: u64 = 4 << 20;

pub(crate) struct Admission {
    reserve: Reserve,
    closed_since: Option<Instant>,
}

impl Admission {
    pub fn open(dir: &Path, reserve_bytes: u64) -> io::Result<Self> {
        Ok(Self { reserve: Reserve::open(dir, reserve_bytes)?, closed_since: None })
    }

    pub fn is_closed(&self) -> bool {
        self.closed_since.is_some()
    }

    /// The disk is full: gives the reserve up for what must still be noted.
    pub fn close(&mut self, why: &dyn std::fmt::Display) {
        if self.closed_since.is_none() {
            tracing::error!(%why, "the disk is full: publishes are refused until there is space again");
        }
        self.closed_since = Some(Instant::now());
        if let Err(error) = self.reserve.release() {
            tracing::warn!(%error, "cannot give up the disk reserve");
        }
    }

    /// Looks whether there is space again.
    pub fn look(&mut self) {
        let Some(since) = self.closed_since else { return };
        if since.elapsed() < CLOSED_AT_LEAST {
            return;
        }
        let has_room = match (self.reserve.refill(), self.reserve.space()) {
            (Ok(held), Ok(space)) => held || space.free > ROOM_BYTES,
            _ => false,
        };
        if has_room {
            self.closed_since = None;
            tracing::info!("there is disk space again: publishes are taken");
        }
    }
}
