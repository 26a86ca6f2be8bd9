//! What the members of this process and those of other backends say to each other, over the links between backends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use link::wire::{Link, StreamId};
use partition::PartitionId;
use replica::raft::{Carrier, CarryError, Carrying, Lane, MemberId, Membership};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::census::{Leads, Report};
use super::desk::{Desk, WINDOW_BYTES};
use super::letter::{Kind, Letter};
use super::peer::{NoAnswer, Peer};
use crate::leaders::Leaders;

/// The streams of members between two backends.
const STREAMS: u64 = 1 << 34;

/// What a member does with a request takes this long at the most: the last piece of a snapshot is installed.
const ANSWERED: Duration = Duration::from_secs(90);

/// Takes requests of other members.
pub(super) type Ear = Arc<dyn Fn(Bytes) -> Carrying<'static> + Send + Sync>;

/// What is here of a partition.
#[derive(Clone)]
pub(super) enum Resident {
    /// A replica that is alone.
    Alone,
    /// Nothing yet: it founds a group when the others have nothing either.
    Founder,
    /// A member that cannot go on, and waits for the group to take it in as another.
    Stranded {
        id: MemberId,
    },
    Member {
        id: MemberId,
        ear: Ear,
        membership: Membership,
    },
}

/// See the module. Requests have a stream for each partition, so that what is long holds up nothing else; heartbeats,
/// votes, and all replies, have one that nothing long is sent on.
pub(super) struct Exchange {
    runtime: Handle,
    leaders: Arc<Leaders>,
    peers: RwLock<BTreeMap<u16, Arc<Peer>>>,
    residents: RwLock<BTreeMap<PartitionId, Resident>>,
    is_closed: AtomicBool,
}

/// The stream for what is short.
pub(super) const CONTROL: StreamId = StreamId(STREAMS);

fn stream(lane: Lane, partition: PartitionId) -> StreamId {
    match lane {
        Lane::Control => CONTROL,
        Lane::Log => StreamId(STREAMS | 1 << 16 | u64::from(partition.0)),
        Lane::Snapshot => StreamId(STREAMS | 2 << 16 | u64::from(partition.0)),
    }
}

impl Exchange {
    pub fn new(runtime: Handle, leaders: Arc<Leaders>) -> Self {
        Self {
            runtime,
            leaders,
            peers: RwLock::default(),
            residents: RwLock::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Takes the link to another backend, in place of an earlier one; `partitions` are those of which it may have members
    /// that talk to members here.
    pub fn add(self: &Arc<Self>, backend: u16, link: &Link, partitions: &[PartitionId]) {
        let peer = Arc::new(Peer::new(link.clone()));
        self.peers.write().unwrap_or_else(PoisonError::into_inner).insert(backend, Arc::clone(&peer));
        let mut streams = vec![CONTROL];
        for lane in [Lane::Log, Lane::Snapshot] {
            streams.extend(partitions.iter().map(|partition| stream(lane, *partition)));
        }
        for stream in streams {
            let desk = Desk::new(Arc::clone(self), backend, Arc::clone(&peer), stream);
            link.receive(stream, WINDOW_BYTES, Box::new(desk));
        }
    }

    pub fn settle(&self, partition: PartitionId, resident: Resident) {
        self.residents.write().unwrap_or_else(PoisonError::into_inner).insert(partition, resident);
    }

    /// Answers nothing more: the process ends.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub fn resident(&self, partition: PartitionId) -> Option<Resident> {
        self.residents.read().unwrap_or_else(PoisonError::into_inner).get(&partition).cloned()
    }

    fn peer(&self, backend: u16) -> Option<Arc<Peer>> {
        self.peers.read().unwrap_or_else(PoisonError::into_inner).get(&backend).cloned()
    }

    /// Whether there is a connection to a backend.
    pub fn is_up(&self, backend: u16) -> bool {
        self.peer(backend).is_some_and(|peer| peer.is_up())
    }

    /// What another backend has of a partition.
    pub async fn question(&self, backend: u16, partition: PartitionId, deadline: Duration) -> Option<Report> {
        let peer = self.peer(backend)?;
        let letter = |number| Letter { kind: Kind::Question, number, partition, body: Bytes::new() }.encode();
        let answer = peer.ask(CONTROL, Instant::now() + deadline, letter).await.ok()?;
        Report::decode(&answer)
    }

    /// What is here of a partition, as another backend is told.
    pub fn report(&self, partition: PartitionId) -> Report {
        match self.resident(partition) {
            None => Report::Nothing { member: None },
            Some(Resident::Founder) => Report::Founder,
            Some(Resident::Alone) => Report::Alone,
            Some(Resident::Stranded { id }) => Report::stranded(id),
            Some(Resident::Member { id, membership, .. }) => {
                let is_us = self.leaders.of(partition) == Some(self.leaders.us());
                Report::of(id, membership.members(), if is_us { Leads::Yes } else { Leads::No })
            }
        }
    }

    /// Tells all other backends what this one leads.
    pub fn tell_leads(&self) {
        let peers: Vec<_> = self.peers.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for (partition, term) in self.leaders.ours().into_iter().filter(|(_, term)| *term > 0) {
            let message = Letter { kind: Kind::Leading, number: term, partition, body: Bytes::new() }.encode();
            // Who is not there is told with the next.
            peers.iter().filter(|peer| peer.is_up()).for_each(|peer| _ = peer.send(CONTROL, message.clone()));
        }
    }

    /// Another backend leads a partition.
    pub fn hear_leads(&self, backend: u16, partition: PartitionId, term: u64) {
        self.leaders.leads(partition, backend, term);
    }

    /// Has the partition's member answer a request, and `done` called when it has.
    pub fn answer(&self, peer: Arc<Peer>, letter: Letter, done: impl FnOnce() + Send + 'static) {
        let Letter { number, partition, body, .. } = letter;
        let ear = match self.resident(partition) {
            Some(Resident::Member { ear, .. }) => ear,
            _ => {
                done();
                return reply(&peer, Kind::Declined, number, partition, Bytes::new());
            }
        };
        self.runtime.spawn(async move {
            if let Ok(Ok(body)) = timeout(ANSWERED, ear(body)).await {
                reply(&peer, Kind::Reply, number, partition, body);
            }
            done();
        });
    }
}

/// Who asked and is not there any more asks again.
pub(super) fn reply(peer: &Peer, kind: Kind, number: u64, partition: PartitionId, body: Bytes) {
    let _ = peer.send(CONTROL, Letter { kind, number, partition, body }.encode());
}

impl Carrier for Exchange {
    fn carry(
        &self,
        partition: PartitionId,
        to: MemberId,
        lane: Lane,
        request: Bytes,
        deadline: Duration,
    ) -> Carrying<'_> {
        let until = Instant::now() + deadline;
        Box::pin(async move {
            let backend = u16::try_from(to.process).map_err(|_| CarryError::NotHere(to))?;
            let peer = self.peer(backend).ok_or(CarryError::Unreachable(to))?;
            let letter = |number| Letter { kind: Kind::Request, number, partition, body: request }.encode();
            peer.ask(stream(lane, partition), until, letter).await.map_err(|why| match why {
                NoAnswer::Unreachable => CarryError::Unreachable(to),
                NoAnswer::Late => CarryError::Late(to),
                NoAnswer::Declined => CarryError::NotHere(to),
            })
        })
    }
}
