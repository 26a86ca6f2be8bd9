//! A member of shared groups whose Receive Maximum is used up, where partitions in other processes choose the members: it
//! gives back what it is handed, and the partition passes it over until it is told of room.
//!
//! It costs a command for each time that the client is full and one when it is not any more; while there is room, nothing.

use std::rc::Rc;

use bytes::Bytes;
use mqtt::QoS;
use partition::{Direct, Message, PartitionId, PartitionSet, Window, partition_value};

use super::Connection;
use crate::worker::Worker;

/// Which partitions know that the client takes no more for now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fullness {
    told: PartitionSet,
    /// Have answered: what they hand over since, nobody else takes either.
    known: PartitionSet,
}

impl Fullness {
    pub fn is_noted(&mut self, by: PartitionId) {
        self.known = self.known.union(self.told.intersection(PartitionSet::default().with(by)));
    }
}

impl Connection {
    /// Gives a shared message back if another member may take it now, and has the partition know why.
    pub(super) fn gives_back(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        from: PartitionId,
        direct: &Direct,
        body: &Bytes,
    ) -> bool {
        let is_shared = direct.share.is_some() && direct.qos > QoS::AtMostOnce;
        if !is_shared || worker.lanes.is_none() || !self.outbound.borrow().is_window_full() {
            return false;
        }
        let Fullness { told, known } = self.outbound.borrow().fullness;
        // Messages of one partition key go to one member.
        let has_key = Message::parse(body).is_ok_and(|message| partition_value(message.properties).is_some());
        let Some(session) = self.session().filter(|_| !known.contains(from) && !has_key) else { return false };
        if !told.contains(from) {
            self.outbound.borrow_mut().fullness.told = told.with(from);
            self.tell_window(worker, from, 0);
        }
        worker.redeliver(direct.share.as_ref(), direct.qos, body, Some(session.client_id()));
        true
    }

    /// Tells those that pass the client over that they need not any more.
    pub(super) fn tell_of_room(&self, worker: &Worker) {
        let told = {
            let mut outbound = self.outbound.borrow_mut();
            if outbound.fullness.told.is_empty() || !outbound.has_much_room() {
                return;
            }
            std::mem::take(&mut outbound.fullness).told
        };
        let Some(session) = self.session() else { return };
        told.iter().for_each(|partition| self.tell_window(worker, partition, session.window));
    }

    fn tell_window(&self, worker: &Worker, partition: PartitionId, window: u16) {
        let Some(session) = self.session() else { return };
        let (owner, client_id, epoch) = (self.owner, session.client_id(), session.epoch);
        worker.send(partition, Window { owner, client_id, epoch, window });
    }
}
