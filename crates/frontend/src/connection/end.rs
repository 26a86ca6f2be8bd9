//! The end of a connection, whoever ends it: what the client is still told, and what becomes of its session.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use auth::{PublishPermit, Wanted};
use bytes::BytesMut;
use mqtt::{Disconnect, ProtocolVersion, ReasonCode};
use partition::{Close, Detach, Origin, Publish, Scope, SessionKind};
use tokio::io::ReadBuf;

use super::session::{Inbound, Phase, Session};
use super::{CLOSE_DEADLINE_S, Connection, Flow, LINGER_S, READS_PER_POLL};
use crate::fault::Fault;
use crate::spans::Operation;
use crate::worker::Worker;

/// A DISCONNECT with a reason string takes this many bytes beside the text, at the most.
const DISCONNECT_BYTES: usize = 12;

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The network connection went away.
    Lost,
    /// CONNECT was refused.
    Refused,
    /// The client sent DISCONNECT.
    ByClient { with_will: bool, session_expiry: Option<u32> },
    /// The server ends it.
    ByServer(Fault),
}

impl Connection {
    pub(super) fn on_disconnect(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        inbound: &mut Inbound,
        disconnect: Disconnect,
    ) -> Result<Flow, Fault> {
        let kept = inbound.session.as_ref().is_some_and(|s| s.session_expiry > 0);
        if disconnect.session_expiry.is_some_and(|expiry| expiry > 0) && !kept {
            return Err(Fault::SessionExpiryRaised);
        }
        let session_expiry = disconnect.session_expiry.map(|expiry| expiry.min(inbound.limits.session_expiry));
        // MQTT-3.1.2-10: only reason 0x00 takes the will away.
        let with_will = disconnect.reason != ReasonCode::Success;
        self.end_with(worker, inbound, End::ByClient { with_will, session_expiry });
        Ok(Flow::Next)
    }

    /// Ends the connection because of `fault`, telling the client why as far as its version knows how.
    pub(super) fn fail(self: &Rc<Self>, worker: &Rc<Worker>, inbound: &mut Inbound, fault: Fault) {
        if self.is_ending() {
            return;
        }
        if fault.is_clients() {
            worker.counters.protocol_errors.add(u64::from(matches!(fault, Fault::Packet(_))));
        }
        if fault.is_clients() && !matches!(fault, Fault::Denied(_)) {
            // A denial has its line where it was decided.
            let client_id = inbound.session.as_ref().map_or("", |s| s.client_id());
            tracing::info!(peer = %self.peer, client_id, reason = %fault, "connection closed");
        }
        let may_leave_will = self.abandon_opening(worker, inbound, false);
        match inbound.phase {
            Phase::Open => {
                self.count_denied(fault);
                if inbound.version.is_v5() {
                    self.write_disconnect(worker, fault);
                }
                self.end_with(worker, inbound, End::ByServer(fault));
            }
            // MQTT-3.1.4-1 and -2: before CONNACK, an error is told by CONNACK; no CONNECT, no answer. Nor to one whose will is
            // published where its session home does not hear in time that nobody has the session: who is refused leaves
            // none (MQTT-3.1.2-8), and whose connection just ends may.
            _ if may_leave_will || !is_told_by_connack(fault, inbound.version) => {
                inbound.phase = Phase::AwaitConnect;
                self.end_with(worker, inbound, End::ByServer(fault));
            }
            _ => {
                self.count_denied(fault);
                inbound.phase = Phase::AwaitConnect;
                let reason = fault.connack_reason(inbound.version);
                inbound.end_span(worker, Operation::Connect, None, reason);
                self.refuse(worker, inbound.version, reason);
            }
        }
    }

    fn count_denied(&self, fault: Fault) {
        let category = &self.outbound.borrow().category;
        match fault {
            Fault::Denied(reason) if is_decision(reason) => category.authentication_deny.add(1),
            Fault::Denied(_) => category.authentication_failures.add(1),
            _ => {}
        }
    }

    /// As [`Self::fail`], for those who do not hold `inbound`.
    pub fn kick(self: &Rc<Self>, worker: &Rc<Worker>, fault: Fault) {
        let mut inbound = self.inbound.borrow_mut();
        self.fail(worker, &mut inbound, fault);
    }

    fn write_disconnect(self: &Rc<Self>, worker: &Worker, fault: Fault) {
        self.with_writer(worker, |outbound, writer| {
            let disconnect = Disconnect {
                reason: fault.reason(),
                session_expiry: None,
                // MQTT-3.14.2-3: not if it makes the packet longer than the client takes.
                reason_string: fault.explanation().filter(|text| outbound.may_send(text.len() + DISCONNECT_BYTES)),
                server_reference: None,
            };
            let version = outbound.version;
            outbound.append_if_it_fits(writer, |buffer| mqtt::encode::disconnect(buffer, version, &disconnect));
        });
    }

    /// Ends the connection. The session is closed at once; the task writes what is left and goes.
    pub(super) fn end(self: &Rc<Self>, worker: &Rc<Worker>, end: End) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
            self.cut_at.set(worker.now_s() + CLOSE_DEADLINE_S);
            worker.watch(self, worker.now_s() + CLOSE_DEADLINE_S);
            self.wake();
        }
    }

    fn end_with(self: &Rc<Self>, worker: &Rc<Worker>, inbound: &mut Inbound, end: End) {
        self.end(worker, end);
        inbound.partial = BytesMut::new();
    }

    /// The task's last steps: the last bytes, goodbye at the transport's level, the session's end.
    pub(super) fn poll_end(self: &Rc<Self>, worker: &Rc<Worker>, end: End, cx: &mut Context<'_>) -> Poll<()> {
        self.abandon_opening(worker, &mut self.inbound.borrow_mut(), true);
        self.close_session(worker, end);
        if self.blocked.get() || self.dirty.get() {
            self.write(worker);
        }
        let cut = worker.now_s() >= self.cut_at.get();
        if self.blocked.get() && !cut && end != End::Lost {
            return Poll::Pending;
        }
        if end != End::Lost && !cut && self.poll_goodbye(worker, end, cx).is_pending() {
            return Poll::Pending;
        }
        worker.forget(self);
        Poll::Ready(())
    }

    fn poll_goodbye(&self, worker: &Worker, end: End, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(end, End::ByClient { .. }) && self.transport.borrow().says_goodbye_by_closing() {
            return Poll::Ready(());
        }
        if !self.is_shut.get() {
            // An error is the end as well.
            let _ = ready!(self.transport.borrow_mut().poll_shutdown(cx));
            self.is_shut.set(true);
            let cut_at = self.cut_at.get().min(worker.now_s() + LINGER_S);
            self.cut_at.set(cut_at);
            worker.watch(self, cut_at);
        }
        match end {
            End::Lost | End::ByClient { .. } => Poll::Ready(()),
            End::Refused | End::ByServer(_) => self.poll_linger(worker, end, cx),
        }
    }

    /// Reads and drops what still comes: a socket that is closed with unread bytes in it is reset, which may take our
    /// last packet away from the client before it has read it.
    fn poll_linger(&self, worker: &Worker, end: End, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = worker.read_buffer.borrow_mut();
        for _ in 0..READS_PER_POLL {
            let mut buf = ReadBuf::new(&mut shared);
            match self.transport.borrow_mut().poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                // Nobody waits long for a process that is to end.
                Poll::Pending if end == End::ByServer(Fault::ShuttingDown) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The session home is about to open a session that nobody will have; whether that has a will.
    fn abandon_opening(&self, worker: &Worker, inbound: &mut Inbound, publish_will: bool) -> bool {
        let Some(opening) = inbound.take_opening() else { return false };
        worker.abandon(self.owner, opening.principal.client_id, publish_will);
        opening.connect.will.is_some()
    }

    /// Tells the partitions that the session's connection is gone; once.
    fn close_session(self: &Rc<Self>, worker: &Rc<Worker>, end: End) {
        let mut inbound = self.inbound.borrow_mut();
        inbound.phase = Phase::AwaitConnect;
        let Some(session) = inbound.session.take() else { return };
        drop(inbound);
        if !self.entrance.is_internal() {
            worker.counters.clients.subtract(1);
        }
        let (publish_will, session_expiry) = match end {
            End::ByClient { with_will, session_expiry } => (with_will, session_expiry),
            End::Lost | End::Refused | End::ByServer(_) => (true, None),
        };
        let client_id = session.client_id();
        if session.kind == SessionKind::Persistent {
            for partition in session.touched.get().iter() {
                worker.send(partition, Detach { client_id, epoch: session.epoch });
            }
        }
        let publish_will = publish_will && self.may_leave_will(worker, &session);
        let close = Close { client_id, epoch: session.epoch, session_expiry, publish_will };
        worker.send(session.home, close);
        let left = self.outbound.borrow_mut().take_shared();
        for shared in left {
            worker.give_to_another_member(&shared, client_id);
        }
    }
}

impl Connection {
    /// The will was permitted at CONNECT; the rules may have changed.
    fn may_leave_will(&self, worker: &Worker, session: &Session) -> bool {
        let Some(topic) = session.will.as_deref() else { return true };
        let allowed = session.grant.borrow_mut().rights.publish(topic).is_ok();
        if !allowed {
            session.category.authorization_deny.add(1);
            tracing::info!(client_id = session.client_id(), topic, "will not published: not allowed any more");
            let why = "the rules have changed since CONNECT";
            self.report(worker, &session.principal, Wanted::Will(topic.into()), why);
        }
        allowed
    }
}

/// Whether a denial says something about the client, rather than that nothing could be found out.
fn is_decision(reason: ReasonCode) -> bool {
    !matches!(
        reason,
        ReasonCode::UnspecifiedError
            | ReasonCode::ImplementationSpecificError
            | ReasonCode::ServerUnavailable
            | ReasonCode::ServerBusy
    )
}

/// Before MQTT 5, CONNACK has codes for a few reasons only (MQTT-3.2.2-6); on others the connection is just closed.
fn is_told_by_connack(fault: Fault, version: ProtocolVersion) -> bool {
    let told_before_v5 = || {
        matches!(
            fault.reason(),
            ReasonCode::UnsupportedProtocolVersion
                | ReasonCode::ClientIdentifierNotValid
                | ReasonCode::ServerUnavailable
                | ReasonCode::BadUserNameOrPassword
                | ReasonCode::NotAuthorized
        )
    };
    !matches!(fault, Fault::NotConnect | Fault::ConnectDeadline)
        && (version.is_v5() || matches!(fault, Fault::Denied(_)) || told_before_v5())
}

impl Worker {
    /// A message for a shared subscription that its member did not acknowledge goes to another member (MQTT 5, 4.8.2).
    pub fn give_to_another_member(&self, shared: &crate::outbound::Shared, from: &str) {
        let Ok(mut message) = partition::Message::parse(&shared.body) else { return };
        message.qos = shared.qos;
        let publish = Publish {
            reply: None,
            origin: Origin::Redelivery { share: &shared.share, from },
            scope: Scope::Everyone,
            message,
        };
        self.send_publish(self.home_of_topic(message.topic), PublishPermit::broker(message.topic), publish, &[]);
    }
}
