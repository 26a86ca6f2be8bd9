//! Which member of a shared group gets a message.

use mqtt::QoS;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::command::SessionKind;
use crate::routes::{GroupId, ShareGroup, Target};

use super::sessions::Sessions;

/// Where the round of each group goes on: a session slot. What is not logged has a round of its own, which is no part
/// of the state.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    logged: Vec<u32>,
    unlogged: Vec<u32>,
}

impl Rounds {
    pub(crate) fn get(&self, group: GroupId) -> u32 {
        self.logged.get(group.0 as usize).copied().unwrap_or(0)
    }

    pub(crate) fn set(&mut self, group: GroupId, next: u32) {
        *at(&mut self.logged, group) = next;
    }

    fn of(&mut self, group: GroupId, is_logged: bool) -> &mut u32 {
        at(if is_logged { &mut self.logged } else { &mut self.unlogged }, group)
    }
}

fn at(rounds: &mut Vec<u32>, group: GroupId) -> &mut u32 {
    let at = group.0 as usize;
    if rounds.len() <= at {
        rounds.resize(at + 1, 0);
    }
    &mut rounds[at]
}

/// The key of a `$partition` value: messages with one key go to one member. 24 bits, never 0.
pub fn sticky_key(partition_value: &[u8]) -> u32 {
    (xxh3_64(partition_value) as u32 & 0x00ff_ffff).max(1)
}

impl ShareGroup {
    /// The member, of those that `may` take it, that gets the messages with `key`: the same one for as long as it is
    /// among them.
    pub fn sticky_member(&self, key: u32, may: impl Fn(&Target) -> bool) -> Option<&Target> {
        let weight = |member: &&Target| xxh3_64_with_seed(member.client_id.as_bytes(), key.into());
        self.members.iter().filter(|member| may(member)).max_by_key(weight)
    }
}

/// A message as the choice of a member sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) qos: QoS,
    /// 0 is none.
    pub(crate) key: u32,
    /// The client that must not get it.
    pub(crate) not_to: Option<&'a str>,
    pub(crate) is_logged: bool,
}

/// The member that gets the message: with a key always the same, else in turn one that can take it now, else one where it
/// waits: in turn a connected one, a persistent one in whose queue it does, or, if it has said to take nothing more, the
/// one that has given it back. `None` when there is nobody.
pub(crate) fn choose<'g>(
    group: &'g ShareGroup,
    message: Shared<'_>,
    sessions: &Sessions,
    rounds: &mut Rounds,
) -> Option<&'g Target> {
    let queued = |member: &Target| is_queued(member, message.qos);
    let allowed = |member: &Target| message.not_to.is_none_or(|client| client != &*member.client_id);
    if message.key != 0 {
        let may = |member: &Target| allowed(member) && (queued(member) || is_connected(member, sessions));
        return group.sticky_member(message.key, may);
    }
    let round = rounds.of(group.id, message.is_logged);
    let from = group.members.partition_point(|member| member.session.0 < *round);
    let in_turn = || group.members[from..].iter().chain(&group.members[..from]).filter(|member| allowed(member));
    let chosen = in_turn()
        .find(|member| can_take_now(member, message.qos, sessions))
        .or_else(|| in_turn().find(|member| !queued(member) && is_connected(member, sessions)))
        .or_else(|| in_turn().find(|member| queued(member)))
        .or_else(|| group.members.iter().find(|member| !allowed(member) && is_full(member, sessions)))?;
    *round = chosen.session.0 + 1;
    Some(chosen)
}

/// Whether the member would get a message of `qos` into its queue here.
pub(crate) fn is_queued(member: &Target, qos: QoS) -> bool {
    member.kind == SessionKind::Persistent && member.grant.qos.min(qos) > QoS::AtMostOnce
}

fn is_connected(member: &Target, sessions: &Sessions) -> bool {
    sessions.get(member.session).is_some_and(|session| session.owner.is_some())
}

/// Whether a connected transient member has said that it takes nothing more for now.
fn is_full(member: &Target, sessions: &Sessions) -> bool {
    let session = sessions.get(member.session);
    session.is_some_and(|session| session.backlog.is_none() && session.owner.is_some() && session.window == 0)
}

fn can_take_now(member: &Target, qos: QoS, sessions: &Sessions) -> bool {
    let Some(session) = sessions.get(member.session) else { return false };
    match &session.backlog {
        Some(backlog) if is_queued(member, qos) => backlog.can_take(session.line(member.session)),
        // What is QoS 0 to it takes nothing from its window.
        _ => session.owner.is_some() && (member.grant.qos.min(qos) == QoS::AtMostOnce || !is_full(member, sessions)),
    }
}
