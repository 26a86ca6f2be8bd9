//! What an entry of 64 publishes of 256 bytes costs: alone, and as the leader of three members in one process.

#![allow(clippy::unwrap_used, missing_docs, reason = "prints figures for whoever runs it")]

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtt::QoS;
use partition::{
    BatchBuilder, Command, Message, Origin as From, Owner, PartitionId, Publish, Reply, Scope, SlotTable, Tag,
    Timestamp,
};
use replica::bodies::BodySettings;
use replica::log::LogSettings;
use replica::raft::{
    Carrier, CarryError, Carrying, Durability, Lane, Member, MemberId, MemberSettings, Origin, Standing, Timing,
};
use replica::solo::{self, Solo, SoloSettings};
use replica::{Outgoing, Replica};

const ENTRIES: u32 = 10_000;
const COMMANDS: u32 = 64;
const NOW: Timestamp = Timestamp(1_000_000);

type Answer = Arc<dyn Fn(Bytes) -> Carrying<'static> + Send + Sync>;

#[derive(Clone, Default)]
struct Network(Arc<RwLock<HashMap<MemberId, Answer>>>);

struct Wire {
    network: Network,
    from: MemberId,
}

impl Network {
    /// Both must be there.
    fn way(&self, from: MemberId, to: MemberId) -> Option<Answer> {
        let ends = self.0.read().unwrap();
        if ends.contains_key(&from) { ends.get(&to).cloned() } else { None }
    }
}

impl Carrier for Wire {
    fn carry(&self, _: PartitionId, to: MemberId, _: Lane, request: Bytes, deadline: Duration) -> Carrying<'_> {
        Box::pin(async move {
            let answer = self.network.way(self.from, to).ok_or(CarryError::Unreachable(to))?;
            // As over a link: another task answers.
            let task = tokio::spawn(async move { answer(request).await });
            tokio::time::timeout(deadline, task).await.map_err(|_| CarryError::Late(to))?.unwrap()
        })
    }
}

fn batch(entry: u32) -> Bytes {
    let mut batch = BatchBuilder::new();
    for command in 0..COMMANDS {
        let topic = format!("line/{}/temperature", command % 16);
        batch.push(&Command::Publish(Publish {
            reply: Some((Owner { frontend: 0, worker: 0, slot: 0, generation: 0 }, Tag(entry * COMMANDS + command))),
            origin: From::Client { client_id: "publisher", exactly_once: None },
            scope: Scope::Everyone,
            message: Message {
                payload: &[0x5a; 256],
                qos: QoS::AtLeastOnce,
                retain: false,
                ..Message::removal_of(&topic)
            },
        }));
    }
    batch.take()
}

/// Of the process, all threads.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// Hands over `entries`, `at_once` of them without waiting for answers, each as a batch of its own.
fn drive(replica: &mut Replica, entries: u32, at_once: u32, woken: &Receiver<()>) {
    let (mut sent, mut answered) = (0, 0);
    let (mut batches, mut out) = (Vec::new(), Outgoing::default());
    while answered < entries * COMMANDS {
        if batches.is_empty() && sent < entries && sent - answered / COMMANDS < at_once {
            batches.push(batch(sent));
            sent += 1;
        }
        replica.run(&mut batches, NOW, &mut out).unwrap();
        let acknowledged =
            out.answers.iter().filter(|(_, answer)| matches!(answer.reply, Reply::Published { .. })).count();
        answered += acknowledged as u32;
        out = Outgoing::default();
        if !batches.is_empty() {
            replica.wait(Duration::from_millis(100));
        } else if acknowledged == 0 && (sent == entries || sent - answered / COMMANDS >= at_once) {
            let _ = woken.recv_timeout(Duration::from_millis(100));
        }
    }
}

fn figures(name: &str, replica: &mut Replica, woken: &Receiver<()>) {
    drive(replica, ENTRIES / 10, 1, woken);
    for (mode, at_once, entries) in [("one at a time", 1, ENTRIES / 4), ("many under way", 64, ENTRIES)] {
        let (wall, cpu_before) = (Instant::now(), cpu());
        drive(replica, entries, at_once, woken);
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(entries);
        let (wall, cpu) = (micros(wall.elapsed()), micros(cpu() - cpu_before));
        println!(
            "{name:10} {mode:15} {wall:7.1} us an entry, {cpu:7.1} us of CPU; {:.2} us of CPU a message",
            cpu / f64::from(COMMANDS)
        );
    }
}

/// How long nothing is acknowledged when the leader is not heard any more.
fn takeover(mut others: Vec<Replica>, woken: &Receiver<()>) {
    let begun = Instant::now();
    let mut batches = vec![batch(0)];
    loop {
        for replica in &mut others {
            let (mut out, was) = (Outgoing::default(), batches.len());
            replica.run(&mut batches, NOW, &mut out).unwrap();
            if was > 0 && batches.is_empty() {
                println!("takeover   taken after   {:7.1} ms", begun.elapsed().as_secs_f64() * 1e3);
            }
            if !out.answers.is_empty() {
                println!("takeover   answered after{:7.1} ms", begun.elapsed().as_secs_f64() * 1e3);
                return;
            }
        }
        let _ = woken.recv_timeout(Duration::from_millis(5));
    }
}

fn settings(dir: &std::path::Path, process: u32, origin: Origin) -> MemberSettings {
    MemberSettings {
        dir: dir.join(process.to_string()),
        member: MemberId { process, life: 1 },
        origin,
        partition: PartitionId(0),
        slots: SlotTable::even(1),
        durability: Durability::Async,
        log: LogSettings::default(),
        bodies: BodySettings::default(),
        timing: Timing::default(),
        compact_after_bytes: 64 << 20,
        reserve_bytes: 0,
    }
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let (wake, woken) = channel();
    let alone = SoloSettings {
        dir: dir.path().join("solo"),
        partition: PartitionId(0),
        slots: SlotTable::even(1),
        durability: solo::Durability::Async,
        log: LogSettings::default(),
        bodies: BodySettings::default(),
        compact_after_bytes: 64 << 20,
        reserve_bytes: 0,
    };
    figures("solo", &mut Solo::open(alone).unwrap().0.into(), &woken);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let network = Network::default();
    let wake: replica::raft::Wake = Arc::new(move || _ = wake.send(()));
    let open = |process, origin| {
        let from = MemberId { process, life: 1 };
        let carrier = Arc::new(Wire { network: network.clone(), from });
        let open = Member::open(settings(dir.path(), process, origin), carrier, Arc::clone(&wake));
        let member = runtime.block_on(open).unwrap();
        network.0.write().unwrap().insert(member.id(), Arc::new(member.answer()));
        member
    };
    let first = open(1, Origin::founds_alone());
    while !matches!(first.standing().unwrap(), Standing::Leading { .. }) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let membership = first.membership();
    let mut first = Replica::from(first);
    figures("1 member", &mut first, &woken);
    let others = [open(2, Origin::Joins), open(3, Origin::Joins)];
    let ids: Vec<_> = others.iter().map(Member::id).collect();
    runtime.block_on(async {
        for id in &ids {
            membership.add_learner(*id).await.unwrap();
        }
        membership.set_voters(std::iter::once(MemberId { process: 1, life: 1 }).chain(ids).collect()).await.unwrap();
    });
    figures("3 members", &mut first, &woken);
    network.0.write().unwrap().remove(&MemberId { process: 1, life: 1 });
    takeover(others.into_iter().map(Replica::from).collect(), &woken);
    first.close().unwrap();
}
