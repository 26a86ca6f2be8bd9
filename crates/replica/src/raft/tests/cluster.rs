//! A group of members on disks of their own, and the first thing it has to do: commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use partition::{
    BatchBuilder, Command, Message, Origin as From, Owner, PartitionId, Publish, Reply, Scope, SlotTable, Tag,
    Timestamp,
};
use tokio::sync::Notify;

use super::network::Network;
use crate::bodies::BodySettings;
use crate::log::LogSettings;
use crate::outgoing::Outgoing;
use crate::raft::{Durability, Member, MemberId, MemberSettings, Origin, RaftError, Standing, Timing};

/// A condition that does not come about in this time never does.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) const NOW: Timestamp = Timestamp(1_000_000);

pub(super) fn id(process: u32) -> MemberId {
    MemberId { process, life: 1 }
}

/// A retained publish, answered when it is committed.
pub(super) fn retained(topic: &str, payload: &str, tag: u32) -> Bytes {
    let mut batch = BatchBuilder::new();
    batch.push(&Command::Publish(Publish {
        reply: Some((Owner { frontend: 0, worker: 0, slot: 0, generation: 0 }, Tag(tag))),
        origin: From::Client { client_id: "publisher", exactly_once: None },
        scope: Scope::Everyone,
        message: Message { payload: payload.as_bytes(), ..Message::removal_of(topic) },
    }));
    batch.take()
}

/// Tags of the publishes that are acknowledged.
pub(super) fn acknowledged(out: &mut Outgoing) -> Vec<u32> {
    let tag = |(_, answer): (partition::Numbering, partition::Answer)| match answer.reply {
        Reply::Published { tag, .. } => Some(tag.0),
        _ => None,
    };
    out.answers.drain(..).filter_map(tag).collect()
}

pub(super) struct Cluster {
    dir: tempfile::TempDir,
    /// Members that live elsewhere than in `dir`.
    pub elsewhere: BTreeMap<MemberId, PathBuf>,
    pub network: Network,
    pub members: BTreeMap<MemberId, Member>,
    pub durability: Durability,
    pub compact_after_bytes: u64,
    pub payload_bytes: usize,
    something: Arc<Notify>,
}

impl Cluster {
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            network: Network::default(),
            elsewhere: BTreeMap::new(),
            members: BTreeMap::new(),
            durability: Durability::Async,
            compact_after_bytes: 64 << 20,
            payload_bytes: 0,
            something: Arc::default(),
        }
    }

    pub fn dir(&self, member: MemberId) -> PathBuf {
        self.elsewhere.get(&member).cloned().unwrap_or_else(|| self.dir.path().join(member.to_string()))
    }

    pub fn settings(&self, member: MemberId, origin: Origin) -> MemberSettings {
        MemberSettings {
            dir: self.dir(member),
            member,
            origin,
            partition: PartitionId(0),
            slots: SlotTable::even(1),
            durability: self.durability,
            log: LogSettings { segment_bytes: 4 << 10 },
            bodies: BodySettings::default(),
            timing: Timing::default(),
            compact_after_bytes: self.compact_after_bytes,
            reserve_bytes: 0,
        }
    }

    pub async fn try_start(&mut self, member: MemberId, origin: Origin) -> Result<(), RaftError> {
        let something = Arc::clone(&self.something);
        let wake = Arc::new(move || something.notify_one());
        let started = Member::open(self.settings(member, origin), self.network.wire(member), wake).await?;
        self.network.plug(member, Arc::new(started.answer()));
        self.members.insert(member, started);
        Ok(())
    }

    pub async fn start(&mut self, member: MemberId, origin: Origin) {
        self.try_start(member, origin).await.unwrap();
    }

    /// One that founds, and others that join and become voters.
    pub async fn of(count: u32) -> Self {
        let mut cluster = Self::new();
        cluster.start(id(1), Origin::founds_alone()).await;
        cluster.leader().await;
        cluster.grow(count).await;
        cluster
    }

    pub async fn grow(&mut self, count: u32) {
        for process in 2..=count {
            self.start(id(process), Origin::Joins).await;
            let leader = self.leader().await;
            self.members[&leader].membership().add_learner(id(process)).await.unwrap();
        }
        let leader = self.leader().await;
        let voters: BTreeSet<_> = (1..=count).map(id).collect();
        self.members[&leader].membership().set_voters(voters).await.unwrap();
    }

    /// As a kill of the process: nothing is synced or marked.
    pub async fn kill(&mut self, member: MemberId) {
        self.network.unplug(member);
        self.members.remove(&member).unwrap().kill().await;
    }

    /// Who leads with its state complete, once somebody does.
    pub async fn leader(&mut self) -> MemberId {
        let deadline = Instant::now() + DEADLINE;
        loop {
            for (id, member) in &self.members {
                if matches!(member.standing(), Ok(Standing::Leading { .. })) {
                    return *id;
                }
            }
            assert!(Instant::now() < deadline, "nobody leads");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Has a member that leads run with these batches, a few times at the most, until it has taken them all; what it
    /// answers until then.
    pub async fn run(&mut self, member: MemberId, mut batches: Vec<Bytes>) -> Outgoing {
        let mut all = Outgoing::default();
        for _ in 0..20 {
            self.members.get_mut(&member).unwrap().run(&mut batches, NOW, &mut all).unwrap();
            if batches.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        all
    }

    /// Has the leader run until `tags` are acknowledged, asking again whenever the leader changes.
    pub async fn publish(&mut self, tags: std::ops::Range<u32>) {
        let deadline = Instant::now() + DEADLINE;
        let mut missing: BTreeSet<u32> = tags.collect();
        while !missing.is_empty() {
            let leader = self.leader().await;
            let mut batches: Vec<_> =
                missing.iter().map(|tag| retained(&format!("t/{tag}"), &self.payload(*tag), *tag)).collect();
            let asked_until = Instant::now() + Duration::from_secs(2);
            while !missing.is_empty() && Instant::now() < asked_until {
                let mut out = Outgoing::default();
                let member = self.members.get_mut(&leader).unwrap();
                let Ok(Standing::Leading { .. }) = member.run(&mut batches, NOW, &mut out) else { break };
                member.look_after_disk();
                acknowledged(&mut out).iter().for_each(|tag| _ = missing.remove(tag));
                let _ = tokio::time::timeout(Duration::from_millis(20), self.something.notified()).await;
            }
            assert!(Instant::now() < deadline, "not acknowledged: {missing:?}");
        }
    }

    fn payload(&self, tag: u32) -> String {
        format!("payload {tag:<width$}", width = self.payload_bytes)
    }

    /// Waits until a member's state has the messages, bodies included.
    pub async fn holds(&self, member: MemberId, tags: std::ops::Range<u32>) {
        let deadline = Instant::now() + DEADLINE;
        let member = &self.members[&member];
        for tag in tags {
            let topic = format!("t/{tag}");
            let body = loop {
                if let Some((_, body)) = member.read(|state| state.retained_message(&topic, NOW)) {
                    break body;
                }
                assert!(Instant::now() < deadline, "member {} has not got {topic}", member.id());
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            let stored = member.stored(body).unwrap();
            assert_eq!(Message::parse(&stored).unwrap().payload, self.payload(tag).as_bytes());
        }
    }
}

/// Makes a member's log look as if the machine had been started anew since.
pub(super) fn restart_machine(dir: &Path) {
    let path = dir.join("log/run");
    let text = std::fs::read_to_string(&path).unwrap();
    let (_, rest) = text.split_once(' ').unwrap();
    std::fs::write(&path, format!("another-boot {rest}")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_member_commits_alone() {
    let mut cluster = Cluster::of(1).await;
    cluster.publish(0..10).await;
    cluster.holds(id(1), 0..10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_hold_what_is_acknowledged() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..50).await;
    for process in 1..=3 {
        cluster.holds(id(process), 0..50).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_hold_it_on_their_devices() {
    let mut cluster = Cluster::new();
    cluster.durability = Durability::Fsync;
    cluster.start(id(1), Origin::founds_alone()).await;
    cluster.grow(3).await;
    cluster.publish(0..20).await;
    for process in 1..=3 {
        cluster.holds(id(process), 0..20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_take_nothing_and_let_nothing_out() {
    let mut cluster = Cluster::of(3).await;
    cluster.publish(0..5).await;
    let leader = cluster.leader().await;
    for process in (1..=3).filter(|process| id(*process) != leader) {
        cluster.holds(id(process), 0..5).await;
        let (mut batches, mut out) = (vec![retained("t/x", "x", 9)], Outgoing::default());
        let standing = cluster.members.get_mut(&id(process)).unwrap().run(&mut batches, NOW, &mut out).unwrap();
        assert_eq!(standing, Standing::Following { leader: Some(leader) });
        assert!(out.is_empty() && batches.len() == 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_what_lets_nothing_out_is_woken_when_it_is_applied() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let silent: Bytes = Command::Tick.to_frame().into();
    for _ in 0..5 {
        let out = cluster.run(leader, vec![silent.clone()]).await;
        assert!(out.is_empty());
        let something = Arc::clone(&cluster.something);
        let member = cluster.members.get_mut(&leader).unwrap();
        let mark = member.taken();
        while member.let_out() < mark {
            member.wake_at(mark);
            tokio::time::timeout(DEADLINE, something.notified()).await.expect("woken");
            member.run(&mut Vec::new(), NOW, &mut Outgoing::default()).unwrap();
        }
    }
}
