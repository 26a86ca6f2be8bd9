//! `Release`: PUBREL of an incoming QoS 2 publish; and the mark that it removes.

use crate::command::{ExactlyOnce, Release, SessionKind};
use crate::effect::Reply;
use crate::effects::Effects;
use crate::moment::Moment;
use crate::sabotage::{Guard, is_broken};

use super::{Admission, Topics};

/// What an incoming QoS 2 publish is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    First,
    /// Not to be published again (MQTT-4.3.3-10).
    Repeat,
    Refused(crate::address::Epoch),
}

impl Topics {
    pub(crate) fn release(&mut self, command: &Release<'_>, at: Moment, out: &mut Effects) {
        let found = match self.admit(command.client_id, command.epoch, at, out) {
            Admission::Refused(epoch) => {
                return out.reply(command.owner, Reply::Refused { tag: command.tag, epoch });
            }
            Admission::Unknown => false,
            Admission::Known(slot) => match self.sessions.get_mut(slot) {
                Some(session) => {
                    let found = session.incoming.binary_search(&command.packet_id);
                    found.map(|at| session.incoming.remove(at)).is_ok()
                }
                None => false,
            },
        };
        out.reply(command.owner, Reply::Released { tag: command.tag, found });
    }

    /// Remembers a QoS 2 publish of a persistent session until it is released.
    pub(super) fn arrive(&mut self, client_id: &str, once: ExactlyOnce, at: Moment, out: &mut Effects) -> Arrival {
        let slot = match self.admit(client_id, once.epoch, at, out) {
            Admission::Known(slot) => slot,
            Admission::Unknown => self.new_session(client_id, once.epoch, SessionKind::Persistent),
            Admission::Refused(epoch) => return Arrival::Refused(epoch),
        };
        let Some(session) = self.sessions.get_mut(slot) else { return Arrival::First };
        match session.incoming.binary_search(&once.packet_id) {
            Ok(_) if !is_broken(Guard::ExactlyOnce) => Arrival::Repeat,
            Ok(_) => Arrival::First,
            Err(at) => {
                session.incoming.insert(at, once.packet_id);
                Arrival::First
            }
        }
    }
}
