//! PUBACK, PUBREC and PUBCOMP of the client for what was delivered to it.

use std::rc::Rc;

use mqtt::{Ack, AckKind};

use super::{Connection, Flow};
use crate::fault::Fault;
use crate::outbound::Told;
use crate::worker::Worker;

impl Connection {
    pub(super) fn on_acknowledgement(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        kind: AckKind,
        ack: Ack,
    ) -> Result<Flow, Fault> {
        let mut told = Vec::new();
        self.with_writer(worker, |outbound, writer| {
            told.extend(outbound.acknowledged(kind, ack.id, ack.reason, writer)?);
            outbound.pump(writer, &mut told);
            Ok::<_, Fault>(())
        })?;
        self.tell(worker, &told);
        self.tell_of_room(worker);
        Ok(Flow::Next)
    }

    /// Passes on to the partitions what became of their queue entries.
    pub(super) fn tell(&self, worker: &Worker, told: &[Told]) {
        let Some(epoch) = self.epoch() else { return };
        for Told { entry, step } in told {
            worker.send(
                entry.partition,
                partition::Acknowledge { session: entry.session, epoch, entry: entry.entry, step: *step },
            );
        }
    }
}
