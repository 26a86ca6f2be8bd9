//! Making a connection, and its parts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mqtt::Connect;
use mqtt::client::{Acceptance, Challenge, Received, Settings};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::driver::{Channels, Driver};
use crate::endpoint::Endpoint;
use crate::error::{ConnectError, End, Failed};
use crate::handle::{Client, ORDERS_MAX};
use crate::session::Session;
use crate::transport::{self, Transport};

/// What to say in CONNECT, and how patient to be.
#[derive(Clone)]
pub struct Options {
    pub connect: Connect,
    /// For the transport; the machine's own, in [`Settings`], is for CONNACK.
    pub connect_timeout: Duration,
    /// Messages received and not yet taken; when they are as many, the socket is not read.
    pub message_buffer: usize,
    /// Answers the server's challenges in enhanced authentication; `None` from it ends the connection.
    pub answer: Option<Answer>,
}

/// Answers a challenge with data.
pub type Answer = Arc<dyn Fn(&Challenge) -> Option<Bytes> + Send + Sync>;

impl Options {
    /// Ten seconds for the transport, room for 256 messages, no answer to challenges.
    pub fn new(connect: Connect) -> Self {
        Self { connect, connect_timeout: Duration::from_secs(10), message_buffer: 256, answer: None }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("connect", &self.connect).finish_non_exhaustive()
    }
}

/// A connection that the server accepted.
#[derive(Debug)]
pub struct Connection {
    /// To ask for things with. When the last clone is gone, the connection ends in order.
    pub client: Client,
    /// What the server sends.
    pub messages: Messages,
    /// What the server granted.
    pub accepted: Acceptance,
    /// How it will end.
    pub ending: Ending,
}

/// The messages of one connection, in the order of their receipt.
#[derive(Debug)]
pub struct Messages {
    receiver: mpsc::Receiver<Received>,
}

impl Messages {
    /// The next message; `None` when the connection is over and all are taken. Cancel-safe.
    pub async fn next(&mut self) -> Option<Received> {
        self.receiver.recv().await
    }

    /// A message that is there already.
    pub fn try_next(&mut self) -> Option<Received> {
        self.receiver.try_recv().ok()
    }
}

/// The end of a connection that still stands.
#[derive(Debug)]
pub struct Ending {
    task: JoinHandle<Over>,
}

/// A connection that is over.
#[derive(Debug)]
pub struct Over {
    pub end: End,
    /// What is unfinished, for the next connection.
    pub session: Session,
}

impl Ending {
    /// Waits for the end. Cancel-safe.
    ///
    /// # Panics
    /// If the connection's task did, or if its runtime is gone.
    pub async fn wait(&mut self) -> Over {
        (&mut self.task).await.expect("a connection's task ends by itself")
    }
}

impl Client {
    /// Connects, with a session that has nothing unfinished. The caller's runtime needs its clock and I/O on.
    ///
    /// # Errors
    /// The first layer that failed.
    pub async fn connect(
        endpoint: &Endpoint,
        options: &Options,
        settings: Settings,
    ) -> Result<Connection, ConnectError> {
        Self::resume(endpoint, options, Session::new(settings)).await.map_err(|failed| failed.error)
    }

    /// Connects and goes on with what `session` has unfinished.
    ///
    /// # Errors
    /// The first layer that failed, and the session as it was.
    pub async fn resume(endpoint: &Endpoint, options: &Options, session: Session) -> Result<Connection, Failed> {
        match transport::open(endpoint, options.connect_timeout, &mut |_| ()).await {
            Ok(stream) => Self::over(stream, options, session).await,
            Err(error) => Err(Failed { error, session }),
        }
    }

    /// As `resume`, over a transport that is there.
    ///
    /// # Errors
    /// CONNECT was refused or not answered, and the session as it was.
    pub async fn over(stream: impl Transport, options: &Options, mut session: Session) -> Result<Connection, Failed> {
        let now = tokio::time::Instant::now().into_std();
        if let Err(error) = session.machine.connect(&options.connect, now) {
            return Err(Failed { error: error.into(), session });
        }
        // Full: the driver waits with what it has, and does not read.
        let (message_sender, receiver) = mpsc::channel(options.message_buffer.max(1));
        // Full: whoever asks waits.
        let (publish_sender, publishes) = mpsc::channel(ORDERS_MAX);
        let (order_sender, orders) = mpsc::channel(ORDERS_MAX);
        let (accepted_sender, accepted) = oneshot::channel();
        let channels = Channels { publishes, orders, messages: message_sender };
        let driver = Driver::new(stream, session, channels, options.answer.clone(), accepted_sender);
        let mut ending = Ending { task: tokio::spawn(driver.run()) };
        // Kept until the answer is there: a caller who gives up ends the task with it.
        let client = Client::new(publish_sender, order_sender);
        match accepted.await {
            Ok(accepted) => Ok(Connection { client, messages: Messages { receiver }, accepted, ending }),
            Err(_) => {
                let Over { end, session } = ending.wait().await;
                Err(Failed { error: end.into(), session })
            }
        }
    }
}
