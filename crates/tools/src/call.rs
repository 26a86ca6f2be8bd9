//! A tool's connection: made, watched and ended the same way by all of them.

use std::process::ExitCode;

use client::{Client, Connection, End, Ending, Options, Session};
use mqtt::client::Settings;
use mqtt::{Disconnect, ProtocolVersion};

use crate::connection::{self, Command, Greeting, PropertySet, Target};
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// What is known before the first byte.
#[derive(Debug)]
pub(crate) struct Call {
    pub console: Console,
    pub target: Target,
    pub properties: PropertySet,
    pub options: Options,
    disconnect: Disconnect,
}

impl Call {
    /// `allowed` are the packets that properties may be given for.
    ///
    /// # Errors
    /// Flags that do not go together, files that cannot be used.
    pub fn of(flags: &connection::Connection, tool: &str, allowed: &[Command]) -> Result<Self, Failure> {
        let properties = PropertySet::of(&flags.properties, allowed)?;
        let target = Target::of(flags)?;
        let Greeting { connect, disconnect } = Greeting::of(flags, &target, &properties, tool)?;
        Ok(Self { console: Console::of(flags), target, properties, options: Options::new(connect), disconnect })
    }

    pub fn version(&self) -> ProtocolVersion {
        self.options.connect.version
    }

    /// Where it goes, for a sentence.
    pub fn place(&self) -> String {
        self.target.endpoint.to_string()
    }

    /// Connects and goes on with a session.
    ///
    /// # Errors
    /// No connection, and the session as it was.
    pub async fn connect(&self, session: Session) -> Result<Connection, (client::ConnectError, Session)> {
        let endpoint = &self.target.endpoint;
        self.console.debug(format_args!("connecting to {endpoint} as {}", self.options.connect.client_id));
        let connection =
            Client::resume(endpoint, &self.options, session).await.map_err(|failed| (failed.error, failed.session))?;
        let accepted = &connection.accepted;
        self.console.debug(format_args!(
            "connected as {}: session {}, keep alive {} s, {:?}",
            accepted.client_id,
            if accepted.session_present { "resumed" } else { "new" },
            accepted.keep_alive,
            accepted.limits,
        ));
        Ok(connection)
    }

    /// Connects, unless it is interrupted first.
    ///
    /// # Errors
    /// No connection; Ctrl-C.
    pub async fn connect_once(&self, settings: Settings, interrupt: &mut Interrupt) -> Result<Connection, Failure> {
        tokio::select! {
            made = self.connect(Session::new(settings)) => {
                made.map_err(|(error, _)| Failure::connect(&error, &self.place(), self.version()))
            }
            () = interrupt.wait() => Err(Failure::interrupted("interrupted while connecting")),
        }
    }

    /// Ends the connection in order.
    ///
    /// # Errors
    /// It broke before DISCONNECT was sent, so that what was sent last may be lost.
    pub async fn hang_up(&self, client: Client, ending: &mut Ending) -> Result<(), Failure> {
        self.console.debug("disconnecting");
        client.disconnect(self.disconnect.clone()).await;
        match ending.wait().await.end {
            End::Protocol(mqtt::client::End::ByClient) => Ok(()),
            end => Err(Failure::ended(&end, &self.place())),
        }
    }
}

/// Does a tool's work on a runtime of its own. One thread carries the connection, so that it lives on while the tool
/// waits for standard input or output.
pub(crate) fn run(console: Console, work: impl AsyncFnOnce(Interrupt) -> Result<(), Failure>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return Failure::general(format!("cannot start: {e}")).tell(console),
    };
    let done = runtime.block_on(async {
        let interrupt = Interrupt::new().map_err(|e| Failure::general(format!("cannot listen for Ctrl-C: {e}")))?;
        work(interrupt).await
    });
    // A read of standard input may never come back.
    runtime.shutdown_background();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(console),
    }
}
