//! Says to every worker of every frontend that a partition is led here, wherever its lane is open: a leader that others
//! have replaced may not know of it yet, and go on being reached.

use std::collections::BTreeMap;

use link::wire::Link;
use partition::lane::ToWorker;
use partition::{Lane, PartitionId};
use replica::raft::{Reign, Standing};

use crate::lanes::stream;

/// See the module. One link for each worker that there ever was.
pub(crate) struct Herald {
    partition: PartitionId,
    links: BTreeMap<Lane, Link>,
}

impl Herald {
    pub fn new(partition: PartitionId) -> Self {
        Self { partition, links: BTreeMap::new() }
    }

    /// A session of a worker's link begins, of this link from now on.
    pub fn on_link(&mut self, lane: Lane, link: Link, standing: Option<Standing>) {
        if let Some(Standing::Leading { reign }) = standing {
            self.tell(&link, reign);
        }
        self.links.insert(lane, link);
    }

    /// A reign begins.
    pub fn proclaim(&self, reign: Reign) {
        self.links.values().for_each(|link| self.tell(link, reign));
    }

    fn tell(&self, link: &Link, Reign { term, .. }: Reign) {
        // Who is alone in its group is not replaced. A link that has no session is told when the next begins.
        if term > 0
            && let Some(sender) = link.sender(stream(self.partition))
        {
            let _ = sender.send(ToWorker::Leads { term }.encode());
        }
    }
}
