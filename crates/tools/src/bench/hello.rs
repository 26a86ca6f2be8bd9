//! The packets a connection begins with: CONNECT and SUBSCRIBE.

use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use mqtt::{Connect, PacketId, QoS, ReasonCode, Subscribe, SubscribeOptions, encode};

use super::connection::{Connection, Past, Phase, Role};
use super::fault::Fault;
use super::settings::{Load, SESSION_EXPIRY_S, Settings};
use super::topics::Place;
use super::worker::{Site, Worker};

impl Worker {
    /// Appends a SUBSCRIBE for its role; says whether it has one.
    pub(super) fn subscribe(&mut self, index: u32) -> Result<bool, Fault> {
        let settings = self.site.settings.clone();
        let connection = &mut self.connections[index as usize];
        let (filters, qos) = match (&settings.load, &connection.role) {
            (Load::Traffic(load), Role::Subscriber(subscriber)) => {
                (vec![load.filter_of(subscriber.number)], load.subscription_qos)
            }
            (Load::Connect(load), Role::Idle { number }) => match &load.filter {
                Some(filter) => {
                    let fill = |topic| filter.fill(&[(Place::Subscriber, *number), (Place::Topic, topic)]);
                    ((0..load.filters).map(fill).collect(), QoS::AtLeastOnce)
                }
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        let filters = filters.into_iter().map(|filter| (filter, options)).collect();
        let subscribe = Subscribe { id: PacketId::from(NonZeroU16::MIN), filters, identifier: None };
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
    let expiry = session_expiry(settings, &connection.role);
    if expiry > 0 && connection.past != Past::Erased {
        connect.session_expiry = Some(expiry);
        // Before version 5 a clean session is never kept; the client id is new, so that there is none to begin with.
        connect.clean_start = clients.version.is_v5() && connection.past == Past::New;
    }
    connect
}

/// Seconds that the session of such a client outlives its connection; 0: it does not.
pub(super) fn session_expiry(settings: &Settings, role: &Role) -> u32 {
    let of_all = settings.clients.session_expiry;
    match (&settings.load, role) {
        (Load::Traffic(load), Role::Subscriber(subscriber)) if load.is_persistent(subscriber.number) => {
            of_all.max(SESSION_EXPIRY_S)
        }
        _ => of_all,
    }
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
