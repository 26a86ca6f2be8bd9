//! What those who run the frontend ask of a worker while it works.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use auth::Policy;
use auth::authentication::Verdict;
use partition::Owner;
use tokio::io::DuplexStream;

use super::review;
use super::search::{self, Question};
use super::{FromPeer, Worker};
use crate::entrance::Entrance;
use crate::fault::Fault;
use crate::listener;
use crate::listening::ListenError;
use crate::settings::{Limits, Listener};
use crate::spans::SpanSink;
use crate::transport::Transport;

/// Where the one who asked waits.
pub(crate) type Waiter<T> = SyncSender<T>;

pub(crate) enum Request {
    SetLimits(Limits, Waiter<()>),
    SetSpans(Option<SpanSink>),
    /// To the first worker.
    Listen(Listener, Waiter<Result<(), ListenError>>),
    /// To the first worker; answered when the socket is closed.
    Unlisten(Arc<str>, Waiter<Result<(), ListenError>>),
    /// An entrance has been closed: its clients are to go.
    SendAway(Arc<Entrance>),
    /// By listener; to the first worker. All workers answer.
    SetPolicies(Vec<(Arc<str>, Arc<Policy>)>, Waiter<()>),
    /// These entrances have other policies: what their clients may do is to be looked at anew.
    Review(Arc<[Arc<Entrance>]>, Waiter<()>),
    /// What authentication says of a client.
    Verdict(Owner, Verdict),
    /// A connection through memory.
    Enter(DuplexStream, Arc<Entrance>),
    Ask(Question),
    /// The incarnation that the workers speak in has ended.
    BeginAnew,
    /// Values of the broker that have changed: topics and what they are now.
    GiveSys(Arc<[(String, String)]>),
}

impl Worker {
    pub fn on_request(self: &Rc<Self>, request: Request) {
        match request {
            Request::SetLimits(limits, waiter) => {
                self.limits.replace(Rc::new(limits));
                answer(&waiter, ());
            }
            Request::SetSpans(sink) => self.tracer.set_sink(sink),
            Request::Listen(listener, waiter) => answer(&waiter, self.listen(listener)),
            Request::Unlisten(name, waiter) => self.unlisten(name, waiter),
            Request::SendAway(entrance) => {
                self.send_away(Fault::Administrative, |connection| Arc::ptr_eq(&connection.entrance, &entrance));
            }
            Request::SetPolicies(policies, waiter) => self.set_policies(policies, &waiter),
            Request::Review(entrances, waiter) => {
                drop(tokio::task::spawn_local(review::review(Rc::clone(self), entrances, waiter)))
            }
            Request::Verdict(owner, verdict) => {
                // Who has gone does not miss it.
                if let Some(connection) = self.connection(owner).filter(|connection| !connection.is_ending()) {
                    connection.on_verdict(self, verdict);
                }
            }
            Request::Enter(stream, entrance) => {
                let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
                listener::spawn(self, nowhere, entrance, Transport::Memory(stream));
            }
            Request::BeginAnew => self.begin_anew(),
            Request::GiveSys(changed) => self.give_sys(&changed),
            Request::Ask(question) => drop(tokio::task::spawn_local(search::answer(Rc::clone(self), question))),
        }
    }

    fn set_policies(&self, policies: Vec<(Arc<str>, Arc<Policy>)>, waiter: &Waiter<()>) {
        let mut entrances = Vec::new();
        for (name, policy) in policies {
            match self.listening.set_policy(&name, policy) {
                Some(entrance) => entrances.push(entrance),
                None => tracing::warn!(listener = &*name, "there is no such listener to guard"),
            }
        }
        let entrances: Arc<[_]> = entrances.into();
        for peer in &self.peers {
            let request = Request::Review(Arc::clone(&entrances), waiter.clone());
            peer.send_one(FromPeer::Request(Box::new(request)));
        }
    }

    fn unlisten(self: &Rc<Self>, name: Arc<str>, waiter: Waiter<Result<(), ListenError>>) {
        let Some(accepting) = self.listening.take(&name) else {
            return answer(&waiter, Err(ListenError::Unknown(name)));
        };
        let worker = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let entrance = accepting.close().await;
            for peer in &worker.peers {
                peer.send_one(FromPeer::Request(Box::new(Request::SendAway(Arc::clone(&entrance)))));
            }
            answer(&waiter, Ok(()));
        });
    }
}

pub(super) fn answer<T>(waiter: &Waiter<T>, answer: T) {
    // Who no longer waits for it does not miss it.
    let _ = waiter.try_send(answer);
}
