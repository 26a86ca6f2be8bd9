//! Publishes that are answered `Rejected` instead of being logged.

use bytes::{Bytes, BytesMut};
use partition::{Answer, Command, DecodeError, Frames, Numbering, PartitionId, Publish, Reply, lane};
use smallvec::smallvec;

use crate::outgoing::Outgoing;
use crate::turn::is_of_lane;

/// Publishes refused since the process began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rejected {
    pub disk_full: u64,
    pub queue_disk: u64,
}

/// Answers what is logged, waits for an answer and `is_refused`; how many that are.
pub(crate) fn reject(
    batches: &mut Vec<Bytes>,
    from: PartitionId,
    out: &mut Outgoing,
    mut is_refused: impl FnMut(&Publish<'_>) -> bool,
) -> Result<u64, DecodeError> {
    let before = out.answers.len();
    for batch in std::mem::take(batches) {
        let mut kept = BytesMut::new();
        for frame in Frames::new(&batch) {
            let frame = frame?;
            match frame.decode()? {
                Command::Publish(publish) if frame.is_logged() => match publish.reply {
                    Some((to, tag)) if is_refused(&publish) => {
                        let bodies = smallvec![Bytes::copy_from_slice(frame.bytes)];
                        let answer = Answer { to, from, reply: Reply::Rejected { tag }, bodies };
                        out.answers.push((Numbering::Unnumbered, answer));
                    }
                    _ => kept.extend_from_slice(frame.bytes),
                },
                _ => kept.extend_from_slice(frame.bytes),
            }
        }
        if kept.len() < batch.len() && is_of_lane(&batch) {
            lane::cover(&mut kept);
        }
        if !kept.is_empty() {
            batches.push(kept.freeze());
        }
    }
    Ok((out.answers.len() - before) as u64)
}
