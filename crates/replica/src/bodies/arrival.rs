//! Bodies that come with a snapshot from another member: they become one carried file.

use std::path::{Path, PathBuf};

use partition::BodyRef;

use super::carried::{CarriedFile, CarriedName, CarriedWriter};
use super::error::BodyError;
use crate::log::syncer::sync_directory;

/// Bodies being taken. Dropped unfinished it leaves nothing.
#[derive(Debug)]
pub(crate) struct Arrival {
    dir: PathBuf,
    writer: CarriedWriter,
}

/// All of them, on the device.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(super) file: CarriedFile,
}

impl Arrival {
    pub(super) fn begin(dir: &Path, end: u64, generation: u64) -> Result<Self, BodyError> {
        let writer = CarriedWriter::create(dir, CarriedName { first: 1, end, generation })?;
        Ok(Self { dir: dir.to_owned(), writer })
    }

    /// Adds a body; they come in ascending order, each once.
    pub(crate) fn push(&mut self, body: BodyRef, bytes: &[u8]) -> Result<(), BodyError> {
        self.writer.push(body, bytes)
    }

    pub(crate) fn finish(self) -> Result<Arrived, BodyError> {
        let file = self.writer.finish()?;
        sync_directory(&self.dir).map_err(BodyError::io("sync", &self.dir))?;
        Ok(Arrived { file })
    }
}
