//! A carrier in memory: members by their id, and what is cut between them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use partition::PartitionId;

use crate::raft::{Carrier, CarryError, Carrying, Lane, MemberId};

type Answer = Arc<dyn Fn(Bytes) -> Carrying<'static> + Send + Sync>;

#[derive(Default)]
struct Ends {
    answers: HashMap<MemberId, Answer>,
    cut: HashSet<MemberId>,
}

/// Shared by all members; each has a [`Wire`] of its own.
#[derive(Clone, Default)]
pub(super) struct Network(Arc<Mutex<Ends>>);

impl Network {
    pub fn wire(&self, from: MemberId) -> Arc<dyn Carrier> {
        Arc::new(Wire { network: self.clone(), from })
    }

    pub fn plug(&self, member: MemberId, answer: Answer) {
        self.0.lock().unwrap().answers.insert(member, answer);
    }

    pub fn unplug(&self, member: MemberId) {
        self.0.lock().unwrap().answers.remove(&member);
    }

    /// Cuts a member off, both ways.
    pub fn cut(&self, member: MemberId) {
        self.0.lock().unwrap().cut.insert(member);
    }

    pub fn heal(&self, member: MemberId) {
        self.0.lock().unwrap().cut.remove(&member);
    }

    fn way(&self, from: MemberId, to: MemberId) -> Option<Answer> {
        let ends = self.0.lock().unwrap();
        if ends.cut.contains(&from) || ends.cut.contains(&to) {
            return None;
        }
        ends.answers.get(&to).cloned()
    }
}

struct Wire {
    network: Network,
    from: MemberId,
}

impl Carrier for Wire {
    fn carry(&self, _: PartitionId, to: MemberId, _: Lane, request: Bytes, deadline: Duration) -> Carrying<'_> {
        Box::pin(async move {
            let answer = self.network.way(self.from, to).ok_or(CarryError::Unreachable(to))?;
            let reply = tokio::time::timeout(deadline, answer(request)).await.map_err(|_| CarryError::Late(to))??;
            // Cut meanwhile: the request arrived, its reply does not.
            self.network.way(to, self.from).ok_or(CarryError::Late(to))?;
            Ok(reply)
        })
    }
}
