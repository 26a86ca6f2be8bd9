//! Publishes that a partition has refused, for a full disk.

use partition::Publish;
use partition::lane::without;

use super::Lane;

impl Lane {
    /// Takes a publish that was refused out of its batch: its client is told, or sends it again in another. Otherwise it would
    /// come again with the batch when the lane is opened anew, beside that.
    #[cold]
    pub fn forget_refused(&mut self, refused: &Publish<'_>) {
        // They are refused in the order of the batches.
        let next = self.batches.partition_point(|batch| batch.number < self.refused_in);
        for place in (next..self.batches.len()).chain(0..next) {
            let batch = &mut self.batches[place];
            if let Some(rest) = without(&batch.message, |publish| publish == refused) {
                self.bytes -= batch.message.len() - rest.len();
                batch.message = rest;
                self.refused_in = batch.number;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use mqtt::QoS;
    use partition::lane::{ToPartition, ToWorker};
    use partition::{BatchBuilder, Command, CommandReader, Incarnation, Message, Origin, Owner, Publish, Scope, Tag};

    use super::super::{Lane, Outlet};

    const ID: partition::Lane = partition::Lane { frontend: 1, worker: 2 };
    const OWNER: Owner = Owner { frontend: 1, worker: 2, slot: 3, generation: 4 };

    fn publish(tag: u32) -> Publish<'static> {
        let message =
            Message { topic: "t", qos: QoS::AtLeastOnce, retain: false, expires: None, properties: &[], payload: b"x" };
        let origin = Origin::Client { client_id: "c", exactly_once: None };
        Publish { reply: Some((OWNER, Tag(tag))), origin, scope: Scope::Everyone, message }
    }

    fn push(lane: &mut Lane, tags: &[u32]) {
        let mut builder = BatchBuilder::for_lane();
        tags.iter().for_each(|tag| builder.push(&Command::Publish(publish(*tag))));
        lane.push(&mut builder, &mut Outlet::default());
    }

    fn tags(message: &Bytes) -> Vec<u32> {
        let Ok(ToPartition::Batch(_, batch)) = ToPartition::decode(ID, message) else { panic!("not a batch") };
        let tag = |command| match command {
            Ok(Command::Publish(publish)) => publish.reply.map(|(_, tag)| tag.0),
            _ => None,
        };
        CommandReader::new(&batch).filter_map(tag).collect()
    }

    fn open(lane: &mut Lane) -> Vec<Vec<u32>> {
        let mut out = Outlet::default();
        lane.look(0, |_| true, &mut out);
        out.messages.clear();
        lane.on_message(4, ToWorker::Opened { applied: 0 }, 10, 0, &mut out);
        out.messages.iter().map(|(_, message)| tags(message)).collect()
    }

    #[test]
    fn what_was_refused_does_not_come_again_with_its_batch() {
        let mut lane = Lane::new(ID, &[4], Incarnation(1));
        open(&mut lane);
        for batch in [&[1, 2, 3][..], &[2], &[4], &[2]] {
            push(&mut lane, batch);
        }
        let before = lane.bytes();
        lane.forget_refused(&publish(2));
        lane.forget_refused(&publish(2));
        assert!(lane.bytes() < before);
        lane.on_session(4, 0);
        assert_eq!(open(&mut lane), [vec![1, 3], vec![], vec![4], vec![2]]);
        // One of an earlier batch, and one that is not there.
        lane.forget_refused(&publish(1));
        lane.forget_refused(&publish(9));
        lane.on_session(4, 0);
        assert_eq!(open(&mut lane), [vec![3], vec![], vec![4], vec![2]]);
        lane.on_message(4, ToWorker::Taken { number: 4 }, 10, 0, &mut Outlet::default());
        assert!(lane.is_flushed() && lane.bytes() == 0);
    }
}
