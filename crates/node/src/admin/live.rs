//! The running broker behind the API: what frontend and backend show, in the API's form.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::authentication::MethodKind;
use auth::authorization::{Action, Explanation};
use backend::{BackendView, Presence};
use frontend::{ClientView, FrontendView};
use mqtt::ProtocolVersion;
use partition::{PartitionId, PartitionSet, SessionKind, SubscriptionView, Timestamp};

use super::api::{
    Binary, Client, ClientsQuery, Page, Payload, PayloadLimit, RetainedMessage, RetainedQuery, RetainedTopic, Scope,
    Session, SessionsQuery, Span, Subscription, SubscriptionsQuery, Trace, TraceSummary, UserProperty,
};
use super::part::{NO_CLIENTS, NO_PARTITIONS};
use super::view::{Answer, BrokerView, Found, ViewError};
use crate::moment::{rfc3339, rfc3339_micros};
use crate::traces::TraceStore;

/// The broker of this process, or the part of it that is here.
pub(crate) struct LiveBroker {
    pub(crate) clients: Option<LiveClients>,
    pub(crate) partitions: Option<BackendView>,
}

/// Where clients connect.
pub(crate) struct LiveClients {
    pub(crate) frontend: FrontendView,
    pub(crate) traces: TraceStore,
}

impl LiveBroker {
    fn frontend(&self) -> Result<&FrontendView, ViewError> {
        self.clients
            .as_ref()
            .map(|clients| &clients.frontend)
            .ok_or_else(|| ViewError::Elsewhere(NO_CLIENTS.to_owned()))
    }

    fn recorded(&self) -> Result<&TraceStore, ViewError> {
        self.clients.as_ref().map(|clients| &clients.traces).ok_or_else(|| ViewError::Elsewhere(NO_CLIENTS.to_owned()))
    }

    fn backend(&self) -> Result<&BackendView, ViewError> {
        self.partitions.as_ref().ok_or_else(|| ViewError::Elsewhere(NO_PARTITIONS.to_owned()))
    }

    fn lists(&self, scope: Scope) -> Result<BackendView, ViewError> {
        let whole = self.backend()?;
        Ok(match scope {
            Scope::Broker => whole.clone(),
            Scope::Process => whole.without_others(),
        })
    }
}

impl BrokerView for LiveBroker {
    fn clients(&self, query: ClientsQuery) -> Answer<'_, Page<Client>> {
        let ClientsQuery { limit, after, prefix, username, listener } = query;
        let query = frontend::ClientQuery { after, limit: limit.items(), prefix, username, listener };
        Box::pin(async move {
            let frontend::Page { items, next } = self.frontend()?.clients(query).await?;
            Ok(Page { items: items.into_iter().map(Client::from).collect(), next })
        })
    }

    fn client<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Client>> {
        Box::pin(async move { Ok(self.frontend()?.client(id).await?.map(Client::from)) })
    }

    fn explain<'a>(&'a self, id: &'a str, action: Action<'a>) -> Answer<'a, Option<Explanation>> {
        Box::pin(async move { Ok(self.frontend()?.client(id).await?.map(|client| client.explain(action))) })
    }

    fn kick<'a>(&'a self, id: &'a str) -> Answer<'a, Found> {
        Box::pin(async move { Ok(Found::from(self.frontend()?.kick(id).await?)) })
    }

    fn sessions(&self, query: SessionsQuery) -> Answer<'_, Page<Session>> {
        let SessionsQuery { limit, after, prefix, connected, persistent, scope } = query;
        let presence = connected.map(|connected| if connected { Presence::Connected } else { Presence::Away });
        let kind = persistent.map(|kept| if kept { SessionKind::Persistent } else { SessionKind::Transient });
        let query = backend::SessionQuery { after, limit: limit.items(), prefix, kind, presence };
        Box::pin(async move {
            let backend::Page { items, next } = self.lists(scope)?.sessions(&query).await?;
            Ok(Page { items: items.into_iter().map(Session::from).collect(), next })
        })
    }

    fn session<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Session>> {
        Box::pin(async move { Ok(self.backend()?.session(id).await?.map(Session::from)) })
    }

    fn subscriptions(&self, query: SubscriptionsQuery) -> Answer<'_, Page<Subscription>> {
        let SubscriptionsQuery { limit, after, client_id, filter, topic, scope } = query;
        let query = backend::SubscriptionQuery { after, limit: limit.items(), client_id, filter, topic };
        Box::pin(async move {
            let backend::Page { items, next } = self.lists(scope)?.subscriptions(&query).await?;
            Ok(Page { items: items.into_iter().map(Subscription::from).collect(), next })
        })
    }

    fn retained(&self, query: RetainedQuery) -> Answer<'_, Page<RetainedTopic>> {
        let RetainedQuery { limit, after, filter, scope } = query;
        let query = backend::RetainedQuery { after, limit: limit.items(), filter };
        Box::pin(async move {
            let backend::Page { items, next } = self.lists(scope)?.retained(&query).await?;
            Ok(Page { items: items.into_iter().map(RetainedTopic::from).collect(), next })
        })
    }

    fn retained_message<'a>(&'a self, topic: &'a str, limit: PayloadLimit) -> Answer<'a, Option<RetainedMessage>> {
        Box::pin(async move {
            let message = self.backend()?.retained_message(topic).await?;
            Ok(message.map(|message| retained_message(message, limit)))
        })
    }

    fn delete_retained<'a>(&'a self, topic: &'a str) -> Answer<'a, Found> {
        Box::pin(async move { Ok(Found::from(self.backend()?.delete_retained(topic).await?)) })
    }

    fn traces(&self, limit: usize) -> Result<Vec<TraceSummary>, ViewError> {
        Ok(self.recorded()?.newest(limit).iter().map(TraceSummary::from).collect())
    }

    fn trace(&self, id: &str) -> Result<Option<Trace>, ViewError> {
        let recorded = self.recorded()?;
        let Ok(id) = u128::from_str_radix(id, 16).map(u128::to_be_bytes) else { return Ok(None) };
        let mut spans = recorded.trace(id);
        spans.sort_by_key(|span| span.start_unix_ns);
        let trace = || Trace { trace_id: hex(&id), spans: spans.iter().map(Span::from).collect() };
        Ok((!spans.is_empty()).then(trace))
    }
}

impl From<bool> for Found {
    fn from(found: bool) -> Self {
        if found { Self::Yes } else { Self::No }
    }
}

impl From<frontend::ViewError> for ViewError {
    fn from(error: frontend::ViewError) -> Self {
        match error {
            frontend::ViewError::Unanswered => Self::Late,
            _ => Self::Stopped,
        }
    }
}

impl From<backend::ViewError> for ViewError {
    fn from(error: backend::ViewError) -> Self {
        match error {
            backend::ViewError::Late(_) => Self::Late,
            backend::ViewError::Cursor(_) => Self::Cursor,
            backend::ViewError::DiskFull => Self::DiskFull,
            backend::ViewError::Unreadable(why) => Self::Unreadable(why),
            elsewhere @ backend::ViewError::Elsewhere { .. } => Self::Elsewhere(elsewhere.to_string()),
            unreached @ (backend::ViewError::Unreached { .. } | backend::ViewError::Puzzling(_)) => {
                Self::Unreached(unreached.to_string())
            }
            _ => Self::Stopped,
        }
    }
}

impl From<ClientView> for Client {
    fn from(view: ClientView) -> Self {
        let ClientView {
            client_id,
            username,
            attributes,
            authenticated_by,
            expires,
            listener,
            peer,
            version,
            clean_start,
            keep_alive,
            ..
        } = view;
        Self {
            client_id,
            username,
            attributes: attributes.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            authenticated_by: authenticated_by.map(MethodKind::name),
            credentials_expire_at: expires.map(rfc3339),
            listener: listener.to_string(),
            address: peer.map(|peer| peer.to_string()),
            protocol_version: match version {
                ProtocolVersion::V3_1 => "3.1",
                ProtocolVersion::V3_1_1 => "3.1.1",
                ProtocolVersion::V5 => "5.0",
            },
            connected_at: rfc3339(view.connected_since),
            clean_start,
            keep_alive_seconds: keep_alive,
            session_expiry_seconds: view.session_expiry,
            receive_maximum: view.receive_maximum,
            in_flight_messages: view.in_flight,
            waiting_bytes: view.waiting_bytes as u64,
            worker: view.worker,
        }
    }
}

impl From<backend::SessionView> for Session {
    fn from(view: backend::SessionView) -> Self {
        Self {
            client_id: view.client_id.to_string(),
            connected: view.is_connected(),
            frontend: view.frontend,
            persistent: view.kind == SessionKind::Persistent,
            expiry_seconds: view.expiry_seconds,
            expires_at: view.ends.map(expiry),
            subscriptions: view.subscriptions,
            queued_messages: view.queued,
            in_flight_messages: view.in_flight,
            queued_bytes: view.queued_bytes,
            will: view.has_will,
            partition: view.home.0,
        }
    }
}

impl From<SubscriptionView> for Subscription {
    fn from(view: SubscriptionView) -> Self {
        let SubscriptionView { client_id, filter, options } = view;
        Self {
            client_id: client_id.to_string(),
            filter,
            qos: options.qos as u8,
            no_local: options.no_local,
            retain_as_published: options.retain_as_published,
            identifier: options.identifier,
        }
    }
}

impl From<partition::RetainedView> for RetainedTopic {
    fn from(view: partition::RetainedView) -> Self {
        Self {
            topic: view.topic.to_string(),
            qos: view.qos as u8,
            payload_bytes: view.payload_bytes,
            expires_at: view.expires.map(expiry),
        }
    }
}

fn retained_message(message: backend::RetainedMessage, limit: PayloadLimit) -> RetainedMessage {
    let backend::RetainedMessage { view, properties, payload } = message;
    let whole_bytes = view.payload_bytes;
    RetainedMessage {
        topic: view.into(),
        payload_format: properties.payload_format,
        content_type: properties.content_type,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data.map(|data| Binary::new(&data)),
        user_properties: properties.user.into_iter().map(|(name, value)| UserProperty { name, value }).collect(),
        payload: Payload::new(&payload, whole_bytes, limit),
    }
}

fn expiry(Timestamp(milliseconds): Timestamp) -> String {
    rfc3339(moment(Duration::from_millis(milliseconds)))
}

/// The end of time where the clock does not reach.
fn moment(since_epoch: Duration) -> SystemTime {
    UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH)
}

impl From<&crate::traces::TraceSummary> for TraceSummary {
    fn from(summary: &crate::traces::TraceSummary) -> Self {
        Self {
            trace_id: hex(&summary.trace_id),
            started_at: rfc3339_micros(moment(Duration::from_nanos(summary.start_unix_ns))),
            duration_microseconds: summary.end_unix_ns.saturating_sub(summary.start_unix_ns) / 1000,
            spans: summary.spans as u64,
        }
    }
}

impl From<&frontend::Span> for Span {
    fn from(span: &frontend::Span) -> Self {
        Self {
            span_id: hex(&span.span_id),
            parent_span_id: hex(&span.parent),
            name: match span.operation {
                frontend::Operation::Connect => "CONNECT",
                frontend::Operation::Publish => "PUBLISH",
                frontend::Operation::Subscribe => "SUBSCRIBE",
                frontend::Operation::Unsubscribe => "UNSUBSCRIBE",
                frontend::Operation::Deliver => "DELIVER",
            },
            started_at: rfc3339_micros(moment(Duration::from_nanos(span.start_unix_ns))),
            duration_microseconds: u64::try_from(span.duration.as_micros()).unwrap_or(u64::MAX),
            client_id: span.client_id.to_string(),
            topic: (!span.topic.is_empty()).then(|| span.topic.to_string()),
            worker: span.worker,
            partitions: partitions(span.partitions),
            reason_code: span.reason as u8,
        }
    }
}

fn partitions(set: PartitionSet) -> Vec<u16> {
    (0..PartitionSet::MAX).filter(|partition| set.contains(PartitionId(*partition))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
