//! What solo refuses for want of room.

use bytes::Bytes;
use partition::Publish;

use super::{Outgoing, Solo, SoloError};
use crate::rejection::reject;

impl Solo {
    /// Takes out of `batches` the publishes that wait for an answer, because the disk is full.
    pub(super) fn reject_publishes(&mut self, batches: &mut Vec<Bytes>, out: &mut Outgoing) -> Result<(), SoloError> {
        self.rejected.disk_full += reject(batches, self.partition.id(), out, |_| true).map_err(unlogged)?;
        Ok(())
    }

    /// Takes out those that would come into a queue and for which there is no room.
    pub(super) fn reject_what_would_queue(
        &mut self,
        batches: &mut Vec<Bytes>,
        out: &mut Outgoing,
    ) -> Result<(), SoloError> {
        let Self { partition, queue_room, .. } = self;
        let mut taking = queue_room.taking();
        let id = partition.id();
        let is_refused = |publish: &Publish<'_>| {
            partition.would_queue(publish) && !taking.takes(publish.message.encoded_len() as u64)
        };
        self.rejected.queue_disk += reject(batches, id, out, is_refused).map_err(unlogged)?;
        Ok(())
    }
}

fn unlogged(source: partition::DecodeError) -> SoloError {
    SoloError::Apply { index: 0, source }
}
