//! The subscription index as frontends read it: one writer (`apply`), many readers in the same process.
//!
//! Behind the one lock of this crate, held for one change or one resolution and never while anything else is waited
//! for. Readers keep what they resolved for as long as [`Routes::vouches_for`] it, which takes two loads and no lock.

mod index;
mod level;
mod resolved;
mod subscribers;
mod trie;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use xxhash_rust::xxh3::xxh3_64;

use crate::address::{Owner, SessionSlot};
use crate::command::{SessionKind, SubscriptionOptions};
use crate::slots::without_share;

use index::Index;
pub(crate) use index::{FilterKey, Registered};
pub use resolved::{Grant, GroupId, Resolved, ShareGroup, Target};
pub(crate) use view::{Lowest, STEP};

/// Epochs of filters by the hash of their first level, so that one session's coming and going does not make every
/// reader resolve every topic anew.
const BUCKETS: usize = 256;

/// See the module. Shared by [`Partition::routes`](crate::Partition::routes).
#[derive(Debug)]
pub struct Routes {
    index: RwLock<Index>,
    buckets: Box<[AtomicU64; BUCKETS]>,
    /// Of the filters that begin with a wildcard.
    wildcards: AtomicU64,
}

impl Routes {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            index: RwLock::new(Index::default()),
            buckets: Box::new([const { AtomicU64::new(0) }; BUCKETS]),
            wildcards: AtomicU64::new(0),
        })
    }

    /// Whether `resolve` would say the same again. No longer so before the effect that tells of a change (SUBACK among
    /// them) is let out.
    pub fn vouches_for(&self, resolved: &Resolved) -> bool {
        self.epoch(resolved.bucket) == resolved.epoch
    }

    fn epoch(&self, bucket: u8) -> u64 {
        let epoch = self.buckets[usize::from(bucket)].load(Ordering::Acquire);
        epoch.wrapping_add(self.wildcards.load(Ordering::Acquire))
    }

    /// Replaces `out` by everybody who gets a message to `topic`, each once, in the order of their session slots.
    pub fn resolve(&self, topic: &str, out: &mut Resolved) {
        let index = self.read();
        out.bucket = bucket_of(topic);
        out.epoch = self.epoch(out.bucket);
        index.resolve(topic, out);
    }

    /// Subscriptions held, shared ones included.
    pub fn subscriptions(&self) -> usize {
        self.read().subscriptions()
    }

    /// Shared subscriptions held.
    pub fn shared_subscriptions(&self) -> usize {
        self.read().shared_subscriptions()
    }

    pub(crate) fn add_session(&self, slot: SessionSlot, client_id: Arc<str>, kind: SessionKind) {
        self.write().add_session(slot, client_id, kind);
    }

    /// All subscriptions of the session have been removed before.
    pub(crate) fn remove_session(&self, slot: SessionSlot) {
        self.write().remove_session(slot);
    }

    /// `filters` are all that the session has subscribed to.
    pub(crate) fn set_owner(&self, slot: SessionSlot, owner: Option<Owner>, filters: &[FilterKey]) {
        let mut index = self.write();
        index.set_owner(slot, owner);
        for filter in filters {
            self.bump(&index.text(*filter));
        }
    }

    pub(crate) fn subscribe(&self, slot: SessionSlot, filter: &str, options: SubscriptionOptions) -> Registered {
        let mut index = self.write();
        let registered = index.subscribe(slot, filter, options);
        self.bump(filter);
        registered
    }

    pub(crate) fn unsubscribe(&self, slot: SessionSlot, filter: &str) -> Option<FilterKey> {
        let mut index = self.write();
        let key = index.find(filter)?;
        let removed = index.remove(slot, key);
        self.bump(filter);
        removed.then_some(key)
    }

    /// Removes what `subscribe` returned; the filter's text.
    pub(crate) fn remove(&self, slot: SessionSlot, key: FilterKey) -> String {
        let mut index = self.write();
        let text = index.text(key);
        index.remove(slot, key);
        self.bump(&text);
        text
    }

    pub(crate) fn text(&self, key: FilterKey) -> String {
        self.read().text(key)
    }

    /// The filters as they were written, beginning with the last: at most `count` of them, and `bytes` (or one).
    pub(crate) fn texts_from_the_last(&self, filters: &[FilterKey], count: usize, bytes: usize) -> Vec<Box<str>> {
        let index = self.read();
        let (mut texts, mut taken) = (Vec::new(), 0);
        for filter in filters.iter().rev().take(count) {
            let text = index.with_text(*filter, |text| Box::<str>::from(text));
            taken += text.len();
            if taken > bytes && !texts.is_empty() {
                break;
            }
            texts.push(text);
        }
        texts
    }

    pub(crate) fn options(&self, slot: SessionSlot, filter: &str) -> Option<SubscriptionOptions> {
        let index = self.read();
        index.options(slot, index.find(filter)?)
    }

    pub(crate) fn options_of(&self, slot: SessionSlot, key: FilterKey) -> Option<SubscriptionOptions> {
        self.read().options(slot, key)
    }

    pub(crate) fn group(&self, name: &str) -> Option<ShareGroup> {
        self.read().group(name)
    }

    /// Names of all groups, ascending.
    pub(crate) fn group_names(&self) -> Vec<Arc<str>> {
        self.read().group_names()
    }

    fn bump(&self, filter: &str) {
        let filter = without_share(filter);
        let epoch = match filter.as_bytes().first() {
            Some(b'+' | b'#') => &self.wildcards,
            _ => &self.buckets[usize::from(bucket_of(filter))],
        };
        epoch.fetch_add(1, Ordering::Release);
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bucket_of(topic_or_filter: &str) -> u8 {
    let bytes = topic_or_filter.as_bytes();
    let level = bytes.iter().position(|byte| *byte == b'/').map_or(bytes, |end| &bytes[..end]);
    const { assert!(BUCKETS == 1 << u8::BITS) };
    xxh3_64(level) as u8
}

#[cfg(test)]
mod tests;
