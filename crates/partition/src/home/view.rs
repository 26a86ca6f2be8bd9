//! What is read of the session records.

use std::ops::Bound;
use std::sync::Arc;

use crate::view::{SLICE, SessionRecord, Slice};

use super::{Home, Session};

impl Home {
    pub(crate) fn list(
        &self,
        after: Option<&str>,
        prefix: &str,
        limit: usize,
        wanted: impl Fn(&SessionRecord) -> bool,
    ) -> Slice<SessionRecord> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut slice = Slice::default();
        let sessions = self.sessions.range::<str, _>((from, Bound::Unbounded));
        let sessions = sessions.take_while(|(client_id, _)| client_id.starts_with(prefix));
        for (looked, (client_id, session)) in sessions.enumerate() {
            if looked == SLICE || slice.items.len() == limit {
                return slice;
            }
            slice.more = Some(Arc::clone(client_id));
            slice.items.extend(Some(session.record(client_id)).filter(&wanted));
        }
        slice.more = None;
        slice
    }

    pub(crate) fn record(&self, client_id: &str) -> Option<SessionRecord> {
        self.sessions.get_key_value(client_id).map(|(client_id, session)| session.record(client_id))
    }
}

impl Session {
    fn record(&self, client_id: &Arc<str>) -> SessionRecord {
        SessionRecord {
            client_id: Arc::clone(client_id),
            kind: self.kind,
            owner: self.owner,
            epoch: self.epoch,
            expiry: self.expiry,
            ends: self.ends,
            has_will: self.will.is_some(),
            touched: self.touched,
        }
    }
}
