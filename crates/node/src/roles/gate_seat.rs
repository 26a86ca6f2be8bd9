//! The place where it is found out who clients are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use auth::authentication::{Counters, Gate, GateSettings, GateThread, LimiterSettings};
use config::Plan;

/// For one client, over all methods: longer than a server of a BrokerAuthentication may be given (`timeoutSeconds`, 10 at the
/// most), shorter than a client has from its connection to CONNACK, so that it hears why there is none.
const DEADLINE: Duration = Duration::from_secs(12);

/// The gate and its thread.
pub(super) struct GateSeat {
    gate: Gate,
    /// Ends the thread when dropped.
    _thread: GateThread,
}

impl GateSeat {
    /// Starts its thread.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(super) fn start(plan: &Plan, counters: &Arc<Counters>) -> io::Result<Self> {
        let settings = GateSettings { deadline: DEADLINE, limiter: limiter(plan), ..GateSettings::default() };
        let (gate, thread) = Gate::start(&settings, counters)?;
        Ok(Self { gate, _thread: thread })
    }

    pub(super) fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Goes by the bounds of `plan` from now on.
    pub(super) fn set(&self, plan: &Plan) {
        self.gate.set_limiter(limiter(plan));
    }
}

fn limiter(plan: &Plan) -> LimiterSettings {
    LimiterSettings { tries: plan.failed_logins_per_address, ..LimiterSettings::default() }
}
