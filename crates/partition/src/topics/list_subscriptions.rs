//! `ListSubscriptions`: what a session is subscribed to here, in pages.

use crate::command::{Command, ListSubscriptions};
use crate::effect::Reply;
use crate::effects::Effects;

use super::Topics;

/// A page takes at most this many filters,
const PAGE_FILTERS: usize = 4096;
/// and this many bytes of them (or one).
const PAGE_BYTES: usize = 64 * 1024;

impl Topics {
    /// Nothing is listed of a session that is known by an older epoch: it has ended, and what removes it is logged; or it
    /// is resumed, and its `Attach` is yet to come.
    pub(crate) fn list_subscriptions(&self, command: &ListSubscriptions<'_>, out: &mut Effects) {
        let session = self.sessions.find(command.client_id).and_then(|slot| self.sessions.get(slot));
        let (owner, tag) = (command.owner, command.tag);
        let listed = match session {
            Some(session) if session.epoch > command.epoch => {
                return out.reply(owner, Reply::Refused { tag, epoch: session.epoch });
            }
            Some(session) if session.epoch == command.epoch => &session.filters[..],
            _ => &[],
        };
        let left = command.after.map_or(listed.len(), |after| listed.len().min(after as usize));
        let filters = self.routes.texts_from_the_last(&listed[..left], PAGE_FILTERS, PAGE_BYTES);
        let place = left - filters.len();
        // Filters are numbered by `u32`, so there are no more places.
        let next = ListSubscriptions { after: Some(place as u32), ..*command };
        let more = (place > 0).then(|| Command::ListSubscriptions(next).to_frame());
        out.reply(owner, Reply::Subscriptions { tag, filters, more });
    }
}
