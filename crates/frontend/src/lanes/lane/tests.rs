//! A lane against a partition that changes its leader, over links that break, for many random courses.

mod replaced;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt::QoS;
use partition::{
    Answer, Command, CommandReader, Epoch, Message, Origin, Owner, PartitionId, PartitionSet, Publish, Reply, Scope,
    Tag, Touch,
};

use super::seeking::PATIENCE_MS;
use super::*;

const ID: partition::Lane = partition::Lane { frontend: 1, worker: 2 };
const OWNER: Owner = Owner { frontend: 1, worker: 2, slot: 3, generation: 4 };
const REPLICAS: [u16; 3] = [4, 5, 6];

fn touch(builder: &mut BatchBuilder, tag: u32) {
    let partitions = PartitionSet::default();
    let command = Touch { owner: OWNER, tag: Tag(tag), client_id: "c", epoch: Epoch(1), partitions };
    builder.push(&Command::Touch(command));
}

fn publish(builder: &mut BatchBuilder, tag: u32) {
    let message =
        Message { topic: "t", qos: QoS::AtLeastOnce, retain: false, expires: None, properties: &[], payload: b"x" };
    let origin = Origin::Client { client_id: "c", exactly_once: None };
    let publish = Publish { reply: Some((OWNER, Tag(tag))), origin, scope: Scope::Everyone, message };
    builder.push(&Command::Publish(publish));
}

fn answer(tag: u32) -> Answer {
    Answer { to: OWNER, from: PartitionId(0), reply: Reply::Touched { tag: Tag(tag) }, bodies: Default::default() }
}

fn tag_of(answer: &Answer) -> u32 {
    match answer.reply {
        Reply::Touched { tag } => tag.0,
        ref other => panic!("not an answer of this test: {other:?}"),
    }
}

/// The same every time for one seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.roll(n) == 0
    }
}

/// What all replicas know.
#[derive(Default)]
struct State {
    incarnation: u64,
    is_gone: bool,
    applied: BTreeSet<u64>,
    /// Tags of logged commands in the order in which they were applied.
    order: Vec<u32>,
    answers: Vec<u32>,
}

/// A backend and the link to it.
#[derive(Default)]
struct Backend {
    is_up: bool,
    /// The lane is open here.
    is_open: bool,
    to: VecDeque<Bytes>,
    from: VecDeque<Bytes>,
}

struct World {
    dice: Dice,
    now: u64,
    lane: Lane,
    builder: BatchBuilder,
    state: State,
    leader: Option<u16>,
    /// Who takes himself for the leader, and since which term: some have been replaced and do not know.
    claims: BTreeMap<u16, u64>,
    term: u64,
    /// Whether backends say in which term they lead.
    proclaims: bool,
    backends: BTreeMap<u16, Backend>,
    next_tag: u32,
    /// What was said in the present incarnation, in its order, and what was heard.
    logged: Vec<u32>,
    unlogged: BTreeSet<u32>,
    heard: Vec<u32>,
    heard_unnumbered: BTreeSet<u32>,
    incarnations: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let backends = REPLICAS.map(|backend| (backend, Backend { is_up: true, ..Backend::default() }));
        Self {
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            now: 0,
            lane: Lane::new(ID, &REPLICAS, Incarnation(1)),
            builder: BatchBuilder::for_lane(),
            state: State::default(),
            leader: Some(REPLICAS[0]),
            claims: BTreeMap::from([(REPLICAS[0], 1)]),
            term: 1,
            proclaims: !seed.is_multiple_of(4),
            backends: backends.into(),
            next_tag: 0,
            logged: Vec::new(),
            unlogged: BTreeSet::new(),
            heard: Vec::new(),
            heard_unnumbered: BTreeSet::new(),
            incarnations: 1,
        }
    }

    fn act(&mut self, act: impl FnOnce(&mut Lane, &mut Outlet)) {
        let mut out = Outlet::default();
        act(&mut self.lane, &mut out);
        for (backend, message) in out.messages {
            self.backends.get_mut(&backend).unwrap().to.push_back(message);
        }
        for answer in out.answers {
            let tag = tag_of(&answer);
            if self.unlogged.contains(&tag) {
                self.heard_unnumbered.insert(tag);
            } else {
                self.heard.push(tag);
            }
        }
        if let Some(known) = out.lost {
            self.incarnations += 1;
            self.lane.begin_anew(Incarnation(known.0 + 1));
            self.builder = BatchBuilder::for_lane();
            (self.logged, self.heard) = Default::default();
            (self.unlogged, self.heard_unnumbered) = Default::default();
        }
    }

    /// Commands of one turn: what must be logged and what need not, in batches of their own or together.
    fn speak(&mut self) {
        for _ in 0..=self.dice.roll(3) {
            self.next_tag += 1;
            let tag = self.next_tag;
            if self.dice.one_in(2) {
                touch(&mut self.builder, tag);
                self.logged.push(tag);
            } else {
                publish(&mut self.builder, tag);
                self.unlogged.insert(tag);
            }
        }
        self.hand_over();
    }

    fn hand_over(&mut self) {
        let mut builder = std::mem::replace(&mut self.builder, BatchBuilder::for_lane());
        if self.lane.wants(&builder) {
            self.act(|lane, out| lane.push(&mut builder, out));
        } else {
            self.builder = builder;
        }
    }

    fn look(&mut self) {
        self.now += 10 + self.dice.roll(200);
        let (now, up) = (self.now, self.backends.iter().map(|(id, b)| (*id, b.is_up)).collect::<BTreeMap<_, _>>());
        self.act(|lane, out| lane.look(now, |backend| up[&backend], out));
        self.hand_over();
    }

    fn deliver_from(&mut self, id: u16) {
        let Some(message) = self.backends.get_mut(&id).filter(|b| b.is_up).and_then(|b| b.from.pop_front()) else {
            return;
        };
        let now = self.now;
        let said = ToWorker::decode(&message).unwrap();
        self.act(|lane, out| lane.on_message(id, said, message.len(), now, out));
    }

    fn deliver_to(&mut self, id: u16) {
        let leads = self.leader == Some(id);
        let hint = if self.dice.one_in(3) { None } else { self.leader };
        let backend = self.backends.get_mut(&id).unwrap();
        if !backend.is_up {
            return;
        }
        let Some(message) = backend.to.pop_front() else { return };
        let say = |backend: &mut Backend, said: ToWorker| backend.from.push_back(said.encode());
        match ToPartition::decode(ID, &message).unwrap() {
            // It learns nothing new, and what it is told comes to nothing.
            ToPartition::Open { .. } if !leads && self.claims.contains_key(&id) => {
                say(backend, ToWorker::Opened { applied: 0 });
            }
            ToPartition::Open { .. } if !leads => say(backend, ToWorker::Elsewhere { leader: hint }),
            ToPartition::Open { incarnation, received } => {
                if incarnation.0 > self.state.incarnation {
                    self.state = State { incarnation: incarnation.0, ..State::default() };
                }
                let knows = !self.state.is_gone && incarnation.0 == self.state.incarnation;
                if !knows {
                    backend.is_open = false;
                    return say(backend, ToWorker::Lost { newest: Incarnation(self.state.incarnation) });
                }
                backend.is_open = true;
                say(backend, ToWorker::Opened { applied: self.state.applied.last().copied().unwrap_or(0) });
                let left = self.state.answers.iter().zip(1..).skip(received as usize);
                let left: Vec<_> = left.map(|(tag, number)| (Numbering::Numbered(number), answer(*tag))).collect();
                if !left.is_empty() {
                    say(backend, ToWorker::Answers(left));
                }
            }
            ToPartition::Batch(numbered, batch) if leads && backend.is_open => {
                if self.state.is_gone || numbered.incarnation.0 != self.state.incarnation {
                    backend.is_open = false;
                    return say(backend, ToWorker::Lost { newest: Incarnation(self.state.incarnation) });
                }
                let answers = self.state.apply(&numbered, &batch);
                if !answers.is_empty() {
                    say(backend, ToWorker::Answers(answers));
                }
                say(backend, ToWorker::Taken { number: numbered.number });
            }
            ToPartition::Batch(..) | ToPartition::Leave { .. } => {}
        }
    }

    /// Another leader, or none; the old one may tell, or not know of it.
    fn elect(&mut self, leader: Option<u16>) {
        if let Some(old) = self.leader.filter(|old| leader != Some(*old)) {
            match self.dice.roll(4) {
                0 => self.backends.get_mut(&old).unwrap().is_open = false,
                1 | 2 => self.step_down(old),
                _ => return self.lead(leader),
            }
            self.claims.remove(&old);
        }
        self.lead(leader);
    }

    fn lead(&mut self, leader: Option<u16>) {
        self.leader = leader;
        if let Some(new) = leader {
            // Another reign: all lanes are opened anew.
            self.step_down(new);
            self.term += 1;
            self.claims.insert(new, self.term);
            self.proclaim(new);
        }
    }

    fn proclaim(&mut self, id: u16) {
        if let Some(term) = self.claims.get(&id).filter(|_| self.proclaims) {
            self.backends.get_mut(&id).unwrap().from.push_back(ToWorker::Leads { term: *term }.encode());
        }
    }

    /// One who has led hears that he does no more.
    fn step_down(&mut self, id: u16) {
        self.claims.remove(&id);
        let backend = self.backends.get_mut(&id).unwrap();
        if std::mem::take(&mut backend.is_open) {
            backend.from.push_back(ToWorker::Elsewhere { leader: None }.encode());
        }
    }

    fn forget_the_replaced(&mut self) {
        let leader = self.leader;
        let replaced: Vec<u16> = self.claims.keys().copied().filter(|id| Some(*id) != leader).collect();
        replaced.into_iter().for_each(|id| self.step_down(id));
    }

    /// The link to a backend begins anew: what was under way is lost.
    fn restart(&mut self, id: u16) {
        *self.backends.get_mut(&id).unwrap() = Backend { is_up: true, ..Backend::default() };
        let now = self.now;
        self.act(|lane, _| lane.on_session(id, now));
        self.proclaim(id);
    }

    fn step(&mut self) {
        let id = REPLICAS[self.dice.roll(3) as usize];
        match self.dice.roll(60) {
            0 => self.elect(None),
            1 | 2 => self.elect(Some(id)),
            3 => self.backends.get_mut(&id).unwrap().is_up = false,
            4 | 5 => self.backends.get_mut(&id).unwrap().is_up = true,
            6 => self.restart(id),
            7 if self.dice.one_in(12) => self.state.is_gone = self.state.incarnation > 0,
            8 if self.dice.one_in(4) => self.forget_the_replaced(),
            7..20 => self.speak(),
            20..30 => self.look(),
            30..45 => self.deliver_to(id),
            _ => self.deliver_from(id),
        }
    }

    fn settle(&mut self) {
        for id in REPLICAS {
            self.backends.get_mut(&id).unwrap().is_up = true;
        }
        self.elect(Some(REPLICAS[1]));
        if !self.proclaims {
            self.forget_the_replaced();
        }
        for _ in 0..2000 {
            self.look();
            for id in REPLICAS {
                while !self.backends[&id].to.is_empty() {
                    self.deliver_to(id);
                }
                while !self.backends[&id].from.is_empty() {
                    self.deliver_from(id);
                }
            }
            if self.lane.is_flushed() && self.builder.is_empty() && self.lane.leader() == self.leader {
                return;
            }
        }
        panic!("the lane does not come to rest: {:?}, {} batches", self.lane.stage, self.lane.batches.len());
    }
}

impl State {
    /// As the partition does: a batch that may be taken without being logged is, every second time.
    fn apply(&mut self, numbered: &Numbered, batch: &Bytes) -> Vec<(Numbering, Answer)> {
        if self.applied.contains(&numbered.number) {
            return Vec::new();
        }
        let mut commands = Vec::new();
        for command in CommandReader::new(batch).skip(1) {
            match command.unwrap() {
                Command::Touch(touch) => commands.push((touch.tag.0, true)),
                Command::Publish(publish) => commands.push((publish.reply.unwrap().1.0, false)),
                other => panic!("not a command of this test: {other:?}"),
            }
        }
        let is_logged = commands.is_empty() || commands.iter().any(|(_, must_be)| *must_be);
        if !is_logged && numbered.number.is_multiple_of(2) {
            return commands.iter().map(|(tag, _)| (Numbering::Unnumbered, answer(*tag))).collect();
        }
        self.applied.insert(numbered.number);
        let mut answers = Vec::new();
        for (tag, must_be) in commands {
            if must_be {
                self.order.push(tag);
            }
            self.answers.push(tag);
            answers.push((Numbering::Numbered(self.answers.len() as u64), answer(tag)));
        }
        answers
    }
}

#[test]
fn what_is_logged_is_applied_once_in_its_order_and_answered_once_whatever_breaks() {
    let (mut openings, mut incarnations, mut repeated) = (0, 0, 0);
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.step();
        }
        world.settle();
        assert_eq!(world.state.order, world.logged, "seed {seed}: applied once, in order");
        let logged: BTreeSet<u32> = world.logged.iter().copied().collect();
        let heard: Vec<u32> = world.heard.iter().copied().filter(|tag| logged.contains(tag)).collect();
        assert_eq!(heard, world.logged, "seed {seed}: answered once, in order");
        assert_eq!(world.heard_unnumbered, world.unlogged, "seed {seed}: the rest is answered too");
        assert_eq!(world.lane.bytes(), 0);
        openings += world.lane.openings;
        repeated += world.lane.repeated;
        incarnations += world.incarnations;
    }
    // Otherwise the course of events is not as random as it is meant to be.
    assert!(openings > 1000 && repeated > 4000 && incarnations > 500, "{openings} {repeated} {incarnations}");
}

fn open(lane: &mut Lane, backend: u16) -> Vec<(u16, Bytes)> {
    let mut out = Outlet::default();
    lane.look(0, |up| up == backend, &mut out);
    let asked: Vec<_> = out.messages.drain(..).map(|(to, _)| to).collect();
    assert_eq!(asked, [backend]);
    lane.on_message(backend, ToWorker::Opened { applied: 0 }, 10, 0, &mut out);
    out.messages
}

#[test]
fn while_there_is_no_leader_commands_gather_in_few_batches() {
    let mut lane = Lane::new(ID, &REPLICAS, Incarnation(1));
    let mut builder = BatchBuilder::for_lane();
    touch(&mut builder, 1);
    assert!(!lane.wants(&builder), "nobody is there to take it");
    while builder.len() < CUT_BYTES {
        touch(&mut builder, 2);
    }
    assert!(lane.wants(&builder));
    let mut out = Outlet::default();
    lane.push(&mut builder, &mut out);
    assert!(out.messages.is_empty() && lane.bytes() > CUT_BYTES && !lane.is_full());
    while !lane.is_full() {
        while builder.len() < CUT_BYTES {
            touch(&mut builder, 3);
        }
        lane.push(&mut builder, &mut out);
    }
    assert!(lane.bytes() < FULL_BYTES + 2 * CUT_BYTES);
    let sent = open(&mut lane, 5);
    assert_eq!(sent.len(), lane.batches.len());
    let is_repeated = |message: &Bytes| match ToPartition::decode(ID, message) {
        Ok(ToPartition::Batch(numbered, _)) => numbered.repeated,
        other => panic!("not a batch: {other:?}"),
    };
    assert!(sent.iter().all(|(to, message)| *to == 5 && !is_repeated(message)), "for the first time");
    lane.on_session(5, 0);
    let again = open(&mut lane, 5);
    assert!(again.len() == sent.len() && again.iter().all(|(_, message)| is_repeated(message)));
    let last = lane.last;
    lane.on_message(5, ToWorker::Taken { number: last }, 10, 0, &mut out);
    assert!(lane.is_flushed() && !lane.is_full() && lane.bytes() == 0);
    assert_eq!(out.taken_again.len(), sent.len(), "their refusals may have been lost");
}

#[test]
fn no_more_batches_are_kept_than_the_partition_remembers() {
    let mut lane = Lane::new(ID, &REPLICAS, Incarnation(1));
    open(&mut lane, 4);
    let mut out = Outlet::default();
    let mut builder = BatchBuilder::for_lane();
    let mut sent = 0;
    loop {
        touch(&mut builder, sent);
        if !lane.wants(&builder) {
            break;
        }
        lane.push(&mut builder, &mut out);
        sent += 1;
    }
    assert!(u64::from(sent) < BATCH_WINDOW);
    lane.on_message(4, ToWorker::Taken { number: 1 }, 10, 0, &mut out);
    assert!(lane.wants(&builder), "what had to wait goes when there is room");
}

#[test]
fn a_leader_that_is_named_is_asked_at_once_and_those_that_name_each_other_are_not_asked_for_ever() {
    let mut lane = Lane::new(ID, &REPLICAS, Incarnation(1));
    let mut out = Outlet::default();
    let mut now = 0;
    let mut asked = Vec::new();
    while now < 3000 {
        lane.look(now, |_| true, &mut out);
        for (backend, _) in std::mem::take(&mut out.messages) {
            asked.push((now, backend));
            let other = if backend == 4 { 6 } else { 4 };
            lane.on_message(backend, ToWorker::Elsewhere { leader: Some(other) }, 10, now, &mut out);
        }
        now += 5;
    }
    assert_eq!(asked[..2], [(0, 4), (5, 6)]);
    assert!((8..40).contains(&asked.len()), "asked {} times in 3 s", asked.len());
}

#[test]
fn with_one_replica_an_interruption_is_waited_for_and_with_several_another_one_is_asked() {
    for replicas in [&REPLICAS[..1], &REPLICAS[..]] {
        let mut lane = Lane::new(ID, replicas, Incarnation(1));
        open(&mut lane, 4);
        let mut out = Outlet::default();
        for now in (0..=PATIENCE_MS).step_by(50) {
            lane.look(now, |backend| backend != 4, &mut out);
            assert_eq!(lane.leader().is_some(), now < PATIENCE_MS || replicas.len() == 1);
        }
        lane.look(PATIENCE_MS + 1, |backend| backend != 4, &mut out);
        let asked: Vec<_> = out.messages.iter().map(|(to, _)| *to).collect();
        assert_eq!(asked, if replicas.len() == 1 { vec![] } else { vec![5] });
    }
}

#[test]
fn a_worker_whose_clients_only_listen_tells_what_it_has_received() {
    let mut lane = Lane::new(ID, &REPLICAS, Incarnation(1));
    open(&mut lane, 4);
    let mut out = Outlet::default();
    let mut tell = |lane: &mut Lane, numbers: std::ops::RangeInclusive<u64>| {
        let answers = numbers.map(|number| (Numbering::Numbered(number), answer(1))).collect();
        lane.on_message(4, ToWorker::Answers(answers), 100, 0, &mut out);
        std::mem::take(&mut out.messages)
    };
    assert!(tell(&mut lane, 1..=NOTE_ANSWERS - 1).is_empty());
    let told = tell(&mut lane, NOTE_ANSWERS..=NOTE_ANSWERS);
    let ToPartition::Batch(numbered, _) = ToPartition::decode(ID, &told[0].1).unwrap() else { panic!("not a batch") };
    assert_eq!((numbered.received, numbered.len), (NOTE_ANSWERS, 0));
}

#[test]
fn an_opening_or_a_loss_of_an_incarnation_that_has_ended_is_not_taken_for_one_of_this() {
    let mut lane = Lane::new(ID, &REPLICAS, Incarnation(1));
    let mut out = Outlet::default();
    lane.look(0, |_| true, &mut out);
    lane.begin_anew(Incarnation(9));
    lane.on_message(4, ToWorker::Opened { applied: 0 }, 10, 0, &mut out);
    assert_eq!(lane.leader(), None, "that was the answer to the first question");
    lane.look(1, |_| true, &mut out);
    lane.on_message(4, ToWorker::Lost { newest: Incarnation(1) }, 10, 1, &mut out);
    assert!(out.lost.is_none());
    lane.on_message(4, ToWorker::Opened { applied: 0 }, 10, 1, &mut out);
    assert_eq!(lane.leader(), Some(4));
    lane.on_message(4, ToWorker::Lost { newest: Incarnation(9) }, 10, 1, &mut out);
    assert_eq!(out.lost, Some(Incarnation(9)));
}

#[test]
fn answers_that_are_missing_open_the_lane_anew() {
    let mut lane = Lane::new(ID, &REPLICAS, Incarnation(1));
    open(&mut lane, 4);
    let mut out = Outlet::default();
    let numbered = |numbers: &[u64]| {
        ToWorker::Answers(numbers.iter().map(|number| (Numbering::Numbered(*number), answer(*number as u32))).collect())
    };
    lane.on_message(4, numbered(&[1, 2, 2, 1, 3]), 10, 0, &mut out);
    assert_eq!(out.answers.iter().map(tag_of).collect::<Vec<_>>(), [1, 2, 3]);
    lane.on_message(4, numbered(&[5]), 10, 0, &mut out);
    assert_eq!((lane.leader(), out.answers.len()), (None, 3));
    lane.on_message(4, numbered(&[4]), 10, 0, &mut out);
    assert_eq!(out.answers.len(), 3, "nothing more until the lane is open again");
}

#[test]
fn a_goodbye_names_the_incarnation_and_goes_to_the_leader_only() {
    let mut lane = Lane::new(ID, &REPLICAS, Incarnation(7));
    let mut out = Outlet::default();
    lane.leave(&mut out);
    assert!(out.messages.is_empty());
    open(&mut lane, 4);
    lane.leave(&mut out);
    let leave = ToPartition::decode(ID, &out.messages[0].1);
    assert!(matches!(leave, Ok(ToPartition::Leave { incarnation: Incarnation(7) })));
}
