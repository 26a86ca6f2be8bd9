//! What a client is owed: the messages in flight to it, those that wait for its window, the bytes in its outbox.

mod acknowledged;
mod waiting;

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use mqtt::{PacketId, ProtocolVersion, QoS};
use partition::{Delivery, PartitionId, SessionSlot, Step, Timestamp};

use crate::aliases::OutgoingAliases;
use crate::connection::Session;
use crate::connection::fullness::Fullness;
use crate::counters::{CategoryCounters, Counters};
use crate::fan_out::{FanOut, Manner, Personal};
use crate::outbox::{Outbox, Spares};
use crate::own_ids::{Awaiting, OwnIds};
use crate::spans::{TraceParent, Tracer};
use waiting::{Source, Waiting};

/// Bytes that may wait for a client before further QoS 0 messages for it are dropped.
const QOS0_BACKLOG_BYTES: usize = 8 * 1024 * 1024;

/// What a connection borrows from its worker to write.
pub(crate) struct Writer<'a> {
    pub spares: &'a mut Spares,
    pub counters: &'a Counters,
    pub tracer: &'a Tracer,
    pub now: Timestamp,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// In the outbox.
    Sent,
    /// Kept until the client's Receive Maximum allows it.
    Waits,
    /// Counted; will never be sent.
    Dropped,
}

/// A queue entry of a partition, as its session knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryRef {
    pub partition: PartitionId,
    pub session: SessionSlot,
    pub entry: u64,
}

#[derive(Clone, Copy)]
struct EntryInFlight {
    entry: EntryRef,
    awaiting: Awaiting,
    /// A PUBREL sent again after a resumption takes nothing from the Receive Maximum.
    counted: bool,
    /// The partition has noted that the client received it, so PUBREL may be sent.
    noted: bool,
}

/// Who gives out packet identifiers, hence who knows what is in flight.
enum InFlight {
    /// A transient session: this connection.
    Own { ids: OwnIds, shared: HashMap<PacketId, Shared, ahash::RandomState> },
    /// A persistent session: the partitions.
    Entries(HashMap<PacketId, EntryInFlight, ahash::RandomState>),
}

/// A message in flight for a shared subscription: somebody else gets it if this client leaves without acknowledging.
pub(crate) struct Shared {
    pub share: Arc<str>,
    pub qos: QoS,
    pub body: Bytes,
}

/// What a partition is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub entry: EntryRef,
    pub step: Step,
}

pub(crate) struct Outbound {
    pub outbox: Outbox,
    pub version: ProtocolVersion,
    /// Whose connection it is, once the session is open, and also when it is closed already.
    pub session: Option<Rc<Session>>,
    /// Counts what this client gets.
    pub category: Arc<CategoryCounters>,
    maximum_packet_size: usize,
    /// The client's Receive Maximum.
    window: u16,
    in_flight: u16,
    pub fullness: Fullness,
    ids: InFlight,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    aliases: Option<Box<OutgoingAliases>>,
    /// What the pool knows of.
    accounted: usize,
}

/// What CONNECT said about what may be sent.
pub(crate) struct ClientLimits {
    pub version: ProtocolVersion,
    pub maximum_packet_size: Option<NonZeroU32>,
    pub receive_maximum: u16,
    pub topic_alias_maximum: u16,
    pub persistent: bool,
}

impl Outbound {
    /// Before CONNECT only an outbox.
    pub fn new(category: Arc<CategoryCounters>) -> Self {
        Self {
            outbox: Outbox::default(),
            version: ProtocolVersion::V5,
            session: None,
            category,
            maximum_packet_size: usize::MAX,
            window: u16::MAX,
            in_flight: 0,
            fullness: Fullness::default(),
            ids: InFlight::Own { ids: OwnIds::default(), shared: HashMap::default() },
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            aliases: None,
            accounted: 0,
        }
    }

    pub fn set_limits(&mut self, limits: &ClientLimits) {
        self.version = limits.version;
        self.set_maximum_packet_size(limits.maximum_packet_size);
        self.window = limits.receive_maximum;
        self.aliases = OutgoingAliases::new(limits.topic_alias_maximum);
        if limits.persistent {
            self.ids = InFlight::Entries(HashMap::default());
        }
    }

    /// Bytes of the longest packet that the client takes.
    pub fn set_maximum_packet_size(&mut self, bytes: Option<NonZeroU32>) {
        self.maximum_packet_size = bytes.map_or(usize::MAX, |bytes| bytes.get() as usize);
    }

    /// Appends what `encode` writes unless the client does not take so much (MQTT-3.1.2-24); false if it does not.
    pub fn append_if_it_fits(&mut self, writer: &mut Writer<'_>, encode: impl FnOnce(&mut BytesMut)) -> bool {
        let buffer = self.outbox.buffer(writer.spares);
        let start = buffer.len();
        encode(buffer);
        let fits = buffer.len() - start <= self.maximum_packet_size;
        if fits {
            writer.counters.packets_sent.add(u64::from(buffer.len() > start));
        } else {
            buffer.truncate(start);
        }
        fits
    }

    /// Whether the client takes a SUBACK or UNSUBACK of so many codes (MQTT-3.1.2-24).
    pub fn may_send_codes(&self, codes: usize) -> bool {
        let remaining = 2 + usize::from(self.version.is_v5()) + codes;
        let length_bytes = (1..4).find(|n| remaining < 1 << (7 * n)).unwrap_or(4);
        1 + length_bytes + remaining <= self.maximum_packet_size
    }

    /// Bytes that wait for the client, in any form.
    pub fn backlog(&self) -> usize {
        self.outbox.len() + self.waiting_bytes
    }

    /// Whether the client takes a packet of this many bytes.
    pub fn may_send(&self, bytes: usize) -> bool {
        bytes <= self.maximum_packet_size
    }

    /// QoS 1 and 2 messages that the client has not acknowledged.
    pub fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// The client's Receive Maximum, within the server's bound.
    pub fn receive_maximum(&self) -> u16 {
        self.window
    }

    /// Whether a QoS 1 or 2 message would have to wait.
    pub fn is_window_full(&self) -> bool {
        self.in_flight >= self.window || !self.waiting.is_empty()
    }

    /// Whether the client takes about as much more as it has in flight.
    pub fn has_much_room(&self) -> bool {
        self.waiting.is_empty() && self.in_flight <= self.window / 2
    }

    pub fn nothing_waits(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets what was to be sent.
    pub fn discard(&mut self) {
        self.outbox = Outbox::default();
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Change of the backlog since the last call, for the pool.
    pub fn account(&mut self) -> i64 {
        let now = self.backlog();
        let delta = now as i64 - self.accounted as i64;
        self.accounted = now;
        delta
    }

    /// Delivers a message that no partition keeps for this client.
    pub fn deliver(
        &mut self,
        fan_out: &mut FanOut<'_>,
        manner: Manner<'_>,
        share: Option<&Arc<str>>,
        writer: &mut Writer<'_>,
    ) -> Delivered {
        let InFlight::Own { ids, .. } = &self.ids else {
            // A persistent session gets QoS 1 and 2 from its queue.
            debug_assert_eq!(manner.qos, QoS::AtMostOnce);
            return self.send_qos0(fan_out, manner, writer);
        };
        if manner.qos == QoS::AtMostOnce {
            return self.send_qos0(fan_out, manner, writer);
        }
        if self.in_flight < self.window && self.waiting.is_empty() && !ids.is_full() {
            return self.send_own(fan_out, manner, share, writer);
        }
        self.wait(Waiting {
            body: fan_out.owned(),
            qos: manner.qos,
            retain: manner.retain,
            subscription_ids: manner.subscription_ids.into(),
            source: Source::Own { share: share.cloned() },
        });
        Delivered::Waits
    }

    /// Delivers a queue entry of a persistent session. `Dropped`: tell its partition that it is done with.
    pub fn deliver_entry(
        &mut self,
        partition: PartitionId,
        delivery: &Delivery,
        body: &Bytes,
        writer: &mut Writer<'_>,
    ) -> Delivered {
        let entry = EntryRef { partition, session: delivery.session, entry: delivery.entry };
        let waiting = Waiting {
            body: body.clone(),
            qos: delivery.qos,
            retain: delivery.retain,
            subscription_ids: delivery.subscription_ids.clone(),
            source: Source::Entry { entry, packet_id: delivery.packet_id, dup: delivery.dup },
        };
        if self.in_flight < self.window && self.waiting.is_empty() {
            return self.send_waiting(&waiting, writer);
        }
        self.wait(waiting);
        Delivered::Waits
    }

    fn send_qos0(&mut self, fan_out: &mut FanOut<'_>, manner: Manner<'_>, writer: &mut Writer<'_>) -> Delivered {
        if self.backlog() > QOS0_BACKLOG_BYTES {
            self.category.qos0_dropped_outgoing.add(1);
            return Delivered::Dropped;
        }
        self.write(fan_out, manner, None, false, writer)
    }

    fn send_own(
        &mut self,
        fan_out: &mut FanOut<'_>,
        manner: Manner<'_>,
        share: Option<&Arc<str>>,
        writer: &mut Writer<'_>,
    ) -> Delivered {
        if self.is_too_large(fan_out, manner) {
            writer.counters.too_large_dropped.add(1);
            return Delivered::Dropped;
        }
        let awaiting = if manner.qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
        let InFlight::Own { ids, shared } = &mut self.ids else { return Delivered::Dropped };
        let Some(id) = ids.take(awaiting) else { return Delivered::Dropped };
        if let Some(share) = share {
            shared.insert(id, Shared { share: Arc::clone(share), qos: manner.qos, body: fan_out.owned() });
        }
        self.in_flight += 1;
        self.write(fan_out, manner, Some(id), false, writer)
    }

    fn send_entry(
        &mut self,
        fan_out: &mut FanOut<'_>,
        manner: Manner<'_>,
        entry: EntryRef,
        packet_id: PacketId,
        dup: bool,
        writer: &mut Writer<'_>,
    ) -> Delivered {
        if self.is_too_large(fan_out, manner) {
            writer.counters.too_large_dropped.add(1);
            return Delivered::Dropped;
        }
        let InFlight::Entries(entries) = &mut self.ids else { return Delivered::Dropped };
        let awaiting = if manner.qos == QoS::AtLeastOnce { Awaiting::PubAck } else { Awaiting::PubRec };
        let before = entries.insert(packet_id, EntryInFlight { entry, awaiting, counted: true, noted: false });
        self.in_flight += u16::from(!before.is_some_and(|before| before.counted));
        self.write(fan_out, manner, Some(packet_id), dup, writer)
    }

    /// MQTT-3.1.2-24: a packet above the client's Maximum Packet Size is not sent.
    fn is_too_large(&self, fan_out: &FanOut<'_>, manner: Manner<'_>) -> bool {
        self.maximum_packet_size != usize::MAX
            && fan_out.frame_len(self.version, manner, Personal { id: PacketId::new(1), dup: false, alias: None })
                > self.maximum_packet_size
    }

    fn write(
        &mut self,
        fan_out: &mut FanOut<'_>,
        manner: Manner<'_>,
        id: Option<PacketId>,
        dup: bool,
        writer: &mut Writer<'_>,
    ) -> Delivered {
        if id.is_none() && self.is_too_large(fan_out, manner) {
            writer.counters.too_large_dropped.add(1);
            return Delivered::Dropped;
        }
        let alias = self.aliases.as_ref().and_then(|aliases| aliases.find(fan_out.topic));
        // Telling an alias makes the packet a little longer; not where that would make it too long.
        let alias = alias.filter(|alias| {
            alias.known
                || self.maximum_packet_size == usize::MAX
                || fan_out.frame_len(self.version, manner, Personal { id, dup, alias: Some(*alias) })
                    <= self.maximum_packet_size
        });
        fan_out.append(&mut self.outbox, writer.spares, self.version, manner, Personal { id, dup, alias });
        if let (Some(alias), Some(aliases)) = (alias, &mut self.aliases) {
            aliases.told(fan_out.topic, alias);
        }
        self.category.publishes_sent.add(1);
        self.category.payload_bytes_sent.add(fan_out.payload.len() as u64);
        if let Some(trace) = fan_out.trace {
            self.trace(writer, trace, fan_out.topic);
        }
        Delivered::Sent
    }

    #[cold]
    fn trace(&self, writer: &Writer<'_>, trace: &TraceParent, topic: &str) {
        let client_id = self.session.as_ref().map_or("", |session| session.client_id());
        writer.tracer.delivered(*trace, client_id, topic);
    }

    /// Messages for shared subscriptions that the client has not acknowledged, oldest first, in flight and waiting.
    pub fn take_shared(&mut self) -> Vec<Shared> {
        let mut left = Vec::new();
        if let InFlight::Own { shared, .. } = &mut self.ids {
            let mut in_flight: Vec<_> = shared.drain().collect();
            in_flight.sort_by_key(|(id, _)| *id);
            left.extend(in_flight.into_iter().map(|(_, shared)| shared));
        }
        for waiting in self.waiting.drain(..) {
            if let Source::Own { share: Some(share) } = waiting.source {
                left.push(Shared { share, qos: waiting.qos, body: waiting.body });
            }
        }
        self.waiting_bytes = 0;
        left
    }
}
