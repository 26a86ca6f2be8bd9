//! What a client does by itself.

use std::time::Duration;

use mqtt::{
    Disconnect, PacketId, PublishHead, QoS, ReasonCode, RetainHandling, Subscribe, SubscribeOptions, Unsubscribe,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Connection, End, Request};
use crate::clients::habits::Deed;
use crate::clients::memory::{Outgoing, Progress};
use crate::clients::{payload, topics};
use crate::oracle::{Message, MessageNumber, Options, Version, What};

/// No client has more publishes under way, whatever the server allows.
const OUTGOING_MAX: usize = 12;

/// Whether a PUBLISH is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dup {
    Yes,
    No,
}

impl<S: AsyncRead + AsyncWrite> Connection<'_, S> {
    /// The next thing that the client's habits say.
    pub(super) fn deed(&mut self) -> Option<End> {
        match self.habits.choose()? {
            Deed::Publish => {
                // Several at once, at times: what is sent in one go is in one batch, and one behind the other.
                for _ in 0..1 + self.habits.dice.below(6).saturating_sub(2) {
                    self.publish();
                }
            }
            Deed::Retain => self.retain(),
            Deed::Subscribe => {
                if let Some(nth) = self.some_filter() {
                    self.subscribe(nth);
                }
            }
            Deed::Unsubscribe => {
                if let Some(nth) = self.some_filter() {
                    self.unsubscribe(nth);
                }
            }
            Deed::Leave => return Some(self.leave()),
            Deed::Drop => return Some(End::Dropped),
            Deed::TakeOver => return Some(End::TakenOver),
            Deed::Doze => {
                let nap = Duration::from_millis(100)..=Duration::from_millis(1500);
                self.awake_at = Instant::now() + self.habits.dice.duration(nap);
            }
        }
        None
    }

    fn some_filter(&mut self) -> Option<usize> {
        let filters = self.habits.filters.len() as u64;
        (filters > 0).then(|| self.habits.dice.below(filters) as usize)
    }

    fn publish(&mut self) {
        let dice = &mut self.habits.dice;
        let topic = topics::plain(dice);
        let qos = qos(dice.below(10));
        let expiry = match dice.below(12) {
            0 => Some(dice.among(1..=5) as u32),
            1 => Some(7 * 24 * 3600),
            _ => None,
        };
        let len = match dice.below(20) {
            0 => 5000 + dice.below(3000),
            _ => payload::SHORTEST as u64 + dice.below(100),
        };
        self.begin(topic, qos, (false, expiry, len as usize));
    }

    fn retain(&mut self) {
        let dice = &mut self.habits.dice;
        let topic = topics::register(dice);
        let qos = qos(1 + dice.below(9));
        let len = if dice.below(6) == 0 { 0 } else { payload::SHORTEST as u64 + dice.below(60) };
        self.begin(topic, qos, (true, None, len as usize));
    }

    /// A message of its own, if there is room for it.
    fn begin(&mut self, topic: String, qos: QoS, (retain, expiry, len): (bool, Option<u32>, usize)) {
        if qos > QoS::AtMostOnce && self.memory.outgoing.len() >= OUTGOING_MAX.min(self.window) {
            return;
        }
        let expiry = expiry.filter(|_| self.habits.version == Version::V5);
        let message = Message { client: self.habits.client, topic, qos, retain, expiry, len, will_of: None };
        let message = self.notebook.message(message);
        let id = if qos == QoS::AtMostOnce { None } else { self.memory.identifier() };
        if let Some(id) = id {
            self.memory.outgoing.push(Outgoing { message, id, qos, progress: Progress::Sent });
        }
        self.send_publish(message, id, Dup::No);
    }

    pub(super) fn send_publish(&mut self, number: MessageNumber, id: Option<PacketId>, dup: Dup) {
        let message = self.notebook.message_of(number);
        let payload = payload::write(number, message.len);
        let head = PublishHead {
            topic: &message.topic,
            qos: message.qos,
            dup: dup == Dup::Yes,
            retain: message.retain,
            id,
            expiry: message.expiry,
            payload: &payload,
            ..PublishHead::default()
        };
        mqtt::encode::publish(&mut self.wire.output, self.wire.version, &head);
        let id = id.map_or(0, PacketId::get);
        self.add(What::Publish { message: number, id, dup: dup == Dup::Yes });
    }

    pub(super) fn subscribe(&mut self, nth: usize) {
        let Some((filter, options)) = self.habits.filters.get(nth).cloned() else { return };
        let Some(id) = self.memory.identifier() else { return };
        let packet = Subscribe { id, filters: vec![(filter.clone(), on_wire(options))], identifier: None };
        if mqtt::encode::subscribe(&mut self.wire.output, self.wire.version, &packet).is_ok() {
            self.memory.requests.insert(id);
            self.requests.insert(id, Request::Subscribe(filter.clone()));
            self.add(What::Subscribe { id: id.get(), filter, options });
        }
    }

    fn unsubscribe(&mut self, nth: usize) {
        let Some((filter, _)) = self.habits.filters.get(nth).cloned() else { return };
        let Some(id) = self.memory.identifier() else { return };
        let packet = Unsubscribe { id, filters: vec![filter.clone()] };
        if mqtt::encode::unsubscribe(&mut self.wire.output, self.wire.version, &packet).is_ok() {
            self.memory.requests.insert(id);
            self.requests.insert(id, Request::Unsubscribe(filter.clone()));
            self.add(What::Unsubscribe { id: id.get(), filter });
        }
    }

    /// DISCONNECT; with MQTT 5 sometimes one that has the will published.
    fn leave(&mut self) -> End {
        let with_will = self.habits.version == Version::V5 && self.habits.dice.below(4) == 0;
        let reason = if with_will { ReasonCode::DisconnectWithWill } else { ReasonCode::Success };
        let packet = Disconnect { reason, ..Disconnect::default() };
        mqtt::encode::disconnect(&mut self.wire.output, self.wire.version, &packet);
        self.add(What::Disconnect { reason, expiry: None });
        End::Left
    }
}

fn qos(throw: u64) -> QoS {
    match throw {
        0 | 1 => QoS::AtMostOnce,
        2..=5 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

fn on_wire(options: Options) -> SubscribeOptions {
    let retain_handling =
        if options.wants_retained { RetainHandling::SendAtSubscribe } else { RetainHandling::DoNotSend };
    SubscribeOptions { qos: options.qos, no_local: options.no_local, retain_as_published: false, retain_handling }
}
