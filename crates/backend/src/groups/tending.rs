//! Brings a partition's group to what the placement says: who belongs to it, and who leads.
//!
//! Only who leads changes anything. New members are told everything first; then the voters change in one step, when
//! every backend that is placed has a member. The lead goes to the first backend of the placement that is there, when it
//! has been there for a while and commands pause, so that the partitions' leaders are where they were dealt out.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use partition::PartitionId;
use replica::raft::{MemberId, Members, Membership, RaftError};
use tokio::time::{Instant, sleep, timeout};

use super::census::{Leads, Report};
use super::exchange::Exchange;
use super::life::{Life, LifeFile, Stage};
use super::patience::Patience;
use crate::leaders::Leaders;

/// How often a group is looked at by who leads it.
const LOOK: Duration = Duration::from_millis(250);

/// How soon somebody notices that it leads.
const SOON: Duration = Duration::from_millis(50);

/// For what another backend has of the partition.
const ANSWER: Duration = Duration::from_millis(500);

/// For a new member to have caught up; it goes on catching up behind that.
const CATCH_UP: Duration = Duration::from_secs(120);

/// For a change of members to be committed.
const COMMIT: Duration = Duration::from_secs(30);

/// A member that lacks no more than this can take the lead at once.
const CAUGHT_UP: u64 = 64;

/// The lead is not moved by who has it for less, nor to who is there for less.
const SETTLED: Duration = Duration::from_secs(3);

/// The lead is moved though commands do not pause, after this time.
const BUSY: Duration = Duration::from_secs(60);

/// For how long the leader says that this member is none any more, until it believes it.
const REMOVED: Duration = Duration::from_secs(5);

/// See the module. One task for each member, for as long as the process runs.
pub(super) struct Tending {
    partition: PartitionId,
    us: MemberId,
    /// Of the placement.
    replicas: Vec<u16>,
    file: LifeFile,
    membership: Membership,
    exchange: Arc<Exchange>,
    leaders: Arc<Leaders>,
    led: Option<Led>,
    removed: Option<Instant>,
}

/// What is remembered while this member leads.
struct Led {
    since: Instant,
    last_index: u64,
    is_quiet: bool,
    /// Since when each backend is there.
    up: BTreeMap<u16, Instant>,
    changing: Patience,
    handing_over: Patience,
}

impl Tending {
    pub fn new(
        partition: PartitionId,
        us: MemberId,
        replicas: Vec<u16>,
        file: LifeFile,
        membership: Membership,
        (exchange, leaders): (Arc<Exchange>, Arc<Leaders>),
    ) -> Self {
        Self { partition, us, replicas, file, membership, exchange, leaders, led: None, removed: None }
    }

    /// Ends when the group has removed this member, or with the runtime.
    pub async fn run(mut self) {
        loop {
            sleep(if self.led.is_some() { LOOK } else { SOON }).await;
            if self.leaders.of(self.partition) == Some(self.leaders.us()) {
                self.lead().await;
                continue;
            }
            self.led = None;
            if !self.is_placed() {
                sleep(LOOK).await;
                if self.was_removed().await {
                    return;
                }
            }
        }
    }

    fn is_placed(&self) -> bool {
        self.replicas.contains(&self.leaders.us())
    }

    async fn lead(&mut self) {
        let now = Instant::now();
        let last_index = self.membership.last_index();
        let mut led = self.led.take().unwrap_or_else(|| Led::new(now));
        led.is_quiet = led.last_index == last_index;
        led.last_index = last_index;
        for backend in &self.replicas {
            match self.exchange.is_up(*backend) {
                true => _ = led.up.entry(*backend).or_insert(now),
                false => _ = led.up.remove(backend),
            }
        }
        if led.changing.is_due(now) {
            let changed = self.change().await;
            if let Err(error) = &changed {
                let partition = self.partition;
                tracing::warn!(%partition, %error, "the members of a partition's group are not yet what they are to be");
            }
            led.changing.done(Instant::now(), &changed);
        }
        if led.handing_over.is_due(now)
            && let Some(to) = self.successor(&led, now)
        {
            self.leaders.hands_over(self.partition, to.process as u16);
            let handed = self.membership.hand_over(to).await;
            let (partition, waited) = (self.partition, now.elapsed().as_millis() as u64);
            match &handed {
                Ok(()) => {
                    tracing::info!(%partition, %to, ms = waited, "the lead is handed over to the backend that is placed before")
                }
                Err(error) => tracing::warn!(%partition, %to, %error, "the lead could not be handed over"),
            }
            led.handing_over.done(Instant::now(), &handed);
        }
        self.led = Some(led);
    }

    /// Adds who is missing, and makes those the voters that are to be.
    async fn change(&self) -> Result<(), RaftError> {
        let members = self.membership.members();
        let wanted = self.wanted(&members).await;
        for member in &wanted.members {
            let is_behind = members.behind.get(member).is_none_or(|behind| *behind > CAUGHT_UP);
            let is_known = members.voters.contains(member) || members.learners.contains(member) && !is_behind;
            if !is_known {
                tracing::info!(partition = %self.partition, %member, "a member joins a partition's group");
                within(CATCH_UP, "a new member has not caught up", self.membership.add_learner(*member)).await?;
            }
        }
        if !wanted.missing.is_empty() {
            if wanted.members != members.voters {
                return Err(RaftError::Membership(format!("backends {:?} have said nothing", wanted.missing)));
            }
            return Ok(());
        }
        if wanted.members != members.voters || members.is_joint {
            let voters: Vec<_> = wanted.members.iter().map(ToString::to_string).collect();
            tracing::info!(partition = %self.partition, ?voters, "the voters of a partition's group change");
            let change = self.membership.set_voters(wanted.members.clone());
            within(COMMIT, "the change of members is not committed", change).await?;
        }
        let learners = self.membership.members().learners;
        let stale: BTreeSet<_> = learners.difference(&wanted.members).copied().collect();
        if !stale.is_empty() {
            within(COMMIT, "members could not be removed", self.membership.remove_learners(stale)).await?;
        }
        Ok(())
    }

    /// Who is to vote: the member of each backend that is placed, and this one until it has handed over.
    async fn wanted(&self, members: &Members) -> Wanted {
        let mut wanted = Wanted { members: [self.us].into(), missing: Vec::new() };
        for backend in self.replicas.iter().filter(|backend| **backend != self.leaders.us()) {
            let asked = self.exchange.question(*backend, self.partition, ANSWER).await;
            let of_backend = |voter: &&MemberId| voter.process == u32::from(*backend);
            let known = members.voters.iter().rev().find(of_backend).copied();
            match asked.as_ref().and_then(Report::member).or(known) {
                Some(member) => _ = wanted.members.insert(member),
                None => wanted.missing.push(*backend),
            }
        }
        wanted
    }

    /// Who is to lead in place of this member: the first of the placement that is ready for it.
    fn successor(&self, led: &Led, now: Instant) -> Option<MemberId> {
        let may = |since: &Instant, time| now.duration_since(*since) >= time;
        if !may(&led.since, SETTLED) || !led.is_quiet && !may(&led.since, BUSY) {
            return None;
        }
        let before = self.replicas.iter().take_while(|backend| **backend != self.leaders.us());
        let mut there = before.filter(|backend| led.up.get(backend).is_some_and(|since| may(since, SETTLED)));
        let members = self.membership.members();
        there.find_map(|backend| ready(&members, *backend))
    }

    /// Whether the group has gone on without this member, which is not placed any more.
    async fn was_removed(&mut self) -> bool {
        let mut is_removed = false;
        for backend in &self.replicas {
            if let Some(Report::Member { group, .. }) = self.exchange.question(*backend, self.partition, ANSWER).await
                && group.leads == Leads::Yes
            {
                is_removed = !group.voters.contains(&self.us) && !group.learners.contains(&self.us);
            }
        }
        if !is_removed {
            self.removed = None;
        }
        if !is_removed || self.removed.get_or_insert_with(Instant::now).elapsed() < REMOVED {
            return false;
        }
        match self.file.write(Life { number: self.us.life, stage: Stage::Removed }) {
            Ok(()) => {
                tracing::info!(partition = %self.partition, member = %self.us, "the group has removed this member: its data is put aside at the next start")
            }
            Err(error) => {
                tracing::warn!(partition = %self.partition, %error, "it could not be noted that the group has removed this member");
                return false;
            }
        }
        true
    }
}

/// The member of a backend, if it could lead at once.
pub(super) fn ready(members: &Members, backend: u16) -> Option<MemberId> {
    let mut voters = members.voters.iter().filter(|voter| voter.process == u32::from(backend));
    voters.find(|voter| members.behind.get(voter).is_some_and(|behind| *behind <= CAUGHT_UP)).copied()
}

struct Wanted {
    members: BTreeSet<MemberId>,
    /// Backends that are placed and have not said which member they have.
    missing: Vec<u16>,
}

impl Led {
    fn new(now: Instant) -> Self {
        let (changing, handing_over) = (Patience::new(LOOK, COMMIT), Patience::new(SETTLED, Duration::from_secs(300)));
        Self { since: now, last_index: 0, is_quiet: false, up: BTreeMap::new(), changing, handing_over }
    }
}

async fn within<F>(deadline: Duration, late: &str, work: F) -> Result<(), RaftError>
where
    F: Future<Output = Result<(), RaftError>>,
{
    match timeout(deadline, work).await {
        Ok(done) => done,
        Err(_) => Err(RaftError::Membership(format!("{late} within {} seconds", deadline.as_secs()))),
    }
}
