//! A worker's answers to questions about its clients.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use partition::Timestamp;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::Worker;
use crate::connection::{Connection, Session};
use crate::fault::Fault;
use crate::view::{ClientQuery, ClientView};

/// Connections that are looked at before others get their turn.
const STEP: usize = 512;

/// What is asked of all workers.
pub(crate) enum Asked {
    /// Whether it is at work.
    Nothing,
    /// The first `limit` clients that match.
    Page {
        query: ClientQuery,
        limit: usize,
    },
    One(String),
    /// To be sent away.
    Kick(String),
}

pub(crate) struct Question {
    pub asked: Arc<Asked>,
    pub reply: oneshot::Sender<Vec<ClientView>>,
}

pub(super) async fn answer(worker: Rc<Worker>, question: Question) {
    let found = match &*question.asked {
        Asked::Nothing => Vec::new(),
        Asked::Page { query, limit } => page(&worker, query, *limit).await,
        Asked::One(client_id) => {
            let found = find(&worker, client_id).await;
            found.iter().filter_map(|connection| worker.view(connection)).collect()
        }
        Asked::Kick(client_id) => {
            let found = find(&worker, client_id).await;
            let seen = found.iter().filter_map(|connection| worker.view(connection)).collect();
            if let Some(connection) = found {
                connection.kick(&worker, Fault::Administrative);
            }
            seen
        }
    };
    // Who no longer waits for it does not miss it.
    let _ = question.reply.send(found);
}

async fn find(worker: &Rc<Worker>, client_id: &str) -> Option<Rc<Connection>> {
    let mut found = None;
    look_through(worker, |connection, session| {
        if session.client_id() != client_id {
            return ControlFlow::Continue(());
        }
        found = Some(Rc::clone(connection));
        ControlFlow::Break(())
    })
    .await;
    found
}

async fn page(worker: &Rc<Worker>, query: &ClientQuery, limit: usize) -> Vec<ClientView> {
    let mut first = First::new(limit);
    look_through(worker, |connection, session| {
        if query.matches(connection, session) && first.takes(session.client_id()) {
            first.insert(worker.describe(connection, session));
        }
        ControlFlow::Continue(())
    })
    .await;
    first.into_clients()
}

/// Shows `look` all clients, a few at a time.
async fn look_through(worker: &Rc<Worker>, mut look: impl FnMut(&Rc<Connection>, &Session) -> ControlFlow<()>) {
    let mut place = 0;
    loop {
        {
            let connections = worker.connections.borrow();
            if place >= connections.capacity() {
                return;
            }
            for connection in (place..place + STEP).filter_map(|place| connections.get(place)) {
                let Some(session) = connection.session().filter(|_| !connection.is_ending()) else { continue };
                if look(connection, &session).is_break() {
                    return;
                }
            }
        }
        place += STEP;
        yield_now().await;
    }
}

impl ClientQuery {
    fn matches(&self, connection: &Connection, session: &Session) -> bool {
        let client_id = session.client_id();
        let named = |listener: &str| *connection.entrance.name == *listener;
        self.after.as_deref().is_none_or(|after| client_id > after)
            && self.prefix.as_deref().is_none_or(|prefix| client_id.starts_with(prefix))
            && self.username.as_deref().is_none_or(|wanted| session.principal.username.as_deref() == Some(wanted))
            && self.listener.as_deref().map_or(!connection.entrance.is_internal(), named)
    }
}

impl Worker {
    fn view(&self, connection: &Connection) -> Option<ClientView> {
        connection.session().map(|session| self.describe(connection, &session))
    }

    fn describe(&self, connection: &Connection, session: &Session) -> ClientView {
        let outbound = connection.outbound.borrow();
        let (principal, grant) = (session.current_principal(), session.grant.borrow());
        ClientView {
            client_id: session.client_id().to_owned(),
            username: session.principal.username.as_deref().map(str::to_owned),
            attributes: principal.attributes,
            authenticated_by: grant.credential.as_ref().map(|credential| credential.by),
            expires: grant.credential.as_ref().and_then(|credential| credential.ends).map(time_of),
            policy: Arc::clone(&grant.policy),
            standing: principal.standing,
            listener: Arc::clone(&connection.entrance.name),
            peer: (!connection.entrance.is_memory()).then_some(connection.peer),
            version: outbound.version,
            clean_start: session.clean_start,
            keep_alive: session.keep_alive,
            session_expiry: session.session_expiry,
            receive_maximum: outbound.receive_maximum(),
            connected_since: self.time_of(connection.inbound.borrow().since_s),
            worker: self.id,
            waiting_bytes: outbound.backlog(),
            in_flight: outbound.in_flight(),
        }
    }
}

fn time_of(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(at.0)
}

/// The first clients in order, as many as a page may hold.
struct First {
    limit: usize,
    /// The last in order on top.
    clients: BinaryHeap<ByClientId>,
}

impl First {
    fn new(limit: usize) -> Self {
        Self { limit, clients: BinaryHeap::new() }
    }

    fn takes(&self, client_id: &str) -> bool {
        self.clients.len() < self.limit || self.clients.peek().is_some_and(|last| client_id < last.0.client_id.as_str())
    }

    fn insert(&mut self, client: ClientView) {
        if self.clients.len() >= self.limit {
            self.clients.pop();
        }
        self.clients.push(ByClientId(client));
    }

    fn into_clients(self) -> Vec<ClientView> {
        self.clients.into_iter().map(|ByClientId(client)| client).collect()
    }
}

struct ByClientId(ClientView);

impl PartialEq for ByClientId {
    fn eq(&self, other: &Self) -> bool {
        self.0.client_id == other.0.client_id
    }
}

impl Eq for ByClientId {}

impl PartialOrd for ByClientId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByClientId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.client_id.cmp(&other.0.client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::client;

    #[test]
    fn the_first_in_order_are_kept_however_many_come_and_in_whatever_order() {
        let mut first = First::new(3);
        for n in 0..100 {
            let client_id = format!("{:02}", n * 37 % 100);
            if first.takes(&client_id) {
                first.insert(client(&client_id));
            }
        }
        let mut kept: Vec<_> = first.into_clients().into_iter().map(|client| client.client_id).collect();
        kept.sort();
        assert_eq!(kept, ["00", "01", "02"]);
    }
}
