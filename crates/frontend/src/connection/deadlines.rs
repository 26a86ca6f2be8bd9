//! What a client may take its time for: CONNECT, the next packet, its last bytes.

use std::rc::Rc;

use super::session::Phase;
use super::{CLOSE_DEADLINE_S, CONNECT_DEADLINE_S, Connection, UNTAKEN_BYTES};
use crate::fault::Fault;
use crate::worker::Worker;

impl Connection {
    /// Whether the client has let more pass than the protocol or we allow; called by the worker's wheel.
    ///
    /// Returns the second in which to look again.
    pub fn check_deadlines(self: &Rc<Self>, worker: &Rc<Worker>) -> u64 {
        let now = worker.now_s();
        if self.is_ending() {
            if now >= self.cut_at.get() {
                self.wake();
            }
            return self.cut_at.get().max(now + 1);
        }
        let mut inbound = self.inbound.borrow_mut();
        let Some(session) = inbound.session.clone() else {
            if now >= inbound.since_s + CONNECT_DEADLINE_S {
                let ours = matches!(inbound.phase, Phase::Authenticating(_) | Phase::Opening(_));
                let fault = if ours { Fault::Unavailable } else { Fault::ConnectDeadline };
                self.fail(worker, &mut inbound, fault);
            }
            return (inbound.since_s + CONNECT_DEADLINE_S).max(now + 1);
        };
        let expiry = self.expiry_s(worker);
        if expiry.is_some_and(|expiry| now >= expiry) {
            self.fail(worker, &mut inbound, Fault::Expired);
            return now + CLOSE_DEADLINE_S;
        }
        let look_again = expiry.unwrap_or(u64::MAX);
        let Some(grace) = session.keep_alive_grace_s() else { return look_again.min(now + 3600) };
        // What we do not read we cannot have heard.
        let held_back =
            self.stalled.get() || self.outbound.borrow().outbox.len() > UNTAKEN_BYTES && !self.blocked.get();
        if held_back {
            self.last_heard.set(now);
        }
        let late_at = self.last_heard.get() + grace;
        if now >= late_at {
            worker.counters.keep_alive_timeouts.add(1);
            self.fail(worker, &mut inbound, Fault::KeepAlive);
            return now + CLOSE_DEADLINE_S;
        }
        late_at.min(look_again)
    }

    /// Second of the worker in which the client's credential ends, by the system's clock as it is now.
    pub(super) fn expiry_s(&self, worker: &Worker) -> Option<u64> {
        let end = self.session()?.grant.borrow().credential.as_ref()?.ends?;
        Some(worker.now_s() + end.0.saturating_sub(worker.now().0).div_ceil(1000))
    }
}
