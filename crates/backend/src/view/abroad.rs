//! Partitions that another process leads: how questions go there, and how those are answered that come from there.
//!
//! A question is `partition: u16, kind: u8, what is asked`, an answer `verdict: u8, what is answered`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use bytes::Bytes;
use partition::{PartitionId, Slice};
use tokio::time::{Instant, sleep};

use super::ViewError;
use super::call::{Call, Reply};
use super::line::Line;
use super::merge::Keyed;
use super::wire::{Wire, whole};
use crate::placement::Placement;

/// Who leads is replaced within a second; after that nobody is.
const PATIENCE: Duration = Duration::from_millis(1500);
const PAUSE: Duration = Duration::from_millis(100);

/// The most bytes of a retained message's payload that an answer has room for, and of the items of a list.
const PAYLOAD_BYTES: usize = 768 * 1024;

const SESSIONS: u8 = 1;
const SESSION: u8 = 2;
const HOLDINGS: u8 = 3;
const SUBSCRIPTIONS_OF: u8 = 4;
const SUBSCRIPTIONS_TO: u8 = 5;
const RETAINED: u8 = 6;
const RETAINED_MESSAGE: u8 = 7;
const DELETE_RETAINED: u8 = 8;

const ANSWERED: u8 = 0;
const ELSEWHERE: u8 = 1;
const LATE: u8 = 2;
const STOPPED: u8 = 3;
const UNKNOWN: u8 = 4;

/// An answer under way, or why there is none.
pub type Carrying = Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>>;

/// Brings questions to the processes of other backends, and their answers back.
pub trait Carry: Send + Sync {
    /// Asks that backend; fails at once where it is not reached, and after some seconds without an answer.
    fn ask(&self, backend: u16, question: Bytes) -> Carrying;
}

/// The ways to who may lead a partition.
#[derive(Clone)]
pub(super) struct Abroad {
    carry: Arc<dyn Carry>,
    placement: Arc<Placement>,
    /// By partition, the backend that has answered last.
    last: Arc<[AtomicU16]>,
}

impl Abroad {
    pub fn new(placement: Placement, carry: Arc<dyn Carry>) -> Self {
        let first = |replicas: &Vec<u16>| AtomicU16::new(replicas.first().copied().unwrap_or_default());
        Self { carry, last: placement.0.iter().map(first).collect(), placement: Arc::new(placement) }
    }

    /// Asks who leads the partition, and tells the answer to who has made the call.
    pub async fn ask(self, to: PartitionId, call: Call) -> Result<(), ViewError> {
        let question = question(to, &call);
        let until = Instant::now() + PATIENCE;
        loop {
            let mut trouble = "the backends that hold it wait for one to lead".to_owned();
            for backend in self.in_turn(to) {
                let answer = match self.carry.ask(backend, question.clone()).await {
                    Ok(answer) => answer,
                    Err(why) => {
                        trouble = why;
                        continue;
                    }
                };
                match answer.split_first() {
                    Some((&ANSWERED, content)) => {
                        if let Some(last) = self.last.get(usize::from(to.0)) {
                            last.store(backend, Ordering::Relaxed);
                        }
                        return fulfil(call, content).ok_or(ViewError::Puzzling(to));
                    }
                    Some((&ELSEWHERE, _)) => {}
                    Some((&LATE, _)) => return Err(super::line::late()),
                    Some((&STOPPED, _)) => return Err(ViewError::Stopped),
                    _ => return Err(ViewError::Puzzling(to)),
                }
            }
            if Instant::now() >= until {
                return Err(ViewError::Unreached { partition: to, trouble });
            }
            sleep(PAUSE).await;
        }
    }

    /// Who may lead it, beginning with who did.
    fn in_turn(&self, partition: PartitionId) -> Vec<u16> {
        let last = self.last.get(usize::from(partition.0)).map(|last| last.load(Ordering::Relaxed));
        let others = self.placement.replicas(partition).iter().copied().filter(|backend| Some(*backend) != last);
        last.into_iter().chain(others).collect()
    }
}

fn question(to: PartitionId, call: &Call) -> Bytes {
    let mut bytes = to.0.to_le_bytes().to_vec();
    let mut say = |kind: u8, what: &dyn Fn(&mut Vec<u8>)| {
        bytes.push(kind);
        what(&mut bytes);
    };
    match call {
        Call::Sessions(step, _) => say(SESSIONS, &|out| step.write(out)),
        Call::Session(client_id, _) => say(SESSION, &|out| client_id.write(out)),
        Call::Holdings(clients, _) => say(HOLDINGS, &|out| clients.write(out)),
        Call::SubscriptionsOf(step, _) => say(SUBSCRIPTIONS_OF, &|out| step.write(out)),
        Call::SubscriptionsTo(step, _) => say(SUBSCRIPTIONS_TO, &|out| step.write(out)),
        Call::Retained(step, _) => say(RETAINED, &|out| step.write(out)),
        Call::RetainedMessage(topic, _) => say(RETAINED_MESSAGE, &|out| topic.write(out)),
        Call::DeleteRetained(topic, _) => say(DELETE_RETAINED, &|out| topic.write(out)),
    }
    bytes.into()
}

/// Tells an answer to who waits for it; `None` where it cannot be read.
fn fulfil(call: Call, content: &[u8]) -> Option<()> {
    fn tell<T: Wire>(reply: Reply<T>, content: &[u8]) -> Option<()> {
        let answer = whole(content)?;
        // Who does not wait any more has passed his deadline.
        let _ = reply.send(answer);
        Some(())
    }
    match call {
        Call::Sessions(_, reply) => tell(reply, content),
        Call::Session(_, reply) => tell(reply, content),
        Call::Holdings(_, reply) => tell(reply, content),
        Call::SubscriptionsOf(_, reply) => tell(reply, content),
        Call::SubscriptionsTo(_, reply) => tell(reply, content),
        Call::Retained(_, reply) => tell(reply, content),
        Call::RetainedMessage(_, reply) => tell(reply, content),
        Call::DeleteRetained(_, reply) => tell(reply, content),
    }
}

/// Answers a question of another process to a partition that is led here.
pub(super) async fn serve(line: &Line<'_>, question: &[u8]) -> Bytes {
    let mut rest = question;
    let (Some(partition), Some(kind)) = (u16::read(&mut rest), u8::read(&mut rest)) else {
        return Bytes::from_static(&[UNKNOWN]);
    };
    let home = Home { line, partition: PartitionId(partition), content: rest };
    match kind {
        SESSIONS => home.answer(Call::Sessions, cut).await,
        SESSION => home.answer(Call::Session, |_| {}).await,
        HOLDINGS => home.answer(Call::Holdings, |_| {}).await,
        SUBSCRIPTIONS_OF => home.answer(Call::SubscriptionsOf, |_| {}).await,
        SUBSCRIPTIONS_TO => home.answer(Call::SubscriptionsTo, |_| {}).await,
        RETAINED => home.answer(Call::Retained, cut).await,
        RETAINED_MESSAGE => {
            let cut_payload = |found: &mut Result<Option<super::RetainedMessage>, String>| {
                if let Ok(Some(message)) = found {
                    message.payload.truncate(PAYLOAD_BYTES);
                }
            };
            home.answer(Call::RetainedMessage, cut_payload).await
        }
        DELETE_RETAINED => home.answer(Call::DeleteRetained, |_| {}).await,
        _ => Bytes::from_static(&[UNKNOWN]),
    }
}

/// Leaves what an answer has room for, and one item in any case: who asks goes on behind it.
fn cut<T: Keyed + Wire>(slice: &mut Slice<T>) {
    let (mut bytes, mut item_bytes) = (0, Vec::new());
    let beyond = slice.items.iter().position(|item| {
        item_bytes.clear();
        item.write(&mut item_bytes);
        bytes += item_bytes.len();
        bytes > PAYLOAD_BYTES
    });
    if let Some(beyond) = beyond {
        slice.items.truncate(beyond.max(1));
        slice.more = slice.items.last().map(|last| Arc::clone(last.key()));
    }
}

/// The partition that is asked, and what.
struct Home<'a> {
    line: &'a Line<'a>,
    partition: PartitionId,
    content: &'a [u8],
}

impl Home<'_> {
    async fn answer<Q: Wire, T: Wire>(
        self,
        call: impl FnOnce(Q, Reply<T>) -> Call,
        make_fit: impl FnOnce(&mut T),
    ) -> Bytes {
        let Some(asked) = whole(self.content) else { return Bytes::from_static(&[UNKNOWN]) };
        let verdict = match self.line.ask(self.partition, |reply| call(asked, reply)).await {
            Ok(mut answer) => {
                make_fit(&mut answer);
                let mut bytes = vec![ANSWERED];
                answer.write(&mut bytes);
                return bytes.into();
            }
            Err(ViewError::Elsewhere(_)) => ELSEWHERE,
            Err(ViewError::Late(_)) => LATE,
            Err(_) => STOPPED,
        };
        vec![verdict].into()
    }
}
