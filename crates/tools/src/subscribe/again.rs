//! Whether a connection that is over is made anew, and after which pause.

use std::time::Duration;

use client::{ConnectError, End};
use mqtt::ReasonCode;

use crate::call::Call;
use crate::failure::Failure;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

pub(super) struct Again<'a> {
    call: &'a Call,
    state: State,
}

enum State {
    /// A first connection that does not come about is a mistake somewhere.
    Never,
    Connected,
    /// Failed to come back; the next pause.
    Failing(Duration),
}

impl<'a> Again<'a> {
    pub fn new(call: &'a Call) -> Self {
        Self { call, state: State::Never }
    }

    /// The pause after a connection that did not come about.
    ///
    /// # Errors
    /// Another try would not help.
    pub fn after_failure(&mut self, error: &ConnectError) -> Result<Duration, Failure> {
        let failure = Failure::connect(error, &self.call.place(), self.call.version());
        let pause = match (&self.state, error) {
            (State::Never, _) => return Err(failure),
            (_, ConnectError::Ended(End::Protocol(mqtt::client::End::Refused { reason, .. }))) if !passes(*reason) => {
                return Err(failure);
            }
            (State::Connected, _) => FIRST_PAUSE,
            (State::Failing(pause), _) => *pause,
        };
        self.state = State::Failing((pause * 2).min(LONGEST_PAUSE));
        self.tell(&failure, pause);
        Ok(pause)
    }

    /// The pause after a connection that ended.
    ///
    /// # Errors
    /// The broker does not want another one.
    pub fn after_end(&mut self, end: &End) -> Result<Duration, Failure> {
        self.state = State::Connected;
        let failure = Failure::ended(end, &self.call.place());
        match end {
            End::Protocol(mqtt::client::End::ByServer(packet)) if !passes(packet.reason) => return Err(failure),
            End::Protocol(mqtt::client::End::Breach(_)) | End::Unanswered => return Err(failure),
            _ => {}
        }
        self.tell(&failure, FIRST_PAUSE);
        Ok(FIRST_PAUSE)
    }

    fn tell(&self, failure: &Failure, pause: Duration) {
        self.call.console.warning(format_args!("{}; trying again in {} s", failure.text, pause.as_secs()));
    }
}

/// Whether a server that gives this reason may have another mind later.
fn passes(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::Success
            | ReasonCode::UnspecifiedError
            | ReasonCode::ServerUnavailable
            | ReasonCode::ServerBusy
            | ReasonCode::ServerShuttingDown
            | ReasonCode::KeepAliveTimeout
            | ReasonCode::QuotaExceeded
            | ReasonCode::ConnectionRateExceeded
            | ReasonCode::MaximumConnectTime
    )
}
