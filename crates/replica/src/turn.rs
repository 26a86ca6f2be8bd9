//! What the batches of a turn become where frontends are in other processes: one entry, and what is applied behind it
//! without being logged.
//!
//! A lane's batch is logged as a whole or not at all, so that it can come again after a crash and be told from one that
//! was applied. All of a lane's batches of one turn go the same way, so that they stay in their order. What is QoS 0
//! without RETAIN goes behind the entry, in its order; where the lane also has a retained QoS 0 publish, which it
//! must not pass, it is logged with the rest.
//!
//! What is to be logged and would overtake a publish that was not, see [`Unsettled`], is put off, with all of its lane.

use bytes::{Bytes, BytesMut};
use partition::{Command, DecodeError, Frame, Frames, Lane, Logging, Need, Numbered, Partition, Verdict, lane};
use smallvec::SmallVec;

use crate::outgoing::is_all_logged;
use crate::unsettled::{Course, Unsettled};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Every command of them is logged.
    pub logged: Vec<Bytes>,
    /// None is, as [`Partition::apply_unlogged`] takes them, in their order.
    pub unlogged: Vec<Bytes>,
    /// To come again when what they would overtake is settled, in their order.
    pub later: Vec<(Numbered, Bytes)>,
    /// Publishes of QoS 0 that are left out, as they may have arrived already.
    pub passed_over: u64,
}

/// What the batches of one lane need together.
#[derive(Clone, Copy, Debug)]
struct Wish {
    lane: Lane,
    is_logged: bool,
    has_retained_qos0: bool,
    is_put_off: bool,
}

/// A publish that keeps its place among others, of a batch that may be logged or not.
#[derive(Clone, Copy, Debug)]
struct Passing {
    lane: Lane,
    number: u64,
    course: Course,
}

/// Whether any of the batches is of a lane.
pub(crate) fn has_lanes(batches: &[Bytes]) -> bool {
    batches.iter().any(|batch| is_of_lane(batch))
}

pub(crate) fn is_of_lane(batch: &[u8]) -> bool {
    Frames::new(batch).next().is_some_and(|first| first.is_ok_and(|first| first.is_numbered()))
}

/// The number of a batch, if it is of a lane.
pub(crate) fn number_of(batch: &[u8]) -> Result<Option<Numbered>, DecodeError> {
    let Some(first) = Frames::new(batch).next().transpose()? else { return Ok(None) };
    if !first.is_numbered() {
        return Ok(None);
    }
    match first.decode()? {
        Command::Numbered(numbered) => Ok(Some(numbered)),
        _ => Err(DecodeError::Inconsistent("the number of a batch")),
    }
}

impl Turn {
    /// Arranges batches of lanes and others.
    ///
    /// # Errors
    /// When something is not a batch; what came from elsewhere was looked at before.
    pub fn arrange(
        batches: Vec<Bytes>,
        partition: &mut Partition,
        unsettled: &mut Unsettled,
    ) -> Result<Self, DecodeError> {
        let mut wishes = Wishes::default();
        let mut kept = Vec::with_capacity(batches.len());
        for batch in batches {
            let numbered = number_of(&batch)?;
            let verdict = numbered.map(|numbered| (numbered, partition.judge(&numbered)));
            match verdict {
                Some((_, Verdict::Skipped)) => continue,
                Some((numbered, verdict)) => wishes.add(&batch, numbered, verdict, (partition, unsettled))?,
                None => {}
            }
            kept.push((batch, numbered));
        }
        wishes.look_at(unsettled);
        let mut turn = Self::default();
        for (batch, numbered) in kept {
            let wish = numbered.map(|numbered| (numbered, wishes.of(numbered.lane)));
            match wish {
                Some((numbered, wish)) if wish.is_put_off => turn.later.push((numbered, batch)),
                Some((numbered, wish)) => turn.add(batch, numbered, wish)?,
                None => turn.add_other(batch)?,
            }
        }
        Ok(turn)
    }

    /// A batch that is of no lane is applied command by command, as each is marked.
    fn add_other(&mut self, batch: Bytes) -> Result<(), DecodeError> {
        if is_all_logged(&batch) {
            self.logged.push(batch);
            return Ok(());
        }
        let (mut logged, mut unlogged) = (BytesMut::new(), BytesMut::new());
        for frame in Frames::new(&batch) {
            let frame = frame?;
            let to = if frame.is_logged() { &mut logged } else { &mut unlogged };
            to.extend_from_slice(frame.bytes);
        }
        push(logged, &mut self.logged);
        push(unlogged, &mut self.unlogged);
        Ok(())
    }

    fn add(&mut self, batch: Bytes, numbered: Numbered, wish: Wish) -> Result<(), DecodeError> {
        if wish.is_logged && is_all_logged(&batch) {
            self.logged.push(batch);
            return Ok(());
        }
        if !wish.is_logged && !numbered.repeated {
            // As it lies: nothing of it is left out.
            let head = Frames::new(&batch).next().transpose()?.map_or(0, |head| head.bytes.len());
            self.unlogged.push(batch.slice(head..));
            return Ok(());
        }
        let (mut logged, mut unlogged) = (BytesMut::new(), BytesMut::new());
        for frame in Frames::new(&batch) {
            let frame = frame?;
            // QoS 0 that may have arrived already does not come again.
            let is_dropped = is_loose(&frame) && numbered.repeated;
            self.passed_over += u64::from(is_dropped);
            if frame.is_numbered() {
                logged.extend_from_slice(frame.bytes);
            } else if !is_dropped && wish.is_logged && (wish.has_retained_qos0 || !is_loose(&frame)) {
                frame.copy_to(Logging::Logged, &mut logged);
            } else if !is_dropped {
                frame.copy_to(Logging::Unlogged, &mut unlogged);
            }
        }
        if wish.is_logged {
            lane::cover(&mut logged);
            self.logged.push(logged.freeze());
        }
        push(unlogged, &mut self.unlogged);
        Ok(())
    }
}

fn push(commands: BytesMut, to: &mut Vec<Bytes>) {
    if !commands.is_empty() {
        to.push(commands.freeze());
    }
}

/// Commands that were not to be logged and could not be applied, marked so that they are told from others.
pub(crate) fn marked(unlogged: &Bytes) -> Bytes {
    let mut marked = BytesMut::with_capacity(unlogged.len());
    Frames::new(unlogged).flatten().for_each(|frame| frame.copy_to(Logging::Unlogged, &mut marked));
    marked.freeze()
}

/// A QoS 0 publish without RETAIN, as its sender has marked it.
fn is_loose(frame: &Frame<'_>) -> bool {
    frame.is_publish() && !frame.is_logged()
}

/// The wishes of the lanes of a turn: as many as there are workers that have said something.
#[derive(Default)]
struct Wishes {
    lanes: SmallVec<[Wish; 8]>,
    passing: Vec<Passing>,
}

impl Wishes {
    fn add(
        &mut self,
        batch: &[u8],
        numbered: Numbered,
        verdict: Verdict,
        (partition, unsettled): (&mut Partition, &Unsettled),
    ) -> Result<(), DecodeError> {
        let Numbered { lane, number, .. } = numbered;
        // One with nothing in it notes what was received, for all replicas.
        let mut is_logged = verdict == Verdict::Begins || numbered.len == 0;
        let mut has_retained_qos0 = false;
        // Of a lane where all is logged, nobody asks.
        let has_unsettled = unsettled.has(lane);
        for frame in Frames::new(batch).skip(1) {
            let frame = frame?;
            if !frame.is_publish() {
                is_logged |= frame.is_logged();
            } else if frame.is_logged()
                && let Some(publish) = frame.decode_publish()?
            {
                let need = partition.need_of_publish(&publish);
                is_logged |= need == Need::Log;
                has_retained_qos0 |= publish.message.retain && publish.message.qos as u8 == 0;
                if (need == Need::Answer || has_unsettled)
                    && let Some(course) = unsettled.course(&publish)
                {
                    self.passing.push(Passing { lane, number, course });
                }
            }
        }
        match self.lanes.iter_mut().find(|known| known.lane == lane) {
            Some(known) => {
                known.is_logged |= is_logged;
                known.has_retained_qos0 |= has_retained_qos0;
            }
            None => self.lanes.push(Wish { lane, is_logged, has_retained_qos0, is_put_off: false }),
        }
        Ok(())
    }

    /// Has lanes wait that would log what overtakes something, and notes what others pass on.
    fn look_at(&mut self, unsettled: &mut Unsettled) {
        let Self { lanes, passing } = self;
        for wish in lanes.iter_mut().filter(|wish| wish.is_logged) {
            let lane = wish.lane;
            let own = passing.iter().filter(|passing| passing.lane == lane);
            wish.is_put_off = unsettled.has_any(lane, own.map(|passing| passing.course));
        }
        for Passing { lane, number, course } in passing.drain(..) {
            if lanes.iter().any(|wish| wish.lane == lane && !wish.is_logged) {
                unsettled.add(lane, number, course);
            }
        }
    }

    fn of(&self, lane: Lane) -> Wish {
        let known = self.lanes.iter().find(|known| known.lane == lane);
        known.copied().unwrap_or(Wish { lane, is_logged: true, has_retained_qos0: true, is_put_off: false })
    }
}
