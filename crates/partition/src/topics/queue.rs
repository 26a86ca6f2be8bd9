//! The references waiting for one persistent session, numbered without end, in chunks that are given back as they empty.

use std::collections::VecDeque;

use mqtt::QoS;

use crate::address::{BodyRef, Timestamp};

use super::links::LinkId;

/// Entries of a chunk; the chunk of entry `n` is `n / CHUNK`.
const CHUNK: u64 = 128;
/// An emptied queue keeps room for this many entries.
const KEPT_ROOM: usize = 32;
/// A given-back chunk starts behind its end, so that nothing is found in it.
const GIVEN_BACK: u8 = CHUNK as u8;

/// Milliseconds within which arrivals are not told apart.
const ARRIVAL_MS: u64 = 16;

const QOS_2: u32 = 1;
const RETAIN: u32 = 1 << 1;
const PUSHED: u32 = 1 << 2;
const RECEIVED: u32 = 1 << 3;
const DEAD: u32 = 1 << 4;
const SHARED: u32 = 1 << 5;
const KEY_SHIFT: u32 = 8;

/// One message for one session, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueEntry {
    /// Of length 0 once it is received.
    pub(crate) body: BodyRef,
    pub(crate) link: LinkId,
    /// Seconds since the Unix epoch, rounded up; 0 is never.
    expires: u32,
    /// Flags in the low 8 bits, the key of a shared subscription above.
    flags: u32,
    /// When it came into the queue, in units of [`ARRIVAL_MS`], the low 32 bits: two years are told apart.
    arrived: u32,
}

const _: () = assert!(size_of::<QueueEntry>() == 32);

impl QueueEntry {
    pub(crate) fn new(body: BodyRef, qos: QoS, expires: Option<Timestamp>) -> Self {
        debug_assert_ne!(qos, QoS::AtMostOnce, "QoS 0 is not queued");
        let expires = expires.map_or(0, |at| u32::try_from(at.0.div_ceil(1000)).unwrap_or(0));
        Self { body, link: 0, expires, flags: if qos == QoS::ExactlyOnce { QOS_2 } else { 0 }, arrived: 0 }
    }

    pub(crate) fn with_retain(mut self, retain: bool) -> Self {
        self.flags |= if retain { RETAIN } else { 0 };
        self
    }

    pub(crate) fn with_link(mut self, link: LinkId) -> Self {
        self.link = link;
        self
    }

    pub(crate) fn with_sharing(mut self, sharing: Sharing) -> Self {
        self.flags |= if sharing == Sharing::Others { SHARED } else { 0 };
        self
    }

    /// `key` of 24 bits; 0 is none.
    pub(crate) fn with_key(mut self, key: u32) -> Self {
        self.flags |= key << KEY_SHIFT;
        self
    }

    pub(crate) fn arrived_at(mut self, now: Timestamp) -> Self {
        self.arrived = (now.0 / ARRIVAL_MS) as u32;
        self
    }

    /// Rounded down.
    pub(crate) fn arrived(&self, now: Timestamp) -> Timestamp {
        let now = now.0 / ARRIVAL_MS;
        let age = (now as u32).wrapping_sub(self.arrived);
        Timestamp(now.saturating_sub(age.into()) * ARRIVAL_MS)
    }

    /// A new entry for the same message.
    pub(crate) fn for_another(self, qos: QoS, link: LinkId) -> Self {
        let flags =
            (self.flags & (RETAIN | SHARED | u32::MAX << KEY_SHIFT)) | if qos == QoS::ExactlyOnce { QOS_2 } else { 0 };
        Self { link, flags, ..self }
    }

    pub(crate) fn qos(&self) -> QoS {
        if self.flags & QOS_2 != 0 { QoS::ExactlyOnce } else { QoS::AtLeastOnce }
    }

    pub(crate) fn retain(&self) -> bool {
        self.flags & RETAIN != 0
    }

    pub(crate) fn sharing(&self) -> Sharing {
        if self.flags & SHARED != 0 { Sharing::Others } else { Sharing::Alone }
    }

    pub(crate) fn key(&self) -> u32 {
        self.flags >> KEY_SHIFT
    }

    /// It has been handed to an owner at least once.
    pub(crate) fn is_pushed(&self) -> bool {
        self.flags & PUSHED != 0
    }

    pub(crate) fn set_pushed(&mut self) {
        self.flags |= PUSHED;
    }

    /// The client has sent PUBREC: only PUBREL is owed.
    pub(crate) fn is_received(&self) -> bool {
        self.flags & RECEIVED != 0
    }

    pub(crate) fn set_received(&mut self) {
        self.flags |= RECEIVED;
        self.body = BodyRef { index: 0, offset: 0, len: 0 };
    }

    /// Never once it was pushed: then its delivery has begun.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires != 0 && !self.is_pushed() && now.0 >= u64::from(self.expires) * 1000
    }

    pub(crate) fn expires(&self) -> u32 {
        self.expires
    }

    fn is_dead(&self) -> bool {
        self.flags & DEAD != 0
    }

    /// For snapshots: flags with key, expiry, arrival.
    pub(crate) fn to_bits(self) -> (u32, u32, u32) {
        (self.flags, self.expires, self.arrived)
    }

    pub(crate) fn from_bits(body: BodyRef, link: LinkId, (flags, expires, arrived): (u32, u32, u32)) -> Self {
        Self { body, link, expires, flags: flags & !DEAD, arrived }
    }
}

/// Whether other entries may refer to the same body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    Alone,
    Others,
}

#[derive(Debug)]
struct Chunk {
    entries: Vec<QueueEntry>,
    /// Number of `entries[0]` within the chunk.
    start: u8,
    live: u8,
    /// Not after the earliest expiry of a waiting entry; 0 is none.
    earliest: u32,
}

/// A chunk that is watched for expiry: its number and the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) chunk: u64,
    pub(crate) earliest: u32,
}

/// Numbered entries, of which any may be removed.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The first entry that is there, or `next`.
    head: u64,
    next: u64,
    len: u64,
    first_chunk: u64,
    chunks: VecDeque<Chunk>,
}

impl Queue {
    /// A queue that has lost all entries before `next`.
    pub(crate) fn starting_at(next: u64) -> Self {
        Self { head: next, next, ..Self::default() }
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// The number that the next entry gets.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn push(&mut self, entry: QueueEntry) -> u64 {
        let number = self.next;
        let chunk = number / CHUNK;
        if self.len == 0 {
            self.head = number;
        }
        if self.chunks.is_empty() {
            self.first_chunk = chunk;
            self.chunks.push_back(Chunk::starting_at(number, Vec::new()));
        } else if self.first_chunk + self.chunks.len() as u64 == chunk {
            self.chunks.push_back(Chunk::starting_at(number, Vec::with_capacity(CHUNK as usize)));
        }
        let last = self.chunks.back_mut().expect("a chunk has been made");
        last.entries.push(entry);
        last.live += 1;
        self.next += 1;
        self.len += 1;
        number
    }

    /// Leaves out the numbers up to `number`, as if they had been there. For restoring.
    pub(crate) fn skip_to(&mut self, number: u64) {
        while self.next < number {
            let body = BodyRef { index: 0, offset: 0, len: 0 };
            let dead = QueueEntry { body, link: 0, expires: 0, flags: DEAD, arrived: 0 };
            if self.len == 0 {
                self.next = number;
                return self.clear();
            }
            let chunk_end = (self.next / CHUNK + 1) * CHUNK;
            if self.next.is_multiple_of(CHUNK) && chunk_end <= number {
                let mut given_back = Chunk::starting_at(self.next, Vec::new());
                given_back.start = GIVEN_BACK;
                self.chunks.push_back(given_back);
                self.next = chunk_end;
            } else {
                let head = self.head;
                self.push(dead);
                self.head = head;
                self.len -= 1;
                let last = self.chunks.back_mut().expect("an entry has been pushed");
                last.live -= 1;
            }
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&QueueEntry> {
        let chunk = self.chunks.get(self.at(number / CHUNK)?)?;
        chunk.entries.get(chunk.slot(number)?).filter(|entry| !entry.is_dead())
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut QueueEntry> {
        let at = self.at(number / CHUNK)?;
        let chunk = self.chunks.get_mut(at)?;
        let slot = chunk.slot(number)?;
        chunk.entries.get_mut(slot).filter(|entry| !entry.is_dead())
    }

    /// Takes an entry out. With it goes the watch of a chunk that is given back.
    pub(crate) fn remove(&mut self, number: u64) -> Option<(QueueEntry, Option<Watch>)> {
        let entry = *self.get(number)?;
        let at = self.at(number / CHUNK)?;
        let is_last = at + 1 == self.chunks.len();
        let chunk = &mut self.chunks[at];
        let slot = chunk.slot(number)?;
        chunk.entries[slot].flags |= DEAD;
        chunk.live -= 1;
        self.len -= 1;
        let mut watch = None;
        if chunk.live == 0 && (!is_last || self.len == 0) {
            watch = chunk.watch(number / CHUNK);
            chunk.give_back();
        }
        if self.len == 0 {
            self.clear();
        } else if number == self.head {
            self.head = self.next_live(number).unwrap_or(self.next);
            while self.first_chunk < self.head / CHUNK {
                // A chunk in front has nothing alive; only the last, while it fills, is not given back at once.
                if let Some(passed) = self.chunks.pop_front() {
                    watch = watch.or(passed.watch(self.first_chunk));
                }
                self.first_chunk += 1;
            }
        }
        Some((entry, watch))
    }

    /// Nothing is there: the next entry begins anew, in the room of the last chunk if that is small.
    fn clear(&mut self) {
        self.head = self.next;
        self.chunks.truncate(1);
        if self.chunks.capacity() > KEPT_ROOM {
            self.chunks.shrink_to(1);
        }
        let next = self.next;
        self.first_chunk = next / CHUNK;
        if let Some(chunk) = self.chunks.front_mut() {
            let mut room = std::mem::take(&mut chunk.entries);
            room.clear();
            *chunk = Chunk::starting_at(next, room);
        }
    }

    /// The first entry from `from` on.
    pub(crate) fn next_live(&self, from: u64) -> Option<u64> {
        let from = from.max(self.head);
        let mut at = self.at(from / CHUNK)?;
        let mut slot = from % CHUNK;
        while let Some(chunk) = self.chunks.get(at) {
            if chunk.live > 0 {
                let skip = slot.saturating_sub(chunk.start.into()) as usize;
                let found = chunk.entries.iter().enumerate().skip(skip).find(|(_, entry)| !entry.is_dead());
                if let Some((found, _)) = found {
                    return Some((self.first_chunk + at as u64) * CHUNK + u64::from(chunk.start) + found as u64);
                }
            }
            at += 1;
            slot = 0;
        }
        None
    }

    /// All entries in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &QueueEntry)> {
        self.chunks.iter().enumerate().flat_map(move |(at, chunk)| {
            let first = (self.first_chunk + at as u64) * CHUNK + u64::from(chunk.start);
            let numbered = chunk.entries.iter().enumerate().map(move |(slot, entry)| (first + slot as u64, entry));
            numbered.filter(|(_, entry)| !entry.is_dead())
        })
    }

    /// Watches the chunk of an entry that waits; the watch that this replaces, and the new one. `None` when the chunk
    /// is watched already.
    pub(crate) fn watch(&mut self, number: u64, expires: u32) -> Option<(Option<Watch>, Watch)> {
        let at = self.at(number / CHUNK)?;
        let chunk = self.chunks.get_mut(at)?;
        if expires == 0 || (chunk.earliest != 0 && chunk.earliest <= expires) {
            return None;
        }
        let replaced = chunk.watch(number / CHUNK);
        chunk.earliest = expires;
        Some((replaced, Watch { chunk: number / CHUNK, earliest: expires }))
    }

    /// Ends the watch of a chunk; the numbers that it may hold. `None` when the chunk is not watched for that second.
    pub(crate) fn unwatch(&mut self, watch: Watch) -> Option<std::ops::Range<u64>> {
        let at = self.at(watch.chunk)?;
        let chunk = self.chunks.get_mut(at)?;
        if chunk.earliest != watch.earliest {
            return None;
        }
        chunk.earliest = 0;
        Some(watch.chunk * CHUNK..(watch.chunk + 1) * CHUNK)
    }

    /// The watches of all chunks.
    pub(crate) fn watches(&self) -> impl Iterator<Item = Watch> {
        self.chunks.iter().enumerate().filter_map(|(at, chunk)| chunk.watch(self.first_chunk + at as u64))
    }

    fn at(&self, chunk: u64) -> Option<usize> {
        chunk.checked_sub(self.first_chunk).map(|at| at as usize)
    }
}

impl Chunk {
    fn starting_at(number: u64, entries: Vec<QueueEntry>) -> Self {
        Self { entries, start: (number % CHUNK) as u8, live: 0, earliest: 0 }
    }

    fn slot(&self, number: u64) -> Option<usize> {
        (number % CHUNK).checked_sub(self.start.into()).map(|slot| slot as usize)
    }

    fn watch(&self, chunk: u64) -> Option<Watch> {
        (self.earliest != 0).then_some(Watch { chunk, earliest: self.earliest })
    }

    fn give_back(&mut self) {
        if self.entries.capacity() > KEPT_ROOM {
            self.entries = Vec::new();
        }
        self.entries.clear();
        self.start = GIVEN_BACK;
        self.earliest = 0;
    }
}

#[cfg(test)]
mod tests;
