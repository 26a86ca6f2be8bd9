//! The packets a connection begins with: CONNECT and SUBSCRIBE.

use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use mqtt::{Connect, PacketId, QoS, ReasonCode, Subscribe, SubscribeOptions, encode};

use super::connection::{Connection, Past, Phase, Role};
use super::fault::Fault;
use super::settings::{Load, Settings};
use super::topics::Place;
use super::worker::{Site, Worker};

impl Worker {
    /// Appends a SUBSCRIBE for its role; says whether it has one.
    pub(super) fn subscribe(&mut self, index: u32) -> Result<bool, Fault> {
        let settings = self.site.settings.clone();
        let connection = &mut self.connections[index as usize];
        let (filter, qos) = match (&settings.load, &connection.role) {
            (Load::Traffic(load), Role::Subscriber(subscriber)) => {
                (load.filter_of(subscriber.number), load.subscription_qos)
            }
            (Load::Connect(load), Role::Idle { number }) => match &load.filter {
                Some(filter) => (filter.fill(&[(Place::Subscriber, *number)]), QoS::AtLeastOnce),
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        let subscribe =
            Subscribe { id: PacketId::from(NonZeroU16::MIN), filters: vec![(filter, options)], identifier: None };
        let mut bytes = BytesMut::new();
        encode::subscribe(&mut bytes, settings.clients.version, &subscribe)
            .map_err(|error| Fault::Limit(format!("SUBSCRIBE: {error}")))?;
        connection.out.bytes.extend_from_slice(&bytes);
        connection.phase = Phase::Subscribing;
        self.touch(index);
        Ok(true)
    }
}

/// The CONNECT of one connection.
pub(super) fn connect(site: &Site, connection: &Connection) -> Connect {
    let settings = &site.settings;
    let clients = &settings.clients;
    let mut connect = Connect::new(clients.version, client_id(settings, &connection.role));
    connect.keep_alive = clients.keep_alive;
    connect.username.clone_from(&clients.username);
    connect.password = clients.password.as_ref().map(|password| Bytes::copy_from_slice(&password.0));
    connect.receive_maximum = clients.receive_maximum.and_then(NonZeroU16::new);
    if clients.keep_sessions() && connection.past != Past::Erased {
        connect.session_expiry = Some(clients.session_expiry);
        // Before version 5 a clean session is never kept; the client id is new, so that there is none to begin with.
        connect.clean_start = clients.version.is_v5() && connection.past == Past::New;
    }
    connect
}

fn client_id(settings: &Settings, role: &Role) -> String {
    let (letter, number) = match role {
        Role::Idle { number } => ('c', *number),
        Role::Publisher(publisher) => ('p', publisher.number),
        Role::Subscriber(subscriber) => ('s', subscriber.number),
    };
    format!("{}-{:08x}-{letter}{number}", settings.clients.prefix, settings.run)
}

/// The QoS that a SUBACK code grants; `None` for a refusal.
pub(super) fn granted(code: u8) -> Option<QoS> {
    ReasonCode::try_from(code).ok().and_then(|_| QoS::try_from(code).ok())
}
