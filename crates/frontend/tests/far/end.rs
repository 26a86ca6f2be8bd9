//! The other end of a frontend's lanes: the partitions of a few backends that share one memory, as if it were replicated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use frontend::FarLink;
use link::inbox::{Closed, Room};
use link::wire::{Deadlines, Destination, Link, Peer, Settings, StreamId};
use partition::lane::{ToPartition, ToWorker, cover};
use partition::{
    Answer, BodyRef, Command, Effect, Effects, Entry, Frames, FrontendGone, Lane, Numbered, Numbering, Partition,
    PartitionId, Reply, SlotTable, Timestamp, entry_header,
};
use tokio::runtime::Handle;

use super::dial::{Dial, peer};

pub const FRONTEND: u16 = 3;
pub const PARTITIONS: u16 = 2;
pub const WORKERS: u16 = 2;
const WINDOW: u64 = 256 * 1024;

/// A partition: its state, its log, who leads it, and which lanes are open there.
struct Part {
    state: Partition,
    log: Vec<Bytes>,
    leader: Option<u16>,
    term: u64,
    /// Takes himself for the leader, and is not any more.
    replaced: Option<u16>,
    undelivered: HashMap<Lane, Vec<(u64, Answer)>>,
    open: HashMap<Lane, (u16, Link)>,
}

/// See the module.
pub struct Cluster {
    parts: Vec<Part>,
    /// By backend and worker.
    links: HashMap<(u16, u32), Link>,
    runs: u64,
    pub leaves: usize,
    pub repeated: usize,
    /// The next leader that is told of a publish refuses it, and dies before it can say so.
    pub refuses_and_dies: bool,
    held: Option<Held>,
    /// A worker whose answers are lost.
    pub unanswered: Option<u16>,
}

/// What a worker says while it is not listened to, whom it says it to, and in which order.
struct Held {
    worker: u16,
    messages: Vec<(End, Bytes)>,
}

#[derive(Clone)]
pub struct Backends {
    cluster: Arc<Mutex<Cluster>>,
    pub runtime: Handle,
}

fn settings(us: Peer, role: &str, number: u32) -> Settings {
    let deadlines = Deadlines {
        heartbeat: Duration::from_millis(20),
        silence: Duration::from_millis(500),
        drain: Duration::from_secs(2),
        ..Deadlines::default()
    };
    Settings { us, peer_role: role.into(), peer_name: None, number, deadlines, answer: None }
}

impl Backends {
    /// Backends 0 and 1; the first leads all partitions.
    pub fn start() -> Self {
        let slots = SlotTable::even(PARTITIONS);
        let part = |partition| Part {
            state: Partition::new(PartitionId(partition), slots.clone()),
            log: Vec::new(),
            leader: Some(0),
            term: 1,
            replaced: None,
            undelivered: HashMap::new(),
            open: HashMap::new(),
        };
        let parts = (0..PARTITIONS).map(part).collect();
        let cluster = Cluster {
            parts,
            links: HashMap::new(),
            runs: 0,
            leaves: 0,
            repeated: 0,
            refuses_and_dies: false,
            held: None,
            unanswered: None,
        };
        let backends = Self { cluster: Arc::new(Mutex::new(cluster)), runtime: Handle::current() };
        (0..2).for_each(|backend| backends.restart(backend));
        backends
    }

    pub fn lock(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().expect("no panic with it")
    }

    /// A worker's links, to both backends.
    pub fn links(&self, worker: u16) -> Vec<FarLink> {
        let link = |backend| {
            let us = peer("frontend", format!("frontend-{FRONTEND}"), 77);
            let dial = Dial { backends: self.clone(), backend, worker: worker.into() };
            let (link, driver) = Link::dialing(settings(us, "backend", worker.into()), Box::new(dial));
            FarLink { backend, link, driver }
        };
        (0..2).map(link).collect()
    }

    /// Ends a backend's links, and what was under way on them, and has it begin with new ones.
    pub fn restart(&self, backend: u16) {
        let mut cluster = self.lock();
        cluster.runs += 1;
        let run = cluster.runs;
        for part in &mut cluster.parts {
            part.open.retain(|_, (at, _)| *at != backend);
        }
        for worker in 0..u32::from(WORKERS) {
            let us = peer("backend", format!("backend-{backend}"), run);
            let (link, driver) = Link::accepting(settings(us, "frontend", worker));
            for partition in (0..PARTITIONS).map(PartitionId) {
                let end = End { backends: self.clone(), backend, worker: worker as u16, partition, link: link.clone() };
                link.receive(StreamId(partition.0.into()), WINDOW, Box::new(end));
            }
            self.runtime.spawn(driver.run());
            if let Some(before) = cluster.links.insert((backend, worker), link) {
                before.stop();
            }
        }
    }

    /// Lets another backend lead all partitions, or none.
    pub fn elect(&self, leader: Option<u16>) {
        self.lock().parts.iter_mut().for_each(|part| part.elect(leader));
    }

    /// Lets another backend lead all partitions, and the one that did does not hear of it.
    pub fn usurp(&self, leader: u16) {
        let mut cluster = self.lock();
        let Cluster { parts, links, .. } = &mut *cluster;
        for part in parts {
            part.open.clear();
            part.term += 1;
            part.replaced = part.leader.replace(leader);
            let told = links.iter().filter(|((backend, _), _)| *backend == leader);
            let senders = told.filter_map(|(_, link)| link.sender(StreamId(part.state.id().0.into())));
            senders.for_each(|sender| _ = sender.send(ToWorker::Leads { term: part.term }.encode()));
        }
    }

    /// What a worker says from now on arrives when it is let go.
    pub fn hold(&self, worker: u16) {
        self.lock().held = Some(Held { worker, messages: Vec::new() });
    }

    pub fn let_go(&self) {
        let mut cluster = self.lock();
        let held = cluster.held.take().map(|held| held.messages);
        held.into_iter().flatten().for_each(|(end, message)| cluster.on_message(&end, &message));
    }

    /// Declares the frontend gone, everywhere.
    pub fn declare_gone(&self) {
        (0..PARTITIONS).for_each(|partition| self.declare_gone_at(PartitionId(partition)));
    }

    pub fn declare_gone_at(&self, partition: PartitionId) {
        let gone = FrontendGone { frontend: FRONTEND };
        self.lock().apply(usize::from(partition.0), &Command::FrontendGone(gone).to_frame());
    }
}

impl Cluster {
    /// Sessions that have a connection, over all partitions.
    pub fn connected(&self) -> usize {
        self.parts.iter().map(|part| part.state.counters().connected).sum()
    }

    /// Messages that arrive when their worker is let go.
    pub fn held(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.messages.len())
    }

    /// The link that a worker dials at a backend, in its present run.
    pub fn link(&self, backend: u16, worker: u32) -> (Option<Link>, u64) {
        (self.links.get(&(backend, worker)).cloned(), self.runs)
    }

    fn on_message(&mut self, end: &End, message: &Bytes) {
        if let Some(held) = self.held.as_mut().filter(|held| held.worker == end.worker) {
            return held.messages.push((end.clone(), message.clone()));
        }
        let lane = Lane { frontend: FRONTEND, worker: end.worker };
        let place = usize::from(end.partition.0);
        let part = &mut self.parts[place];
        let leads = part.leader == Some(end.backend);
        match ToPartition::decode(lane, message).expect("what a worker says") {
            ToPartition::Open { .. } if !leads && part.replaced == Some(end.backend) => {
                end.say(&ToWorker::Opened { applied: 0 });
            }
            ToPartition::Open { .. } if !leads => end.say(&ToWorker::Elsewhere { leader: part.leader }),
            ToPartition::Open { incarnation, received } => {
                let known = part.state.frontend(FRONTEND);
                if known.is_some_and(|known| known.incarnation > incarnation)
                    || known.is_some_and(|known| known.incarnation == incarnation && known.is_gone)
                {
                    let newest = known.map_or(incarnation, |known| known.incarnation);
                    return end.say(&ToWorker::Lost { newest });
                }
                if known.is_none_or(|known| known.incarnation < incarnation) || part.state.lane(lane).is_none() {
                    // What the lane of an earlier incarnation was not told is for nobody.
                    part.undelivered.remove(&lane);
                    self.apply(place, &Command::Numbered(Numbered::opening(lane, incarnation)).to_frame());
                }
                let part = &mut self.parts[place];
                let applied = part.state.lane(lane).expect("it has just begun").applied;
                end.say(&ToWorker::Opened { applied });
                let left = part.undelivered.entry(lane).or_default();
                left.retain(|(number, _)| *number > received);
                for (number, answer) in left {
                    end.say(&ToWorker::Answers(vec![(Numbering::Numbered(*number), answer.clone())]));
                }
                part.open.insert(lane, (end.backend, end.link.clone()));
            }
            ToPartition::Batch(numbered, batch) if leads && part.open.contains_key(&lane) => {
                self.repeated += usize::from(numbered.repeated);
                if part.state.frontend(FRONTEND).is_none_or(|known| known.is_gone) {
                    part.open.remove(&lane);
                    return end.say(&ToWorker::Lost { newest: numbered.incarnation });
                }
                if self.refuses_and_dies && is_publish(&batch) {
                    self.refuses_and_dies = false;
                    return self.refuse_and_die(place, end, &batch);
                }
                self.apply(place, &batch);
                end.say(&ToWorker::Taken { number: numbered.number });
            }
            ToPartition::Batch(..) => {}
            ToPartition::Leave { .. } => {
                self.leaves += 1;
                self.apply(place, &Command::FrontendGone(FrontendGone { frontend: FRONTEND }).to_frame());
            }
        }
    }

    /// The batch counts as applied, without its publishes.
    fn refuse_and_die(&mut self, place: usize, end: &End, batch: &[u8]) {
        let mut kept = BytesMut::new();
        for frame in Frames::new(batch).flatten().filter(|frame| !frame.is_publish()) {
            kept.extend_from_slice(frame.bytes);
        }
        cover(&mut kept);
        let part = &mut self.parts[place];
        part.elect(Some(1 - end.backend));
        self.apply(place, &kept);
    }

    /// Logs, applies and tells: also what follows from it at the other partitions.
    fn apply(&mut self, place: usize, frames: &[u8]) {
        let part = &mut self.parts[place];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let mut payload = BytesMut::from(&entry_header(Timestamp(now))[..]);
        payload.extend_from_slice(frames);
        part.log.push(payload.freeze());
        let mut effects = Effects::new();
        let index = part.log.len();
        let entry = Entry { index: index as u64, payload: &part.log[index - 1] };
        part.state.apply(entry, &mut effects).expect("an entry");
        let (mut answers, mut commands) = (Vec::new(), Vec::new());
        for effect in effects.drain() {
            match effect {
                Effect::Reply { to, reply } => {
                    let bodies = bodies(&reply).map(|body| part.body(body)).collect();
                    answers.push(Answer { to, from: part.state.id(), reply, bodies });
                }
                Effect::Send { to, command } => commands.push((usize::from(to.0), command)),
            }
        }
        answers.retain(|answer| Some(answer.to.worker) != self.unanswered);
        part.tell(answers);
        for (to, command) in commands {
            self.apply(to, &command);
        }
    }
}

fn is_publish(batch: &[u8]) -> bool {
    Frames::new(batch).flatten().any(|frame| frame.is_publish())
}

fn bodies(reply: &Reply) -> impl Iterator<Item = BodyRef> {
    let bodies: Vec<_> = match reply {
        Reply::Deliver(delivery) => vec![delivery.body],
        Reply::Direct(direct) => vec![direct.body],
        Reply::Retained { messages, .. } => messages.iter().map(|direct| direct.body).collect(),
        _ => Vec::new(),
    };
    bodies.into_iter()
}

impl Part {
    fn body(&self, BodyRef { index, offset, len }: BodyRef) -> Bytes {
        self.log[index as usize - 1].slice(offset as usize..(offset + len) as usize)
    }

    fn elect(&mut self, leader: Option<u16>) {
        for (_, (_, link)) in self.open.drain() {
            if let Some(sender) = link.sender(StreamId(self.state.id().0.into())) {
                let _ = sender.send(ToWorker::Elsewhere { leader }.encode());
            }
        }
        (self.leader, self.replaced) = (leader, None);
    }

    /// Numbers the answers of one entry and sends them to the lanes that are open.
    fn tell(&mut self, answers: Vec<Answer>) {
        let mut of_lane: HashMap<Lane, Vec<Answer>> = HashMap::new();
        for answer in answers {
            of_lane.entry(answer.to.lane()).or_default().push(answer);
        }
        for (lane, answers) in of_lane {
            let Some(state) = self.state.lane(lane) else { continue };
            let first = state.answered + 1 - answers.len() as u64;
            let numbered: Vec<_> = (first..).zip(answers).collect();
            if first == 1 {
                self.undelivered.remove(&lane);
            }
            self.undelivered.entry(lane).or_default().extend(numbered.iter().cloned());
            let sender = self.open.get(&lane).and_then(|(_, link)| link.sender(StreamId(self.state.id().0.into())));
            let numbered = numbered.into_iter().map(|(number, answer)| (Numbering::Numbered(number), answer));
            if let Some(sender) = sender {
                let _ = sender.send(ToWorker::Answers(numbered.collect()).encode());
            }
        }
    }
}

/// Where a lane arrives.
#[derive(Clone)]
struct End {
    backends: Backends,
    backend: u16,
    worker: u16,
    partition: PartitionId,
    link: Link,
}

impl End {
    fn say(&self, said: &ToWorker) {
        if let Some(sender) = self.link.sender(StreamId(self.partition.0.into())) {
            let _ = sender.send(said.encode());
        }
    }
}

impl Destination for End {
    fn deliver(&mut self, messages: &mut Vec<Bytes>) -> Result<Room, Closed> {
        let backends = self.backends.clone();
        let mut cluster = backends.lock();
        messages.drain(..).for_each(|message| cluster.on_message(self, &message));
        Ok(Room::Free)
    }

    fn room(&mut self) -> Room {
        Room::Free
    }

    fn begin(&mut self) {
        let backends = self.backends.clone();
        let mut cluster = backends.lock();
        let lane = Lane { frontend: FRONTEND, worker: self.worker };
        let open = &mut cluster.parts[usize::from(self.partition.0)].open;
        if open.get(&lane).is_some_and(|(at, _)| *at == self.backend) {
            open.remove(&lane);
        }
    }

    fn begun(&mut self) {
        let cluster = self.backends.lock();
        let part = &cluster.parts[usize::from(self.partition.0)];
        if part.leader == Some(self.backend) {
            self.say(&ToWorker::Leads { term: part.term });
        } else if part.replaced == Some(self.backend) {
            self.say(&ToWorker::Leads { term: part.term - 1 });
        }
    }
}
