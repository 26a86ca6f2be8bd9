//! A broker's inside that is a few lists.

use std::sync::{Arc, Mutex};

use auth::authentication::{Counted, MethodKind};
use auth::authorization::{
    Action, Authorization, BrokerResource, DecisionCache, DeniedPublish, Explanation, Principals, Rule, Rules,
};
use auth::{Policy, Principal};
use frontend::{CategoryTotals, Totals};
use partition::Counters;

use crate::admin::BrokerFigures;
use crate::admin::api::{
    Binary, Client, ClientsQuery, Limit, Page, Payload, PayloadLimit, RetainedMessage, RetainedQuery, RetainedTopic,
    Session, SessionsQuery, Span, Subscription, SubscriptionsQuery, Trace, TraceSummary, UserProperty,
};
use crate::admin::figures::{Cardinality, Place, Pool};
use crate::admin::view::{Answer, BrokerView, Found, ViewError};

/// Clients and topics that are hard to write.
pub(crate) const NAMES: [&str; 12] =
    [" ", "%2F", "+x", "50%", "?q=1&r#f", "a", "a b", "a/b", "a\u{1}b", "line\nbreak", "żółć ☃ 🦀", "..%2f"];
pub(super) const TOPICS: [&str; 6] = ["/", "a//b/", "a/b c?d", "demo/hello", "żółć/☃ 🦀", "%2F%00/50%"];

pub(crate) struct Broker {
    clients: Arc<Mutex<Vec<String>>>,
    topics: Arc<Mutex<Vec<String>>>,
    /// What is answered instead.
    error: Option<ViewError>,
}

impl Default for Broker {
    fn default() -> Self {
        let sorted = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(|name| String::from(*name)).collect();
            names.sort();
            Arc::new(Mutex::new(names))
        };
        Self { clients: sorted(&NAMES), topics: sorted(&TOPICS), error: None }
    }
}

impl Broker {
    pub(super) fn failing(error: ViewError) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    fn answer<'a, T: Send + 'a>(&self, value: T) -> Answer<'a, T> {
        let answer = match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(value),
        };
        Box::pin(std::future::ready(answer))
    }

    fn page<T>(&self, names: Vec<String>, after: Option<String>, limit: Limit, item: fn(String) -> T) -> Page<T> {
        let mut rest = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after)).peekable();
        let names: Vec<String> = rest.by_ref().take(limit.items()).collect();
        let next = rest.peek().and_then(|_| names.last().cloned());
        Page { items: names.into_iter().map(item).collect(), next }
    }

    fn clients_with(&self, prefix: Option<&str>) -> Vec<String> {
        let mut clients = self.clients.lock().unwrap().clone();
        clients.retain(|id| prefix.is_none_or(|prefix| id.starts_with(prefix)));
        clients
    }
}

fn take(names: &Mutex<Vec<String>>, name: &str) -> Found {
    let mut names = names.lock().unwrap();
    let before = names.len();
    names.retain(|other| other != name);
    if names.len() < before { Found::Yes } else { Found::No }
}

fn client(client_id: String) -> Client {
    Client {
        client_id,
        username: Some("ann".to_owned()),
        attributes: [("site".to_owned(), "north".to_owned())].into(),
        authenticated_by: Some("Jwt"),
        credentials_expire_at: Some("2026-01-02T00:00:00Z".to_owned()),
        listener: "default/18883".to_owned(),
        address: Some("127.0.0.1:50000".to_owned()),
        protocol_version: "5.0",
        connected_at: "2026-01-01T00:00:00Z".to_owned(),
        keep_alive_seconds: 60,
        session_expiry_seconds: 0,
        clean_start: true,
        receive_maximum: 100,
        in_flight_messages: 0,
        waiting_bytes: 0,
        worker: 1,
    }
}

/// Everybody may connect, and publish below their own client identifiers.
fn policy() -> Policy {
    let rule = Rule {
        principals: Principals { usernames: vec!["ann".to_owned()], ..Principals::default() },
        broker: vec![
            BrokerResource::Connect { client_ids: Vec::new() },
            BrokerResource::Publish { topics: vec!["{principal.clientId}/#".to_owned()] },
        ],
        state_store: Vec::new(),
    };
    let rules = Rules { rules: vec![rule] };
    let rules = Authorization::compile("plant", rules, DecisionCache::Enabled, DeniedPublish::Acknowledge).unwrap();
    Policy::new(None, Some(Arc::new(rules)))
}

fn session(client_id: String) -> Session {
    Session {
        client_id,
        connected: true,
        frontend: Some(0),
        persistent: false,
        expiry_seconds: 0,
        expires_at: None,
        subscriptions: 1,
        queued_messages: 8,
        queued_bytes: 800,
        in_flight_messages: 3,
        will: false,
        partition: 1,
    }
}

fn subscription(client_id: String) -> Subscription {
    let filter = "demo/#".to_owned();
    Subscription { client_id, filter, qos: 1, no_local: false, retain_as_published: false, identifier: Some(7) }
}

fn retained(topic: String) -> RetainedTopic {
    RetainedTopic { topic, qos: 1, payload_bytes: PAYLOAD.len() as u64, expires_at: None }
}

pub(super) const PAYLOAD: &[u8] = "grüß".as_bytes();
pub(super) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

impl BrokerView for Broker {
    fn clients(&self, query: ClientsQuery) -> Answer<'_, Page<Client>> {
        let mut clients = self.clients_with(query.prefix.as_deref());
        let others = query.username.is_some() || query.listener.is_some_and(|listener| listener != "default/18883");
        clients.retain(|_| !others);
        self.answer(self.page(clients, query.after, query.limit, client))
    }

    fn client<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Client>> {
        self.answer(self.clients_with(None).into_iter().find(|other| other == id).map(client))
    }

    fn explain<'a>(&'a self, id: &'a str, action: Action<'a>) -> Answer<'a, Option<Explanation>> {
        let client = self.clients_with(None).into_iter().find(|other| other == id);
        self.answer(client.map(|id| policy().explain(&Principal::declared(&id, Some("ann")), action)))
    }

    fn kick<'a>(&'a self, id: &'a str) -> Answer<'a, Found> {
        self.answer(take(&self.clients, id))
    }

    fn sessions(&self, query: SessionsQuery) -> Answer<'_, Page<Session>> {
        let mut clients = self.clients_with(query.prefix.as_deref());
        clients.retain(|_| query.connected != Some(false) && query.persistent != Some(true));
        self.answer(self.page(clients, query.after, query.limit, session))
    }

    fn session<'a>(&'a self, id: &'a str) -> Answer<'a, Option<Session>> {
        self.answer(self.clients_with(None).into_iter().find(|other| other == id).map(session))
    }

    fn subscriptions(&self, query: SubscriptionsQuery) -> Answer<'_, Page<Subscription>> {
        let mut clients = self.clients_with(None);
        clients.retain(|id| query.client_id.as_ref().is_none_or(|wanted| wanted == id));
        let matching = query.topic.is_none_or(|topic| mqtt::matches("demo/#", &topic));
        clients.retain(|_| matching && query.filter.as_ref().is_none_or(|filter| filter == "demo/#"));
        self.answer(self.page(clients, query.after, query.limit, subscription))
    }

    fn retained(&self, query: RetainedQuery) -> Answer<'_, Page<RetainedTopic>> {
        let mut topics = self.topics.lock().unwrap().clone();
        topics.retain(|topic| query.filter.as_ref().is_none_or(|filter| mqtt::matches(filter, topic)));
        self.answer(self.page(topics, query.after, query.limit, retained))
    }

    fn retained_message<'a>(&'a self, topic: &'a str, limit: PayloadLimit) -> Answer<'a, Option<RetainedMessage>> {
        let topic = self.topics.lock().unwrap().iter().find(|other| *other == topic).cloned();
        self.answer(topic.map(|topic| RetainedMessage {
            topic: retained(topic),
            payload_format: Some(1),
            correlation_data: Some(Binary::new(&[0xff])),
            content_type: Some("text/plain".to_owned()),
            response_topic: None,
            user_properties: vec![UserProperty { name: "a".to_owned(), value: "\u{1}\"".to_owned() }],
            payload: Payload::new(PAYLOAD, PAYLOAD.len() as u64, limit),
        }))
    }

    fn delete_retained<'a>(&'a self, topic: &'a str) -> Answer<'a, Found> {
        self.answer(take(&self.topics, topic))
    }

    fn traces(&self, limit: usize) -> Result<Vec<TraceSummary>, ViewError> {
        let (trace_id, started_at) = (TRACE.to_owned(), "2026-01-01T00:00:00Z".to_owned());
        Ok(vec![TraceSummary { trace_id, started_at, duration_microseconds: 1, spans: 1 }; limit.min(2)])
    }

    fn trace(&self, id: &str) -> Result<Option<Trace>, ViewError> {
        Ok((id == TRACE).then(|| Trace {
            trace_id: id.to_owned(),
            spans: vec![Span {
                span_id: "b7ad6b7169203331".to_owned(),
                parent_span_id: "00f067aa0ba902b7".to_owned(),
                name: "PUBLISH",
                started_at: "2026-01-01T00:00:00.000001Z".to_owned(),
                duration_microseconds: 1,
                client_id: "a".to_owned(),
                topic: Some("demo/hello".to_owned()),
                worker: 0,
                partitions: vec![1],
                reason_code: 0,
            }],
        }))
    }
}

/// Figures of which no two are the same.
pub(super) fn figures() -> BrokerFigures {
    let category =
        |n| CategoryTotals { publishes_received: n, qos0_dropped_outgoing: n + 1, ..CategoryTotals::default() };
    BrokerFigures {
        place: Place { namespace: "azure-iot-operations".to_owned(), host: "edge \"7\"".to_owned() },
        cardinality: Cardinality { frontend_workers: 3, partitions: 2 },
        totals: Totals { connections: 5, rejected_memory: 6, ..Totals::default() },
        categories: vec![("line\\1\n".into(), category(10)), ("uncategorized".into(), category(20))],
        partitions: vec![
            (0, Counters { sessions: 7, persistent: 4, connected: 3, persistent_connected: 1, ..Counters::default() }),
            (1, Counters { retained: 8, rejected_disk_full: 1, rejected_queue_disk: 2, ..Counters::default() }),
        ],
        authentication: Counted {
            accepted: MethodKind::ALL.into_iter().zip(30..).collect(),
            denied: 40,
            unavailable: 41,
            limited: 42,
            busy: 43,
            asked: MethodKind::ALL.into_iter().zip(50..).collect(),
            unanswered: MethodKind::ALL.into_iter().zip(60..).collect(),
        },
        pools: vec![Pool { name: "frontend", used_bytes: 30, bytes: 120 }],
        queue_disk_bytes: 9,
        is_disk_full: false,
        is_queue_disk_full: false,
        restarts: 2,
        spans_dropped: 11,
    }
}
