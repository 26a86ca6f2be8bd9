//! The near end of the audit log: takes entries and returns at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::SystemTime;

use auth::Denial;

use super::action::Action;
use super::line::{LONGEST_TEXT, cut};

/// Refusals that may wait to be written; 10 MiB at most as their texts are cut, some 100 KiB mostly. More are counted and
/// lost.
pub(super) const REFUSALS: usize = 2048;
/// Room that refusals do not take, so that many of them hide no action.
pub(super) const ACTIONS: usize = 64;

/// Takes entries for the log; clones are the same.
#[derive(Clone)]
pub(crate) struct Recorder {
    queue: SyncSender<Message>,
    state: Arc<State>,
}

/// What both ends know.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether entries are wanted.
    pub(super) is_on: AtomicBool,
    pub(super) is_failing: AtomicBool,
    pub(super) refusals_waiting: AtomicUsize,
    pub(super) written: AtomicU64,
    pub(super) crowded_out: AtomicU64,
    pub(super) unwritable: AtomicU64,
}

/// What became of entries since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct AuditCounted {
    pub(crate) written: u64,
    /// Lost because more came at once than may wait.
    pub(crate) crowded_out: u64,
    /// Lost because the file could not be written.
    pub(crate) unwritable: u64,
    /// Whether the last attempt to write failed.
    pub(crate) is_failing: bool,
}

/// What goes through the queue.
#[derive(Debug)]
pub(super) enum Message {
    Entry(SystemTime, Entry),
    /// There is something to look at beside the queue.
    Look,
}

#[derive(Debug)]
pub(super) enum Entry {
    Denied(Denial),
    Did(Action),
}

impl Entry {
    /// Whether anybody may cause as many as he likes.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Did(Action::RequestRefused { .. }))
    }

    /// The entry with what strangers wrote cut, so that what waits has a bound.
    fn cut(self) -> Self {
        match self {
            Self::Denied(denial) => Self::Denied(short(denial)),
            Self::Did(Action::RequestRefused { by, request, why }) => {
                Self::Did(Action::RequestRefused { by, request: cut(request, LONGEST_TEXT), why })
            }
            Self::Did(action) => Self::Did(action),
        }
    }
}

/// Both ends of a new queue.
pub(super) fn queue() -> (Recorder, Receiver<Message>) {
    let (queue, messages) = sync_channel(REFUSALS + ACTIONS);
    (Recorder { queue, state: Arc::default() }, messages)
}

impl Recorder {
    /// Records a denial. Never waits.
    pub(crate) fn deny(&self, denial: Denial) {
        self.enter(Entry::Denied(denial));
    }

    /// Records an action. Never waits.
    pub(crate) fn record(&self, action: Action) {
        self.enter(Entry::Did(action));
    }

    pub(crate) fn counted(&self) -> AuditCounted {
        AuditCounted {
            written: self.state.written.load(Ordering::Relaxed),
            crowded_out: self.state.crowded_out.load(Ordering::Relaxed),
            unwritable: self.state.unwritable.load(Ordering::Relaxed),
            is_failing: self.state.is_failing.load(Ordering::Relaxed),
        }
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Has the audit thread look up. Where the queue is full it does so anyway.
    pub(super) fn wake(&self) {
        let _ = self.queue.try_send(Message::Look);
    }

    fn enter(&self, entry: Entry) {
        let State { is_on, refusals_waiting, crowded_out, .. } = &*self.state;
        if !is_on.load(Ordering::Acquire) {
            return;
        }
        let is_refusal = entry.is_refusal();
        let has_room = !is_refusal || refusals_waiting.fetch_add(1, Ordering::Relaxed) < REFUSALS;
        let sent = has_room && self.queue.try_send(Message::Entry(SystemTime::now(), entry.cut())).is_ok();
        if !sent {
            if is_refusal {
                refusals_waiting.fetch_sub(1, Ordering::Relaxed);
            }
            crowded_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn short(denial: Denial) -> Denial {
    use auth::Wanted::{Authenticate, Connect, Publish, Receive, Subscribe, Will};
    let cut = |text: Box<str>| cut(text.into(), LONGEST_TEXT).into_boxed_str();
    let Denial { wanted, client_id, username, listener, peer, why } = denial;
    let wanted = match wanted {
        Authenticate(_) | Connect => wanted,
        Publish(topic) => Publish(cut(topic)),
        Will(topic) => Will(cut(topic)),
        Subscribe(filter) => Subscribe(cut(filter)),
        Receive(topic) => Receive(cut(topic)),
    };
    Denial { wanted, client_id: cut(client_id), username: username.map(cut), listener, peer, why: cut(why) }
}
