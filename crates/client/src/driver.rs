//! The task of a connection: carries bytes, orders and events between transport, machine and callers.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use mqtt::Disconnect;
use mqtt::client::{Acceptance, Challenge, Event, Held, NotTaken, Received, Taken};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

use crate::connection::{Answer, Over};
use crate::error::{End, RequestFailed};
use crate::handle::{Order, PublishOrder, Waiter};
use crate::session::Session;
use crate::transport::Transport;

/// The least room for a read.
const READ_BYTES: usize = 16 * 1024;
/// Orders taken at once.
const ORDERS_AT_ONCE: usize = 64;
/// How long the last bytes of a connection may take.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long a server may take to close after DISCONNECT, before it is closed over its head.
const FAREWELL: Duration = Duration::from_millis(500);
/// The most that is read of a server behind a failed write.
const LAST_WORDS_BYTES: usize = 64 * 1024;
/// A timer that is never due.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Where orders come from and messages go.
pub(crate) struct Channels {
    pub publishes: mpsc::Receiver<PublishOrder>,
    pub orders: mpsc::Receiver<Order>,
    pub messages: mpsc::Sender<Received>,
}

/// Bytes on their way.
struct Wire<T> {
    reader: ReadHalf<T>,
    writer: WriteHalf<T>,
    input: BytesMut,
    /// Whether `input` holds something the machine has not seen.
    fresh: Fresh,
    output: Bytes,
    flushed: Flushed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fresh {
    Yes,
    No,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flushed {
    Yes,
    No,
}

/// Who waits for what the machine reports only once.
struct Waiting {
    accepted: Option<oneshot::Sender<Acceptance>>,
    reauthenticated: Option<Waiter<Challenge>>,
}

/// A connection that is to end when what can be sent is sent.
struct Leaving {
    packet: Disconnect,
    until: Instant,
}

pub(crate) struct Driver<T> {
    wire: Wire<T>,
    session: Session,
    channels: Channels,
    /// Taken from the channel, not yet by the machine.
    publishes: VecDeque<PublishOrder>,
    held: Held,
    timer: Pin<Box<Sleep>>,
    waiting: Waiting,
    answer: Option<Answer>,
    leaving: Option<Leaving>,
    end: Option<End>,
}

/// What a wait ended with.
enum Happened {
    Read(io::Result<usize>),
    /// Bytes written; 0 for a flush.
    Written(io::Result<usize>),
    Orders(Vec<Order>),
    Publishes(Vec<PublishOrder>),
    Room,
    Due,
}

impl<T: Transport> Driver<T> {
    pub fn new(
        stream: T,
        session: Session,
        channels: Channels,
        answer: Option<Answer>,
        accepted: oneshot::Sender<Acceptance>,
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (input, output) = (BytesMut::new(), Bytes::new());
        Self {
            wire: Wire { reader, writer, input, fresh: Fresh::No, output, flushed: Flushed::Yes },
            session,
            channels,
            publishes: VecDeque::new(),
            held: Held::No,
            timer: Box::pin(sleep_until(Instant::now() + NEVER)),
            waiting: Waiting { accepted: Some(accepted), reauthenticated: None },
            answer,
            leaving: None,
            end: None,
        }
    }

    /// Drives the connection to its end.
    pub async fn run(mut self) -> Over {
        let end = loop {
            self.settle();
            if let Some(end) = self.end.take() {
                break end;
            }
            self.turn().await;
        };
        let Self { wire, mut session, .. } = self;
        wire.close(&mut session, &end).await;
        Over { end, session }
    }

    /// Lets the machine do all it can with what is there.
    fn settle(&mut self) {
        let now = Instant::now().into_std();
        loop {
            if self.wire.fresh == Fresh::Yes && self.session.untaken.is_empty() {
                let taken = self.session.machine.receive(&mut self.wire.input, now);
                self.wire.fresh = if taken == Taken::Rest { Fresh::Yes } else { Fresh::No };
            }
            self.hand_over_publishes();
            if self.wire.output.is_empty() {
                self.wire.output = self.session.machine.output(now);
            }
            self.leave_if_done();
            let mut happened = false;
            while let Some(event) = self.session.machine.event() {
                happened = true;
                self.event(event);
            }
            self.deliver();
            if !happened {
                break;
            }
        }
        let held = if self.session.untaken.is_empty() { Held::No } else { Held::Yes };
        if held != self.held {
            self.held = held;
            self.session.machine.hold(held, now);
        }
    }

    fn hand_over_publishes(&mut self) {
        while self.session.machine.has_room() {
            let Some(order) = self.publishes.pop_front() else { return };
            self.session.publish(order);
        }
    }

    /// Sends DISCONNECT when nothing is left that goes out without the server's doing, or when that takes too long.
    fn leave_if_done(&mut self) {
        let Some(Leaving { until, .. }) = &self.leaving else { return };
        let done = self.wire.output.is_empty() && self.publishes.is_empty();
        if !done && Instant::now() < *until {
            return;
        }
        if let Some(Leaving { packet, .. }) = self.leaving.take() {
            let plain = Disconnect { session_expiry: None, ..packet.clone() };
            let machine = &mut self.session.machine;
            // One that asks for a session it cannot have says at least good-bye.
            machine.disconnect(&packet).or_else(|_| machine.disconnect(&plain)).ok();
        }
    }

    fn event(&mut self, event: Event) {
        match self.session.complete(event) {
            Some(Event::Connected(accepted)) => {
                if let Some(waiter) = self.waiting.accepted.take() {
                    waiter.send(*accepted).ok();
                }
            }
            Some(Event::Message(received)) => self.session.untaken.push_back(*received),
            Some(Event::Challenged(challenge)) => self.challenged(&challenge),
            Some(Event::Reauthenticated(challenge)) => {
                if let Some(waiter) = self.waiting.reauthenticated.take() {
                    waiter.send(Ok(challenge)).ok();
                }
            }
            Some(Event::Ended(end)) => {
                self.end.get_or_insert(end.into());
            }
            Some(Event::Published { .. } | Event::Subscribed { .. } | Event::Unsubscribed { .. }) | None => {}
        }
    }

    fn challenged(&mut self, challenge: &Challenge) {
        let now = Instant::now().into_std();
        if self.answer.is_none()
            && let Some(waiter) = self.waiting.reauthenticated.take()
        {
            waiter.send(Err(RequestFailed::Challenged)).ok();
            return;
        }
        let data = self.answer.as_ref().and_then(|answer| answer(challenge));
        if data.is_none() || self.session.machine.authenticate(data, now).is_err() {
            self.end = Some(End::Unanswered);
            self.session.machine.disconnect(&Disconnect::default()).ok();
        }
    }

    /// Passes messages on as far as there is room. Without a taker they are dropped, unacknowledged.
    fn deliver(&mut self) {
        while let Some(received) = self.session.untaken.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(received)) = self.channels.messages.try_send(received) {
                self.session.untaken.push_front(received);
                return;
            }
        }
    }

    async fn turn(&mut self) {
        self.set_timer();
        match self.wait().await {
            Happened::Read(Ok(0)) => self.session.machine.closed(),
            Happened::Read(Ok(_)) => self.wire.fresh = Fresh::Yes,
            Happened::Written(Ok(len)) => {
                self.wire.flushed = if self.wire.output.is_empty() { Flushed::Yes } else { Flushed::No };
                self.wire.output.advance(len);
            }
            Happened::Read(Err(error)) | Happened::Written(Err(error)) => self.broken(error).await,
            Happened::Publishes(orders) if orders.is_empty() => self.deserted(),
            Happened::Publishes(orders) => self.publishes.extend(orders),
            Happened::Orders(orders) if orders.is_empty() => self.deserted(),
            Happened::Orders(orders) => orders.into_iter().for_each(|order| self.order(order)),
            Happened::Room => {}
            Happened::Due => self.session.machine.elapsed(Instant::now().into_std()),
        }
    }

    /// Waits for the next thing to happen. Every branch is cancel-safe: what is not returned has not happened.
    async fn wait(&mut self) -> Happened {
        let Self { wire, session, channels, publishes, timer, leaving, .. } = self;
        let held = !session.untaken.is_empty();
        let takes_publishes = publishes.is_empty() && session.machine.has_room();
        let writes = !wire.output.is_empty() || wire.flushed == Flushed::No;
        let (mut orders, mut more) = (Vec::new(), Vec::new());
        if !held {
            // Doubling keeps large packets from being copied over and over.
            wire.input.reserve(READ_BYTES.max(wire.input.len()));
        }
        tokio::select! {
            read = wire.reader.read_buf(&mut wire.input), if !held => Happened::Read(read),
            written = write_or_flush(&mut wire.writer, &wire.output), if writes => Happened::Written(written),
            _ = channels.orders.recv_many(&mut orders, ORDERS_AT_ONCE), if leaving.is_none() => {
                Happened::Orders(orders)
            }
            _ = channels.publishes.recv_many(&mut more, ORDERS_AT_ONCE), if takes_publishes && leaving.is_none() => {
                Happened::Publishes(more)
            }
            _ = channels.messages.reserve(), if held => Happened::Room,
            () = timer.as_mut() => Happened::Due,
        }
    }

    /// Moves the timer to an earlier deadline only; one that became later shows when it fires.
    fn set_timer(&mut self) {
        let leaving = self.leaving.as_ref().map(|leaving| leaving.until);
        let machine = self.session.machine.deadline().map(Instant::from_std);
        let deadline = [leaving, machine].into_iter().flatten().min();
        let deadline = deadline.unwrap_or_else(|| Instant::now() + NEVER);
        if self.timer.is_elapsed() || deadline < self.timer.deadline() {
            self.timer.as_mut().reset(deadline);
        }
    }

    fn order(&mut self, order: Order) {
        match self.session.filters(order) {
            Some(Order::Acknowledge(receipt, reason)) => {
                self.session.machine.acknowledge(receipt, reason);
            }
            Some(Order::Reauthenticate(data, waiter)) => match self.reauthenticate(data) {
                Ok(()) => self.waiting.reauthenticated = Some(waiter),
                Err(not_taken) => {
                    waiter.send(Err(not_taken.into())).ok();
                }
            },
            Some(Order::Disconnect(packet)) => self.leave(packet),
            Some(Order::Subscribe(..) | Order::Unsubscribe(..)) | None => {}
        }
    }

    /// Begins an exchange, or answers the challenge that the last one was left with.
    fn reauthenticate(&mut self, data: Option<Bytes>) -> Result<(), NotTaken> {
        let machine = &mut self.session.machine;
        match machine.reauthenticate(data.clone()) {
            Err(NotTaken::NotDue) => machine.authenticate(data, Instant::now().into_std()),
            taken => taken,
        }
    }

    /// Nobody is left who could ask for anything; how to end may have been the last thing somebody said.
    fn deserted(&mut self) {
        while let Ok(order) = self.channels.orders.try_recv() {
            self.order(order);
        }
        self.leave(Disconnect::default());
    }

    /// Begins to end the connection: what was handed over before goes out first.
    fn leave(&mut self, packet: Disconnect) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(Leaving { packet, until: Instant::now() + LAST_WORDS });
        while let Ok(order) = self.channels.publishes.try_recv() {
            self.publishes.push_back(order);
        }
        while let Ok(order) = self.channels.orders.try_recv() {
            self.order(order);
        }
    }

    /// The transport failed, perhaps behind a server's last words, which say why.
    async fn broken(&mut self, error: io::Error) {
        let Wire { reader, input, .. } = &mut self.wire;
        let rest =
            async { while input.len() < LAST_WORDS_BYTES && reader.read_buf(input).await.is_ok_and(|len| len > 0) {} };
        timeout(FAREWELL, rest).await.ok();
        let Self { wire, session, .. } = self;
        session.machine.receive(&mut wire.input, Instant::now().into_std());
        while let Some(event) = self.session.machine.event() {
            self.event(event);
        }
        self.end.get_or_insert(End::Transport(error));
        self.session.machine.closed();
    }
}

/// Writes some bytes, or flushes when there are none. Cancel-safe: either is done or not begun.
async fn write_or_flush(writer: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) -> io::Result<usize> {
    match bytes {
        [] => writer.flush().await.map(|()| 0),
        bytes => match writer.write(bytes).await {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            written => written,
        },
    }
}

impl<T: Transport> Wire<T> {
    /// Sends what is left and closes, each in bounded time.
    async fn close(mut self, session: &mut Session, end: &End) {
        let until = Instant::now() + LAST_WORDS;
        if !matches!(end, End::Transport(_) | End::Protocol(mqtt::client::End::KeepAlive | mqtt::client::End::Closed)) {
            let last = session.machine.output(Instant::now().into_std());
            let words = async {
                self.writer.write_all(&self.output).await?;
                self.writer.write_all(&last).await?;
                self.writer.flush().await
            };
            if !matches!(timeout_at(until, words).await, Ok(Ok(()))) {
                return;
            }
        }
        timeout_at(until, self.writer.shutdown()).await.ok();
        if matches!(end, End::Protocol(mqtt::client::End::ByClient)) {
            // Closing on bytes that are not read would make the other side lose the last words.
            let rest = async {
                self.input.clear();
                while self.reader.read_buf(&mut self.input).await.is_ok_and(|len| len > 0) {
                    self.input.clear();
                }
            };
            timeout(FAREWELL, rest).await.ok();
        }
    }
}
