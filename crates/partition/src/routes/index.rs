//! The subscription index itself: exact filters in one hash table, filters with wildcards in a trie, groups beside.

use std::sync::Arc;

use ahash::AHashMap;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::address::{Owner, SessionSlot};
use crate::command::{SessionKind, SubscriptionOptions};
use crate::slots::{has_wildcards, split_share};

use super::resolved::{Grant, GroupId, OwnMessages, Resolved, ShareGroup, Target};
use super::subscribers::{Subscriber, Subscribers};
use super::trie::{Place, Trie};

/// Names a filter, or a group with its filter, for as long as somebody is subscribed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterKey {
    Plain(u32),
    Group(GroupId),
}

/// What `subscribe` did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registered {
    pub(crate) key: FilterKey,
    /// The session had this subscription before.
    pub(crate) existed: bool,
    /// It is the first member of its group.
    pub(crate) new_group: bool,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    filters: Vec<FilterEntry>,
    vacant_filters: Vec<u32>,
    /// Filters without wildcards, by their text.
    exact: HashTable<u32>,
    wildcards: Trie,
    groups: Vec<Group>,
    vacant_groups: Vec<u32>,
    group_names: AHashMap<Arc<str>, u32>,
    receivers: Vec<Option<Receiver>>,
    hasher: ahash::RandomState,
    subscriptions: usize,
    shared: usize,
}

#[derive(Debug)]
struct FilterEntry {
    text: Text,
    subscribers: Subscribers,
    /// Ascending by name. `None` for most.
    groups: Option<Box<FilterGroups>>,
}

#[derive(Debug, Default)]
struct FilterGroups {
    ids: Vec<u32>,
}

#[derive(Debug)]
enum Text {
    Exact(Box<str>),
    Wildcards(Place),
}

#[derive(Debug)]
struct Group {
    name: Arc<str>,
    filter: u32,
    members: Subscribers,
}

#[derive(Debug)]
struct Receiver {
    client_id: Arc<str>,
    kind: SessionKind,
    owner: Option<Owner>,
}

const _: () = assert!(size_of::<FilterEntry>() <= 48);

impl Index {
    pub(super) fn subscriptions(&self) -> usize {
        self.subscriptions
    }

    pub(super) fn shared_subscriptions(&self) -> usize {
        self.shared
    }

    pub(super) fn add_session(&mut self, slot: SessionSlot, client_id: Arc<str>, kind: SessionKind) {
        let at = slot.0 as usize;
        if self.receivers.len() <= at {
            self.receivers.resize_with(at + 1, || None);
        }
        self.receivers[at] = Some(Receiver { client_id, kind, owner: None });
    }

    pub(super) fn remove_session(&mut self, slot: SessionSlot) {
        self.receivers[slot.0 as usize] = None;
    }

    pub(super) fn set_owner(&mut self, slot: SessionSlot, owner: Option<Owner>) {
        if let Some(receiver) = &mut self.receivers[slot.0 as usize] {
            receiver.owner = owner;
        }
    }

    pub(super) fn find(&self, filter: &str) -> Option<FilterKey> {
        if split_share(filter).is_some() {
            return self.group_names.get(filter).map(|id| FilterKey::Group(GroupId(*id)));
        }
        self.find_plain(filter).map(FilterKey::Plain)
    }

    fn find_plain(&self, filter: &str) -> Option<u32> {
        if has_wildcards(filter) { self.wildcards.find(filter) } else { self.find_exact(filter) }
    }

    fn find_exact(&self, filter: &str) -> Option<u32> {
        self.exact.find(self.hasher.hash_one(filter), |id| self.filters[*id as usize].text.is(filter)).copied()
    }

    pub(super) fn subscribe(&mut self, slot: SessionSlot, text: &str, options: SubscriptionOptions) -> Registered {
        let new = Subscriber::new(slot, options);
        let Some((_, filter)) = split_share(text) else {
            let id = self.filter_or_new(text);
            let existed = self.filters[id as usize].subscribers.insert(new);
            self.subscriptions += usize::from(!existed);
            return Registered { key: FilterKey::Plain(id), existed, new_group: false };
        };
        let (id, new_group) = self.group_or_new(text, filter);
        let existed = self.groups[id as usize].members.insert(new);
        self.subscriptions += usize::from(!existed);
        self.shared += usize::from(!existed);
        Registered { key: FilterKey::Group(GroupId(id)), existed, new_group }
    }

    /// Whether the session was subscribed.
    pub(super) fn remove(&mut self, slot: SessionSlot, key: FilterKey) -> bool {
        let removed = match key {
            FilterKey::Plain(id) => {
                let removed = self.filters[id as usize].subscribers.remove(slot);
                self.drop_filter_if_unused(id);
                removed
            }
            FilterKey::Group(GroupId(id)) => {
                let removed = self.groups[id as usize].members.remove(slot);
                self.shared -= usize::from(removed);
                if self.groups[id as usize].members.is_empty() {
                    self.drop_group(id);
                }
                removed
            }
        };
        self.subscriptions -= usize::from(removed);
        removed
    }

    pub(super) fn text(&self, key: FilterKey) -> String {
        self.with_text(key, str::to_owned)
    }

    pub(super) fn options(&self, slot: SessionSlot, key: FilterKey) -> Option<SubscriptionOptions> {
        let subscribers = match key {
            FilterKey::Plain(id) => &self.filters[id as usize].subscribers,
            FilterKey::Group(GroupId(id)) => &self.groups[id as usize].members,
        };
        subscribers.get(slot)?.options()
    }

    /// Calls `with` with the filter as it was written.
    pub(super) fn with_text<T>(&self, key: FilterKey, with: impl FnOnce(&str) -> T) -> T {
        match key {
            FilterKey::Plain(id) => match &self.filters[id as usize].text {
                Text::Exact(text) => with(text),
                Text::Wildcards(place) => with(&self.wildcards.text(*place)),
            },
            FilterKey::Group(GroupId(id)) => with(&self.groups[id as usize].name),
        }
    }

    /// The filters that match a topic, and the groups with such filters.
    pub(super) fn matching(&self, topic: &str) -> Vec<FilterKey> {
        let mut plain = Vec::new();
        plain.extend(self.find_exact(topic));
        self.wildcards.matches(topic, &mut |id| plain.push(id));
        let groups = plain.iter().flat_map(|id| &self.filters[*id as usize].groups).flat_map(|groups| &groups.ids);
        let groups = groups.map(|id| FilterKey::Group(GroupId(*id)));
        groups.chain(plain.iter().map(|id| FilterKey::Plain(*id))).collect()
    }

    /// Who has subscribed to a filter, from a session slot on, ascending.
    pub(super) fn subscribers(
        &self,
        key: FilterKey,
        from: SessionSlot,
    ) -> impl Iterator<Item = (SessionSlot, &Arc<str>, SubscriptionOptions)> {
        let subscribers = match key {
            FilterKey::Plain(id) => &self.filters[id as usize].subscribers,
            FilterKey::Group(GroupId(id)) => &self.groups[id as usize].members,
        };
        subscribers.iter_from(from).filter_map(|subscriber| {
            let receiver = self.receivers.get(subscriber.session().0 as usize)?.as_ref()?;
            Some((subscriber.session(), &receiver.client_id, subscriber.options()?))
        })
    }

    pub(super) fn group(&self, name: &str) -> Option<ShareGroup> {
        self.group_names.get(name).map(|id| self.share_group(*id))
    }

    pub(super) fn group_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.group_names.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    pub(super) fn resolve(&self, topic: &str, out: &mut Resolved) {
        out.clear();
        let mut matching = SmallVec::<[u32; 16]>::new();
        matching.extend(self.find_exact(topic));
        self.wildcards.matches(topic, &mut |id| matching.push(id));
        self.resolve_targets(&matching, out);
        for id in &matching {
            for group in self.filters[*id as usize].groups.iter().flat_map(|groups| &groups.ids) {
                out.groups.push(self.share_group(*group));
            }
        }
        out.queues = out.targets.iter().filter(|target| target.queues()).count();
        out.queues += out.groups.iter().filter(|group| group.has_persistent).count();
        out.needs_partition = out.queues > 0;
    }

    fn resolve_targets(&self, matching: &[u32], out: &mut Resolved) {
        let of = |id: &u32| self.filters[*id as usize].subscribers.iter();
        if let [only] = matching {
            out.targets.extend(of(only).filter_map(|subscriber| self.target(subscriber)));
            return;
        }
        let mut all: Vec<&Subscriber> = matching.iter().flat_map(of).collect();
        all.sort_by_key(|subscriber| subscriber.session());
        for same in all.chunk_by(|a, b| a.session() == b.session()) {
            let Some(mut target) = self.target(same[0]) else { continue };
            let others = same[1..].iter().filter_map(|subscriber| subscriber.options());
            if target.own == OwnMessages::AllOfThem && others.clone().any(|options| options.no_local) {
                target.own = OwnMessages::Granted(Box::new(target.grant.clone()));
            }
            others.for_each(|options| target.merge(options));
            out.targets.push(target);
        }
    }

    fn target(&self, subscriber: &Subscriber) -> Option<Target> {
        let receiver = self.receivers.get(subscriber.session().0 as usize)?.as_ref()?;
        let options = subscriber.options()?;
        Some(Target {
            session: subscriber.session(),
            client_id: Arc::clone(&receiver.client_id),
            owner: receiver.owner,
            kind: receiver.kind,
            grant: Grant::of(options),
            own: if options.no_local { OwnMessages::None } else { OwnMessages::AllOfThem },
        })
    }

    fn share_group(&self, id: u32) -> ShareGroup {
        let group = &self.groups[id as usize];
        let members: Vec<_> = group.members.iter().filter_map(|member| self.target(member)).collect();
        ShareGroup {
            id: GroupId(id),
            name: Arc::clone(&group.name),
            has_persistent: members.iter().any(|member| member.kind == SessionKind::Persistent),
            members,
        }
    }

    fn filter_or_new(&mut self, filter: &str) -> u32 {
        if let Some(id) = self.find_plain(filter) {
            return id;
        }
        let id = self.vacant_filters.pop().unwrap_or(self.filters.len() as u32);
        let text = if has_wildcards(filter) {
            Text::Wildcards(self.wildcards.insert(filter, id))
        } else {
            Text::Exact(filter.into())
        };
        let entry = FilterEntry { text, subscribers: Subscribers::None, groups: None };
        match self.filters.get_mut(id as usize) {
            Some(vacant) => *vacant = entry,
            None => self.filters.push(entry),
        }
        if !has_wildcards(filter) {
            let (filters, hasher) = (&self.filters, &self.hasher);
            self.exact.insert_unique(hasher.hash_one(filter), id, |id| filters[*id as usize].text.hash(hasher));
        }
        id
    }

    fn drop_filter_if_unused(&mut self, id: u32) {
        let entry = &mut self.filters[id as usize];
        if !entry.subscribers.is_empty() || entry.groups.is_some() {
            return;
        }
        match std::mem::replace(&mut entry.text, Text::Exact(Box::default())) {
            Text::Wildcards(place) => self.wildcards.remove(place),
            Text::Exact(text) => {
                if let Ok(entry) = self.exact.find_entry(self.hasher.hash_one(&*text), |other| *other == id) {
                    entry.remove();
                }
            }
        }
        self.vacant_filters.push(id);
    }

    fn group_or_new(&mut self, name: &str, filter: &str) -> (u32, bool) {
        if let Some(id) = self.group_names.get(name) {
            return (*id, false);
        }
        let filter = self.filter_or_new(filter);
        let name: Arc<str> = name.into();
        let group = Group { name: Arc::clone(&name), filter, members: Subscribers::None };
        let id = self.vacant_groups.pop().unwrap_or(self.groups.len() as u32);
        match self.groups.get_mut(id as usize) {
            Some(vacant) => *vacant = group,
            None => self.groups.push(group),
        }
        self.group_names.insert(name, id);
        let groups = &self.groups;
        let ids = &mut self.filters[filter as usize].groups.get_or_insert_default().ids;
        let at = ids.partition_point(|other| groups[*other as usize].name < groups[id as usize].name);
        ids.insert(at, id);
        (id, true)
    }

    fn drop_group(&mut self, id: u32) {
        let filter = self.groups[id as usize].filter;
        let name = std::mem::replace(&mut self.groups[id as usize].name, Arc::from(""));
        self.group_names.remove(&name);
        self.vacant_groups.push(id);
        let entry = &mut self.filters[filter as usize];
        if let Some(groups) = &mut entry.groups {
            groups.ids.retain(|other| *other != id);
            if groups.ids.is_empty() {
                entry.groups = None;
            }
        }
        self.drop_filter_if_unused(filter);
    }
}

impl Text {
    fn is(&self, filter: &str) -> bool {
        matches!(self, Self::Exact(text) if **text == *filter)
    }

    fn hash(&self, hasher: &ahash::RandomState) -> u64 {
        match self {
            Self::Exact(text) => hasher.hash_one(&**text),
            Self::Wildcards(_) => unreachable!("the table holds exact filters only"),
        }
    }
}
