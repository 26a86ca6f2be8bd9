//! Questions to one partition's thread, and how it answers them: one bounded step each.

use std::sync::Arc;

use bytes::Bytes;
use partition::{
    BatchBuilder, BodyRef, Command, FilterWish, Found, Holding, Message, MessageProperties, Origin, Publish,
    RetainedView, Scope, SessionKind, SessionRecord, Slice, SubscriptionPlace, SubscriptionSearch, Timestamp,
};
use replica::Replica;
use tokio::sync::oneshot;

use super::query::Presence;
use super::record::RetainedMessage;

/// Questions that may wait for one partition; who asks more waits too, until its deadline.
pub(crate) const CALLS: usize = 64;

/// Bytes of client ids that one question has; it ends with the one that reaches this.
const QUESTION_BYTES: usize = 512 * 1024;

/// Who has asked. Gone when the deadline has passed.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// A question.
pub(crate) enum Call {
    Sessions(SessionStep, Reply<Slice<SessionRecord>>),
    Session(Arc<str>, Reply<Option<SessionRecord>>),
    /// For each client id.
    Holdings(Vec<Arc<str>>, Reply<Vec<Holding>>),
    SubscriptionsOf(ClientsStep, Reply<Found<(usize, usize)>>),
    SubscriptionsTo(FiltersStep, Reply<Found<SubscriptionPlace>>),
    Retained(RetainedStep, Reply<Slice<RetainedView>>),
    RetainedMessage(String, Reply<Result<Option<RetainedMessage>, String>>),
    DeleteRetained(String, Reply<Deletion>),
}

/// What became of a retained message that was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    Done,
    NotThere,
    DiskFull,
}

/// Sessions whose home this is, behind `after`.
#[derive(Clone, Debug)]
pub(crate) struct SessionStep {
    pub after: Option<Arc<str>>,
    pub prefix: Arc<str>,
    pub limit: usize,
    pub kind: Option<SessionKind>,
    pub presence: Option<Presence>,
}

/// Which subscriptions are wanted, and how many.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub filter: Option<String>,
    pub topic: Option<String>,
    /// Client id and filter.
    pub after: Option<(Arc<str>, String)>,
    pub limit: usize,
}

/// Subscriptions of some clients, one client after the other.
#[derive(Clone, Debug)]
pub(crate) struct ClientsStep {
    pub clients: Vec<Arc<str>>,
    pub search: Arc<Search>,
    /// The client to begin with, and how many of its subscriptions are left.
    pub from: (usize, usize),
}

/// Subscriptions to the filters that are wanted.
#[derive(Clone, Debug)]
pub(crate) struct FiltersStep {
    pub search: Arc<Search>,
    pub from: Option<SubscriptionPlace>,
}

/// Retained messages behind the topic `after`.
#[derive(Clone, Debug)]
pub(crate) struct RetainedStep {
    pub after: Option<Arc<str>>,
    pub filter: Option<Arc<str>>,
    pub limit: usize,
}

/// Shares out what is asked about over as many questions as it needs.
pub(super) fn in_questions<T>(all: impl IntoIterator<Item = T>, client_id: impl Fn(&T) -> &str) -> Vec<Vec<T>> {
    let (mut questions, mut bytes): (Vec<Vec<T>>, _) = (Vec::new(), 0);
    for one in all {
        let weight = client_id(&one).len();
        match questions.last_mut() {
            Some(question) if bytes < QUESTION_BYTES => {
                bytes += weight;
                question.push(one);
            }
            _ => {
                bytes = weight;
                questions.push(vec![one]);
            }
        }
    }
    questions
}

impl Search {
    fn parts(&self) -> SubscriptionSearch<'_> {
        let wish = match (&self.filter, &self.topic) {
            (Some(filter), _) => FilterWish::Written(filter),
            (None, Some(topic)) => FilterWish::Matching(topic),
            (None, None) => FilterWish::Any,
        };
        let after = self.after.as_ref().map(|(client_id, filter)| (&**client_id, &**filter));
        SubscriptionSearch { wish, after, limit: self.limit }
    }
}

impl SessionStep {
    fn wants(&self, session: &SessionRecord) -> bool {
        let presence = if session.owner.is_some() { Presence::Connected } else { Presence::Away };
        self.kind.is_none_or(|kind| kind == session.kind) && self.presence.is_none_or(|wanted| wanted == presence)
    }
}

/// What is left to do after an answer.
pub(crate) enum Left {
    Nothing,
    /// A batch of commands to be run, and whom to tell when it has been.
    Batch(Bytes, Reply<Deletion>),
}

/// Answers a question.
pub(crate) fn answer(call: Call, replica: &mut Replica, now: Timestamp) -> Left {
    // Nobody waits any more where a send fails.
    match call {
        Call::Sessions(step, reply) => {
            let wants = |session: &SessionRecord| step.wants(session);
            let slice = replica.read(|state| state.sessions(step.after.as_deref(), &step.prefix, step.limit, wants));
            let _ = reply.send(slice);
        }
        Call::Session(client_id, reply) => {
            let _ = reply.send(replica.read(|state| state.session(&client_id)));
        }
        Call::Holdings(clients, reply) => {
            let _ =
                reply.send(replica.read(|state| {
                    clients.iter().map(|client_id| state.holding(client_id).unwrap_or_default()).collect()
                }));
        }
        Call::SubscriptionsOf(step, reply) => {
            let clients = step.clients.iter().map(|client_id| &**client_id);
            let _ = reply.send(replica.read(|state| state.subscriptions_of(clients, step.search.parts(), step.from)));
        }
        Call::SubscriptionsTo(step, reply) => {
            let found = replica.read(|state| state.subscriptions_to(step.search.parts(), step.from.as_ref()));
            let _ = reply.send(found);
        }
        Call::Retained(step, reply) => {
            let (filter, after) = (step.filter.as_deref(), step.after.as_deref());
            let _ = reply.send(replica.read(|state| state.retained_messages(filter, after, step.limit, now)));
        }
        Call::RetainedMessage(topic, reply) => {
            let found = replica.read(|state| state.retained_message(&topic, now));
            let _ = reply.send(found.map(|(view, body)| retained_message(replica, view, body)).transpose());
        }
        Call::DeleteRetained(topic, reply) => match replica.read(|state| state.retained_message(&topic, now)) {
            None => _ = reply.send(Deletion::NotThere),
            Some(_) if replica.is_disk_full() => _ = reply.send(Deletion::DiskFull),
            Some(_) => return Left::Batch(deletion(&topic), reply),
        },
    }
    Left::Nothing
}

fn retained_message(replica: &mut Replica, view: RetainedView, body: BodyRef) -> Result<RetainedMessage, String> {
    let stored = replica.stored(body).map_err(|error| error.to_string())?;
    let message = Message::parse(&stored).map_err(|error| error.to_string())?;
    let properties = MessageProperties::parse(message.properties);
    let payload = stored.slice_ref(message.payload);
    Ok(RetainedMessage { view, properties, payload })
}

/// The empty retained publish that removes a topic's message (MQTT-3.3.1-6), as a client would send it.
fn deletion(topic: &str) -> Bytes {
    let mut batch = BatchBuilder::new();
    batch.push(&Command::Publish(Publish {
        reply: None,
        origin: Origin::Client { client_id: "", exactly_once: None },
        scope: Scope::Everyone,
        message: Message::removal_of(topic),
    }));
    batch.take()
}
