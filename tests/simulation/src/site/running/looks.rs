//! What is seen of a site from outside.

use std::time::Duration;

use backend::{MAX_PAGE, SessionQuery};
use tokio::runtime::Builder;

use super::{OfLeader, Site, wait_until};
use crate::site::network::Place;

/// What waits somewhere in a site that has come to rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// Messages in queues of sessions.
    pub queued: u64,
    /// Commands that partitions have for each other.
    pub outbox: usize,
}

impl Site {
    /// Whether every process is up, every partition has a leader with all its replicas, and every frontend reaches it.
    pub fn is_settled(&self) -> bool {
        self.trouble().is_none()
    }

    /// Waits until it is settled; `false` if it was not within that time.
    pub fn wait_settled(&self, longest: Duration) -> bool {
        wait_until(longest, || self.is_settled())
    }

    /// What keeps it from being settled.
    pub fn trouble(&self) -> Option<String> {
        self.backends_trouble().or_else(|| self.frontends_trouble())
    }

    fn backends_trouble(&self) -> Option<String> {
        let computers = self.computers();
        for (number, computer) in &computers.backends {
            let Some(handles) = computer.handles() else { return Some(format!("backend-{number} is not up")) };
            if !(handles.is_running)() {
                return Some(format!("a partition of backend-{number} does not run"));
            }
            if self.wishes.replicas == 1 {
                continue;
            }
            let members = (handles.members)();
            for partition in self.wishes.placement().hosted_by(*number) {
                let of_group = members.iter().find(|(of, _)| *of == partition).map(|(_, members)| members);
                let voters = of_group.map_or(0, |members| members.voters.len());
                let is_joint = of_group.is_some_and(|members| members.is_joint);
                if is_joint || voters != usize::from(self.wishes.replicas) {
                    return Some(format!("partition {partition} has {voters} members, as backend-{number} says"));
                }
            }
        }
        drop(computers);
        let leaders = self.leaders();
        let missing = self.wishes.all_partitions().find(|partition| !leaders.contains_key(partition));
        missing.map(|partition| format!("nobody leads partition {partition}"))
    }

    fn frontends_trouble(&self) -> Option<String> {
        let computers = self.computers();
        for (number, computer) in &computers.frontends {
            let Some(handles) = computer.handles() else { return Some(format!("frontend-{number} is not up")) };
            let partitions = (handles.reach)().map(|reach| reach.partitions).unwrap_or_default();
            if let Some(reach) = partitions.iter().find(|reach| reach.leader.is_none()) {
                let (partition, lanes) = (reach.partition, reach.open_lanes);
                return Some(format!("frontend-{number} has {lanes} lanes to partition {partition}"));
            }
        }
        None
    }

    /// Who says that he leads, and what he counts; up to a second old.
    fn leaders(&self) -> OfLeader {
        let computers = self.computers();
        let mut leaders = OfLeader::new();
        for (number, computer) in &computers.backends {
            let Some(handles) = computer.handles() else { continue };
            let (leads, counters) = ((handles.leads)(), (handles.counters)());
            for (partition, counters) in handles.hosted.iter().zip(counters) {
                if leads.contains(partition) {
                    leaders.insert(*partition, (*number, counters));
                }
            }
        }
        leaders
    }

    /// What waits; up to a second old.
    pub fn remains(&self) -> Remains {
        let mut remains = Remains::default();
        for (_, counters) in self.leaders().into_values() {
            remains.queued += counters.queued;
            remains.outbox += counters.outbox;
        }
        remains
    }

    pub fn queues_are_empty(&self) -> bool {
        let led = self.leaders().len();
        led == usize::from(self.wishes.partitions) && self.remains() == Remains::default()
    }

    /// Sessions for which messages wait, and how many, as the leaders of all partitions say.
    ///
    /// # Errors
    /// A partition has no leader, or does not answer.
    pub fn queues(&self) -> Result<Vec<(String, u64)>, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let mut queues = std::collections::BTreeMap::new();
        for (number, computer) in &self.computers().backends {
            let Some(handles) = computer.handles() else { return Err(format!("backend-{number} is not up")) };
            let mut query = SessionQuery { limit: MAX_PAGE, ..SessionQuery::default() };
            loop {
                let page = runtime.block_on(handles.view.sessions(&query)).map_err(|error| error.to_string())?;
                for session in page.items {
                    *queues.entry(session.client_id.to_string()).or_insert(0) += session.queued;
                }
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
        }
        Ok(queues.into_iter().filter(|(_, queued)| *queued > 0).collect())
    }

    /// Whether a process runs there, frozen or not.
    pub(super) fn is_running(&self, place: Place) -> bool {
        self.on(place, |at| at.is_running(), |at| at.is_running()).unwrap_or(false)
    }
}
