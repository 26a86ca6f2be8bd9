//! `Open`: CONNECT begins or resumes a session, and ends the connection that held it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::{Epoch, PartitionId, PartitionSet, Timestamp};
use crate::command::{Open, SessionKind};
use crate::effect::{Opened, Reply};
use crate::effects::Effects;
use crate::moment::Moment;
use crate::sabotage::{Guard, is_broken};

use super::waiting::Reported;
use super::{Home, Session, StoredWill};

impl Home {
    pub(crate) fn open(&mut self, command: &Open<'_>, at: Moment, out: &mut Effects) {
        let epoch = self.next_epoch();
        let previous = self.take(command.client_id);
        let client_id = previous.as_ref().map_or_else(|| command.client_id.into(), |(id, _)| Arc::clone(id));
        let superseded = previous.map(|(_, previous)| {
            if let Some(owner) = previous.owner.filter(|_| !is_broken(Guard::TakeOver)) {
                // MQTT-3.1.4-3
                out.reply(owner, Reply::Kick { epoch: previous.epoch });
            }
            self.supersede(&client_id, previous, command.clean_start, at.now, out)
        });
        let session_present = matches!(superseded, Some(Previous::Resumed(_)));
        let begun =
            |haunted| Resumed { since: epoch, touched: PartitionSet::default(), haunted, queues: BTreeMap::new() };
        let Resumed { since, touched, haunted, queues } = match superseded {
            Some(Previous::Resumed(resumed)) => resumed,
            Some(Previous::Ended { haunted }) => begun(haunted),
            None => begun(PartitionSet::default()),
        };
        // A session that was persistent stays so until it ends, which an expiry of 0 puts at the end of the connection.
        let is_persistent = session_present || command.session_expiry > 0;
        let kind = if is_persistent { SessionKind::Persistent } else { SessionKind::Transient };
        let mut session = Session {
            epoch,
            since,
            kind,
            owner: Some(command.owner),
            expiry: command.session_expiry,
            ends: None,
            will: command.will.as_ref().map(StoredWill::new),
            will_due: None,
            touched,
            haunted,
            queues,
        };
        self.trim_for_resume(&client_id, &mut session, out);
        out.reply(command.owner, Reply::Opened(Opened { epoch, kind, session_present, touched }));
        self.put(client_id, session);
    }

    /// Decides between resuming and ending what was there, and publishes its will where that is due.
    fn supersede(
        &mut self,
        client_id: &Arc<str>,
        mut previous: Session,
        clean_start: bool,
        now: Timestamp,
        out: &mut Effects,
    ) -> Previous {
        let was_connected = previous.owner.is_some();
        let has_ended = match previous.ends {
            Some(at) => at <= now,
            None => was_connected && previous.expiry == 0,
        };
        // MQTT-3.1.2-4, MQTT-3.1.2-5
        if clean_start || has_ended || previous.kind == SessionKind::Transient {
            self.expired += u64::from(previous.ends.is_some_and(|at| at <= now));
            let haunted = if was_connected { previous.touched } else { PartitionSet::default() };
            self.end(client_id, previous, now, out);
            return Previous::Ended { haunted };
        }
        if let Some(will) = previous.will.take() {
            // MQTT-3.1.3-9: not when the session goes on before the delay has passed.
            let is_due = if was_connected { will.delay == 0 } else { previous.will_due.is_some_and(|at| at <= now) };
            if is_due {
                self.publish_will(client_id, previous.epoch, &will, now, out);
            }
        }
        let Session { since, touched, haunted, queues, .. } = previous;
        Previous::Resumed(Resumed { since, touched, haunted, queues })
    }
}

/// What became of the session that was there.
enum Previous {
    Resumed(Resumed),
    Ended { haunted: PartitionSet },
}

/// What goes on from one connection of a session to the next.
struct Resumed {
    since: Epoch,
    touched: PartitionSet,
    haunted: PartitionSet,
    queues: BTreeMap<PartitionId, Reported>,
}
