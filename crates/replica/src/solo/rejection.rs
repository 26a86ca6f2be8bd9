//! Publishes that are answered `Rejected` instead of being logged.

use bytes::{Bytes, BytesMut};
use partition::{Answer, Command, Frames, PartitionId, Publish, Reply};
use smallvec::smallvec;

use super::{Outgoing, Solo, SoloError};

/// Publishes refused since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rejected {
    pub disk_full: u64,
    pub queue_disk: u64,
}

impl Solo {
    /// Takes out of `batches` the publishes that wait for an answer, because the disk is full.
    pub(super) fn reject_publishes(&mut self, batches: &mut Vec<Bytes>, out: &mut Outgoing) -> Result<(), SoloError> {
        self.rejected.disk_full += reject(batches, self.partition.id(), out, |_| true)?;
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
        self.rejected.queue_disk += reject(batches, id, out, is_refused)?;
        Ok(())
    }
}

/// Answers what is logged, waits for an answer and `is_refused`; how many that are.
fn reject(
    batches: &mut Vec<Bytes>,
    from: PartitionId,
    out: &mut Outgoing,
    mut is_refused: impl FnMut(&Publish<'_>) -> bool,
) -> Result<u64, SoloError> {
    let before = out.answers.len();
    for batch in std::mem::take(batches) {
        let mut kept = BytesMut::new();
        for frame in Frames::new(&batch) {
            let frame = frame.map_err(|source| SoloError::Apply { index: 0, source })?;
            let command = frame.decode().map_err(|source| SoloError::Apply { index: 0, source })?;
            match command {
                Command::Publish(publish) if frame.is_logged() => match publish.reply {
                    Some((to, tag)) if is_refused(&publish) => {
                        let bodies = smallvec![Bytes::copy_from_slice(frame.bytes)];
                        out.answers.push(Answer { to, from, reply: Reply::Rejected { tag }, bodies });
                    }
                    _ => kept.extend_from_slice(frame.bytes),
                },
                _ => kept.extend_from_slice(frame.bytes),
            }
        }
        if !kept.is_empty() {
            batches.push(kept.freeze());
        }
    }
    Ok((out.answers.len() - before) as u64)
}
