//! `Publish`: a message is kept if it is retained, and goes to everybody whose subscriptions match.

use mqtt::QoS;

use crate::address::{BodyRef, Epoch};
use crate::command::{Origin, Publish, Scope, SessionKind};
use crate::effect::{self, Direct, Reply};
use crate::effects::Effects;
use crate::message::Message;
use crate::moment::Moment;
use crate::properties::partition_value;
use crate::routes::{Grant, ShareGroup, Target};

use super::Topics;
use super::queue::{QueueEntry, Sharing};
use super::release::Arrival;
use super::retained::Kept;
use super::sessions::Sessions;
use super::shares::{Shared, choose, is_queued, sticky_key};
use super::store::Store;

/// One message on its way, and where it goes.
struct Passing<'m> {
    message: &'m Message<'m>,
    body: BodyRef,
    sharing: Sharing,
    scope: Scope,
    at: Moment,
}

impl Topics {
    pub(crate) fn publish(&mut self, command: &Publish<'_>, body: BodyRef, at: Moment, out: &mut Effects) {
        let matched = match command.origin {
            Origin::Client { client_id, exactly_once: Some(once) } => match self.arrive(client_id, once, at, out) {
                Arrival::First => self.publish_from(client_id, command, body, at, out),
                Arrival::Repeat => true,
                Arrival::Refused(epoch) => return refuse(command, epoch, out),
            },
            Origin::Client { client_id, exactly_once: None } | Origin::Will { client_id, .. } => {
                self.publish_from(client_id, command, body, at, out)
            }
            Origin::Redelivery { share, from } => self.redeliver(share, from, &command.message, body, at, out),
        };
        if let Some((owner, tag)) = command.reply {
            out.reply(owner, Reply::Published { tag, matched });
        }
    }

    fn publish_from(
        &mut self,
        publisher: &str,
        command: &Publish<'_>,
        body: BodyRef,
        at: Moment,
        out: &mut Effects,
    ) -> bool {
        if command.message.retain {
            self.retain(publisher, &command.message, body);
        }
        let sharing = Sharing::Others;
        self.route(publisher, Passing { message: &command.message, body, sharing, scope: command.scope, at }, out)
    }

    /// An empty payload removes the topic's message (MQTT-3.3.1-6) and is not kept itself (MQTT-3.3.1-7).
    fn retain(&mut self, publisher: &str, message: &Message<'_>, body: BodyRef) {
        let old = if message.payload.is_empty() {
            self.retained.remove(message.topic)
        } else {
            self.store.live.add(body.index);
            self.retained.set(message.topic, Kept::of(message, publisher, body))
        };
        if let Some(old) = old {
            self.store.live.remove(old.body.index);
        }
    }

    /// Whether any subscription matched.
    fn route(&mut self, publisher: &str, mut passing: Passing<'_>, out: &mut Effects) -> bool {
        let message = passing.message;
        let Self { cache, routes, sessions, store, rounds, .. } = self;
        let resolved = cache.resolve(message.topic, routes);
        // A retained message may come into more queues later.
        if resolved.queues <= 1 && !message.retain {
            passing.sharing = Sharing::Alone;
        }
        let mut matched = false;
        for target in &resolved.targets {
            if let Some(grant) = target.grant_for(publisher) {
                matched = true;
                deliver(target, grant, &passing, sessions, store, out);
            }
        }
        if resolved.groups.is_empty() {
            return matched;
        }
        let key = partition_value(message.properties).map_or(0, sticky_key);
        let shared = Shared { qos: message.qos, key, not_to: None, is_logged: passing.at.is_logged() };
        for group in &resolved.groups {
            matched = true;
            if let Some(member) = choose(group, shared, sessions, rounds) {
                deliver_shared(group, member, &passing, key, sessions, store, out);
            }
        }
        matched
    }

    /// Hands a message that a transient member did not finish to another member.
    fn redeliver(
        &mut self,
        share: &str,
        from: &str,
        message: &Message<'_>,
        body: BodyRef,
        at: Moment,
        out: &mut Effects,
    ) -> bool {
        let key = partition_value(message.properties).map_or(0, sticky_key);
        let shared = Shared { qos: message.qos, key, not_to: Some(from), is_logged: at.is_logged() };
        let group = self.routes.group(share);
        let chosen = group.as_ref().and_then(|group| {
            let member = choose(group, shared, &self.sessions, &mut self.rounds)?;
            Some((group, member))
        });
        let Some((group, member)) = chosen else {
            self.store.totals.orphaned += 1;
            return false;
        };
        let passing = Passing { message, body, sharing: Sharing::Alone, scope: Scope::Everyone, at };
        deliver_shared(group, member, &passing, key, &mut self.sessions, &mut self.store, out);
        true
    }

    /// Hands an entry that another member has left to `member`.
    pub(super) fn hand_to_member(
        &mut self,
        group: &ShareGroup,
        member: &Target,
        old: QueueEntry,
        at: Moment,
        out: &mut Effects,
    ) {
        let qos = old.qos().min(member.grant.qos);
        let Some(session) = self.sessions.get_mut(member.session) else { return };
        let line = session.line(member.session);
        match &mut session.backlog {
            Some(backlog) if is_queued(member, qos) => {
                let link = self.store.links.add(&member.grant.subscription_ids, Some(&group.name));
                backlog.enqueue(old.for_another(qos, link), line, at, &mut self.store, out);
            }
            _ => {
                if let Some(owner) = line.owner {
                    out.reply(owner, Reply::Direct(shared_direct(group, &member.grant, qos, old.retain(), old.body)));
                }
            }
        }
    }
}

/// Delivers to one session what its subscriptions ask for.
fn deliver(
    target: &Target,
    grant: &Grant,
    passing: &Passing<'_>,
    sessions: &mut Sessions,
    store: &mut Store,
    out: &mut Effects,
) {
    let message = passing.message;
    let qos = grant.qos.min(message.qos);
    let queued = target.kind == SessionKind::Persistent && qos > QoS::AtMostOnce;
    if !queued && passing.scope == Scope::Queues {
        return;
    }
    // A queue that there was not when the publish was taken: its SUBSCRIBE has not been answered.
    if queued && !passing.at.is_logged() {
        return;
    }
    let Some(session) = sessions.get_mut(target.session) else { return };
    // MQTT-3.3.1-12, MQTT-3.3.1-13
    let retain = message.retain && grant.retain_as_published;
    let line = session.line(target.session);
    match &mut session.backlog {
        Some(backlog) if queued => {
            let link = store.links.add(&grant.subscription_ids, None);
            let entry = QueueEntry::new(passing.body, qos, message.expires).with_retain(retain).with_link(link);
            backlog.enqueue(entry.with_sharing(passing.sharing), line, passing.at, store, out);
        }
        _ => {
            if let Some(owner) = line.owner {
                if out.is_apart() && grant.subscription_ids.is_empty() {
                    let BodyRef { offset, len, .. } = passing.body;
                    return out.pass(effect::Passing { to: owner, qos, retain, body: (offset, len) });
                }
                let subscription_ids = grant.subscription_ids.clone();
                let direct = Direct { qos, retain, subscription_ids, share: None, body: passing.body };
                out.reply(owner, Reply::Direct(direct));
            }
        }
    }
}

fn deliver_shared(
    group: &ShareGroup,
    member: &Target,
    passing: &Passing<'_>,
    key: u32,
    sessions: &mut Sessions,
    store: &mut Store,
    out: &mut Effects,
) {
    let (message, grant) = (passing.message, &member.grant);
    let Some(session) = sessions.get_mut(member.session) else { return };
    if is_queued(member, message.qos) && !passing.at.is_logged() {
        return;
    }
    let qos = grant.qos.min(message.qos);
    let retain = message.retain && grant.retain_as_published;
    let line = session.line(member.session);
    match &mut session.backlog {
        Some(backlog) if is_queued(member, qos) => {
            let link = store.links.add(&grant.subscription_ids, Some(&group.name));
            let entry = QueueEntry::new(passing.body, qos, message.expires).with_retain(retain);
            let entry = entry.with_sharing(passing.sharing);
            backlog.enqueue(entry.with_link(link).with_key(key), line, passing.at, store, out);
        }
        _ => {
            if let Some(owner) = line.owner {
                out.reply(owner, Reply::Direct(shared_direct(group, grant, qos, retain, passing.body)));
            }
        }
    }
}

fn shared_direct(group: &ShareGroup, grant: &Grant, qos: QoS, retain: bool, body: BodyRef) -> Direct {
    let share = Some(std::sync::Arc::clone(&group.name));
    Direct { qos, retain, subscription_ids: grant.subscription_ids.clone(), share, body }
}

fn refuse(command: &Publish<'_>, epoch: Epoch, out: &mut Effects) {
    if let Some((owner, tag)) = command.reply {
        out.reply(owner, Reply::Refused { tag, epoch });
    }
}
