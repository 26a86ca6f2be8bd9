//! What a member is in its group.

use std::fmt;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::{Instant as _, Raft, ServerState};

use super::group::{Group, MemberId};
use super::machine::Machine;

/// A time in which one member leads and takes commands without a gap: everything it takes is applied in its order, or
/// the reign ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reign {
    /// Of the group; 0 where a replica is alone.
    pub term: u64,
    /// Goes up within a term when something was not taken.
    pub spell: u32,
}

impl fmt::Display for Reign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.spell)
    }
}

/// What a replica is in its group now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It leads, and its state is complete: it takes commands. Those that were handed over in an earlier reign and are
    /// not answered may be lost.
    Leading { reign: Reign },
    /// It takes none. `leader` is who does, as far as is known; it may not be ready yet.
    Following { leader: Option<MemberId> },
}

/// What openraft says of a member at one moment.
pub(super) struct Seen {
    pub state: ServerState,
    pub term: u64,
    pub leader: Option<MemberId>,
    /// How long ago a majority has answered, at the least; `None` when it never did.
    answered: Option<Duration>,
    is_alone: bool,
}

impl Seen {
    /// # Errors
    /// Why openraft has stopped.
    pub fn of(raft: &Raft<Group, Machine>) -> Result<Self, String> {
        let metrics = raft.metrics();
        let metrics = metrics.borrow_watched();
        if let Err(error) = &metrics.running_state {
            return Err(error.to_string());
        }
        Ok(Self {
            state: metrics.state,
            term: metrics.current_term,
            leader: metrics.current_leader,
            answered: metrics.last_quorum_acked.map(|at| at.elapsed()),
            is_alone: metrics.membership_config.voter_ids().eq([metrics.id]),
        })
    }

    /// Whether a majority has answered within `time`, so that within it no other member was elected.
    pub fn is_sure(&self, time: Duration) -> bool {
        self.is_alone || self.answered.is_some_and(|ago| ago < time)
    }
}
