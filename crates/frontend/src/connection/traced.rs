//! Spans of what a client asks for: begun with the packet, ended with its acknowledgement.

use mqtt::{PacketId, ProtocolVersion, ReasonCode};
use partition::PartitionSet;

use super::session::Inbound;
use crate::spans::{Operation, Traced};
use crate::worker::Worker;

/// The most operations of one client that are traced at a time; those beyond get no span.
const MAX_TRACED: usize = 64;

/// Operations that are not over yet, by packet identifier; CONNECT and QoS 0 have none.
#[derive(Default)]
pub(crate) struct TracedOperations(Vec<(Option<PacketId>, Traced)>);

impl TracedOperations {
    /// A packet that is looked at again has begun before.
    fn begin(&mut self, id: Option<PacketId>, traced: Traced) {
        let is_known = self.0.iter().any(|(of, known)| *of == id && known.operation == traced.operation);
        if !is_known && self.0.len() < MAX_TRACED {
            self.0.push((id, traced));
        }
    }

    fn take(&mut self, operation: Operation, id: Option<PacketId>) -> Option<Traced> {
        let place = self.0.iter().position(|(of, traced)| *of == id && traced.operation == operation)?;
        Some(self.0.swap_remove(place).1)
    }
}

impl Inbound {
    #[cold]
    pub(super) fn begin_span(&mut self, id: Option<PacketId>, traced: Traced) {
        self.traced.get_or_insert_default().begin(id, traced);
    }

    /// Takes an operation out of those that wait for their acknowledgement.
    #[inline]
    pub(super) fn take_traced(&mut self, operation: Operation, id: Option<PacketId>) -> Option<Traced> {
        if self.traced.is_none() { None } else { self.take_one_of_those(operation, id) }
    }

    #[cold]
    fn take_one_of_those(&mut self, operation: Operation, id: Option<PacketId>) -> Option<Traced> {
        let traced = self.traced.as_mut()?.take(operation, id);
        self.traced.take_if(|all| all.0.is_empty());
        traced
    }

    /// The operation's acknowledgement is about to leave.
    #[inline]
    pub(super) fn end_span(&mut self, worker: &Worker, operation: Operation, id: Option<PacketId>, reason: ReasonCode) {
        if let Some(traced) = self.take_traced(operation, id) {
            worker.tracer.end(traced, reason);
        }
    }

    /// Begins the span of a SUBSCRIBE or UNSUBSCRIBE with this body, if it asks for one.
    pub(super) fn trace_request<'a>(
        &mut self,
        worker: &Worker,
        body: &[u8],
        (operation, id): (Operation, PacketId),
        filters: impl Iterator<Item = &'a str>,
    ) {
        if self.version != ProtocolVersion::V5 {
            return;
        }
        let Some(trace) = worker.tracer.trace_of_request(body) else { return };
        let mut first = "";
        let mut homes = PartitionSet::default();
        for filter in filters {
            first = if first.is_empty() { filter } else { first };
            homes = homes.union(worker.slots.homes_of_filter(filter));
        }
        let client_id = self.session.as_ref().map_or("", |session| session.client_id());
        self.begin_span(Some(id), Traced::begin(trace, operation, client_id).about(first, homes));
    }
}
