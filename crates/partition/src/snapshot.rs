//! The whole state as bytes, and back.
//!
//! A restored partition goes on exactly as the one that was written: same effects, same snapshots. What can be derived
//! is left out: the subscription index, counts of live bodies, deadlines, caches.

use crate::home::Home;
use crate::lanes::Lanes;
use crate::partition::Partition;
use crate::slots::SlotTable;
use crate::topics::Topics;
use crate::wire::{DecodeError, Reader, Write};

/// First byte of a snapshot. Version 3, which does not tell who has published a retained message, is read too, version 2,
/// which moreover knows no lanes, and version 1, which does not tell the length of a retained message's payload either; any
/// other is refused.
pub const SNAPSHOT_VERSION: u8 = 4;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    First,
    Second,
    Third,
    Fourth,
}

impl Partition {
    /// Appends the whole state; the replica adds checksums. About 13 bytes for a queue entry.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        out.u8(SNAPSHOT_VERSION);
        out.u16(self.id.0);
        self.slots.write(out);
        out.u64(self.now.0);
        self.home.write(out);
        self.topics.write(out);
        self.lanes.write(out);
    }

    /// Reads what `snapshot` has written.
    ///
    /// # Errors
    /// When the bytes are not a snapshot of a known version.
    pub fn restore(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let form = match reader.u8()? {
            1 => Form::First,
            2 => Form::Second,
            3 => Form::Third,
            SNAPSHOT_VERSION => Form::Fourth,
            other => return Err(DecodeError::UnknownVersion(other)),
        };
        let id = reader.partition()?;
        let slots = SlotTable::read(&mut reader)?;
        if !slots.all().contains(id) {
            return Err(DecodeError::Value(id.0.into(), "a partition of the slot table"));
        }
        let now = reader.timestamp()?;
        let home = Home::read(id, slots.clone(), &mut reader)?;
        let topics = Topics::read(id, slots.clone(), form, &mut reader)?;
        let lanes = match form {
            Form::First | Form::Second => Lanes::default(),
            Form::Third | Form::Fourth => Lanes::read(&mut reader)?,
        };
        reader.finish()?;
        Ok(Self { id, slots, now, home, topics, lanes })
    }
}
