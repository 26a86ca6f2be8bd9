//! Publishes whose answers are waited for.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use client::{Pending, RequestFailed};
use mqtt::ReasonCode;
use tokio::time::Instant;

use crate::ledger::Refusal;
use crate::refusal::judge;

/// How long a server may take to acknowledge a publish on a connection that stands.
pub(super) const ACKNOWLEDGEMENT: Duration = Duration::from_secs(60);

type Outcome = Result<ReasonCode, RequestFailed>;

/// What became of a publish.
pub(super) struct Answer {
    pub number: u64,
    pub outcome: Outcome,
    /// When it was sent.
    pub sent: Instant,
}

/// Publishes of one errand, in their order; the first is looked at alone, because a server answers in order
/// (MQTT-4.6.0-2) and messages are acknowledged in order.
#[derive(Default)]
pub(super) struct Sent {
    publishes: VecDeque<Publish>,
    /// Since when the first is the first on a connection that stands.
    since: Option<Instant>,
}

struct Publish {
    number: u64,
    sent: Instant,
    stage: Stage,
}

enum Stage {
    Waiting(Pending),
    /// `None` when it has been handed on.
    Answered(Option<Outcome>),
}

impl Publish {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<&mut Option<Outcome>> {
        if let Stage::Waiting(pending) = &mut self.stage
            && let Poll::Ready(outcome) = Pin::new(pending).poll(cx)
        {
            self.stage = Stage::Answered(Some(outcome));
        }
        match &mut self.stage {
            Stage::Waiting(_) => Poll::Pending,
            Stage::Answered(outcome) => Poll::Ready(outcome),
        }
    }
}

impl Sent {
    pub fn push(&mut self, number: u64, pending: Pending, now: Instant) {
        if self.publishes.is_empty() {
            self.since = Some(now);
        }
        self.publishes.push_back(Publish { number, sent: now, stage: Stage::Waiting(pending) });
    }

    /// The answer to the first. Cancel-safe.
    pub async fn first(&mut self) -> Answer {
        poll_fn(|cx| self.poll_first(cx)).await
    }

    /// The answer to the first, if it is there.
    pub fn first_now(&mut self) -> Option<Answer> {
        match self.poll_first(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let Some(first) = self.publishes.front_mut() else { return Poll::Pending };
        let (number, sent) = (first.number, first.sent);
        let Poll::Ready(outcome) = first.poll(cx) else { return Poll::Pending };
        let Some(outcome) = outcome.take() else { return Poll::Pending };
        self.publishes.pop_front();
        self.since = None;
        Poll::Ready(Answer { number, outcome, sent })
    }

    /// Takes out those that were never sent, wherever they are. When a connection is over, what was handed to it and not
    /// yet taken stands behind what goes on over the next one; it has to be known before more is sent.
    pub fn unsent(&mut self) -> Vec<u64> {
        let mut unsent = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        self.publishes.retain_mut(|publish| {
            let is_unsent = matches!(
                publish.poll(&mut cx),
                Poll::Ready(Some(Err(failed))) if judge(failed) == Refusal::Unsent
            );
            if is_unsent {
                unsent.push(publish.number);
            }
            !is_unsent
        });
        unsent
    }

    /// Those whose answers are not there.
    pub fn unanswered(&mut self) -> Vec<u64> {
        let mut cx = Context::from_waker(Waker::noop());
        let unanswered = self.publishes.iter_mut().filter_map(|publish| {
            let is_answered = publish.poll(&mut cx).is_ready();
            (!is_answered).then_some(publish.number)
        });
        unanswered.collect()
    }

    /// Takes those out.
    pub fn drop_unanswered(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        self.publishes.retain_mut(|publish| publish.poll(&mut cx).is_ready());
    }

    pub fn is_empty(&self) -> bool {
        self.publishes.is_empty()
    }

    /// The connection is new, and has kept nobody waiting.
    pub fn restart_clock(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// Looked at now and then: whether the first waits too long.
    pub fn is_late(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        !self.publishes.is_empty() && now - since > ACKNOWLEDGEMENT
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use client::{Client, Options, Session};
    use mqtt::client::{Message, Settings};
    use mqtt::{ConnAck, Connect, ProtocolVersion, QoS, encode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// The machine takes two messages and sends them; the others wait before it when the connection breaks.
    #[tokio::test]
    async fn what_was_never_sent_is_told_from_what_was() {
        let (near, mut far) = tokio::io::duplex(4096);
        let server = tokio::spawn(async move {
            let mut out = BytesMut::new();
            encode::connack(&mut out, ProtocolVersion::V5, &ConnAck::default());
            far.write_all(&out).await.unwrap();
            let mut input = Vec::new();
            while !input.windows(3).any(|bytes| bytes == b"two") {
                assert!(far.read_buf(&mut input).await.unwrap() > 0);
            }
        });
        let session = Session::new(Settings { queue_messages: 2, ..Settings::default() });
        let options = Options::new(Connect::new(ProtocolVersion::V5, "a"));
        let mut connection = Client::over(near, &options, session).await.unwrap();
        let (mut sent, now) = (Sent::default(), Instant::now());
        for (number, payload) in (1..).zip(["one", "two", "three", "four"]) {
            let message = Message { qos: QoS::AtLeastOnce, ..Message::new("t", payload) };
            sent.push(number, connection.client.submit(message).await.unwrap(), now);
        }
        assert!(sent.unsent().is_empty());
        server.await.unwrap();
        let over = connection.ending.wait().await;
        assert!(sent.first_now().is_none());
        assert_eq!(sent.unsent(), [3, 4]);
        // With its session gone, the rest is as good as never sent.
        assert_eq!(sent.unanswered(), [1, 2]);
        drop(over);
        assert_eq!(sent.unsent(), [1, 2]);
        assert!(sent.is_empty());
    }

    /// A connection whose server has stopped answering: nothing pending is ever complete.
    #[tokio::test]
    async fn the_first_is_late_after_a_minute_without_any_answer() {
        let (near, mut far) = tokio::io::duplex(4096);
        let mut out = BytesMut::new();
        encode::connack(&mut out, ProtocolVersion::V5, &ConnAck::default());
        far.write_all(&out).await.unwrap();
        let options = Options::new(Connect::new(ProtocolVersion::V5, "a"));
        let connection = Client::over(near, &options, Session::new(Settings::default())).await.unwrap();
        let (mut sent, begin) = (Sent::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        // Nobody waits.
        assert!(!sent.is_late(at(0)) && !sent.is_late(at(1000)));
        for (number, now) in [(1, at(1000)), (2, at(1050))] {
            let message = Message { qos: QoS::AtLeastOnce, ..Message::new("t", "x") };
            sent.push(number, connection.client.submit(message).await.unwrap(), now);
        }
        assert!(!sent.is_late(at(1060)) && sent.is_late(at(1061)));
        // A new connection has kept nobody waiting.
        sent.restart_clock(at(1061));
        assert!(!sent.is_late(at(1121)) && sent.is_late(at(1122)));
        // An answer to the first begins the wait for the second. Behind CONNECT: fixed header, topic, identifier.
        let mut input = vec![0; 2];
        far.read_exact(&mut input).await.unwrap();
        input.resize(usize::from(input[1]) + 7, 0);
        far.read_exact(&mut input).await.unwrap();
        far.write_all(&[0x40, 2, input[input.len() - 2], input[input.len() - 1]]).await.unwrap();
        assert_eq!(sent.first().await.number, 1);
        assert!(!sent.is_late(at(2000)) && !sent.is_late(at(2060)) && sent.is_late(at(2061)));
    }
}
