//! What a backend holds of a partition, as it tells another that asks.

use std::collections::BTreeSet;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use replica::raft::{MemberId, Members};

/// Members of a group that a report may name.
const MAX_MEMBERS: u8 = 64;

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Nothing, and nothing ever was, as far as is known: maybe a member that belongs to no group yet.
    Nothing { member: Option<MemberId> },
    /// Nothing, and it is about to found the group.
    Founder,
    /// A replica that is alone.
    Alone,
    /// A member of a group.
    Member { member: MemberId, group: Known },
}

/// What a member knows of its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub leads: Leads,
    pub voters: BTreeSet<MemberId>,
    pub learners: BTreeSet<MemberId>,
}

/// Whether what it knows is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    Yes,
    No,
}

impl Report {
    /// Of a member.
    pub fn of(member: MemberId, members: Members, leads: Leads) -> Self {
        let Members { voters, learners, .. } = members;
        match voters.is_empty() {
            true => Self::Nothing { member: Some(member) },
            false => Self::Member { member, group: Known { leads, voters, learners } },
        }
    }

    /// Of a member that cannot go on: what its directory holds is not nothing.
    pub fn stranded(member: MemberId) -> Self {
        let group = Known { leads: Leads::No, voters: BTreeSet::new(), learners: BTreeSet::new() };
        Self::Member { member, group }
    }

    /// The member that is there.
    pub fn member(&self) -> Option<MemberId> {
        match self {
            Self::Nothing { member } => *member,
            Self::Founder | Self::Alone => None,
            Self::Member { member, .. } => Some(*member),
        }
    }

    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Nothing { member: None } => out.put_u8(0),
            Self::Nothing { member: Some(member) } => {
                out.put_u8(1);
                put(&mut out, *member);
            }
            Self::Founder => out.put_u8(4),
            Self::Alone => out.put_u8(2),
            Self::Member { member, group: Known { leads, voters, learners } } => {
                out.put_u8(3);
                put(&mut out, *member);
                out.put_u8((*leads == Leads::Yes).into());
                for members in [voters, learners] {
                    out.put_u8(members.len().min(usize::from(MAX_MEMBERS)) as u8);
                    members.iter().take(MAX_MEMBERS.into()).for_each(|member| put(&mut out, *member));
                }
            }
        }
        out.freeze()
    }

    /// `None` when it cannot be read.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let report = match bytes.try_get_u8().ok()? {
            0 => Self::Nothing { member: None },
            1 => Self::Nothing { member: Some(take(&mut bytes)?) },
            2 => Self::Alone,
            4 => Self::Founder,
            3 => {
                let member = take(&mut bytes)?;
                let leads = if bytes.try_get_u8().ok()? == 1 { Leads::Yes } else { Leads::No };
                let (voters, learners) = (take_all(&mut bytes)?, take_all(&mut bytes)?);
                Self::Member { member, group: Known { leads, voters, learners } }
            }
            _ => return None,
        };
        bytes.is_empty().then_some(report)
    }
}

fn put(out: &mut BytesMut, member: MemberId) {
    out.put_u32_le(member.process);
    out.put_u32_le(member.life);
}

fn take(bytes: &mut &[u8]) -> Option<MemberId> {
    Some(MemberId { process: bytes.try_get_u32_le().ok()?, life: bytes.try_get_u32_le().ok()? })
}

fn take_all(bytes: &mut &[u8]) -> Option<BTreeSet<MemberId>> {
    let count = bytes.try_get_u8().ok().filter(|count| *count <= MAX_MEMBERS)?;
    (0..count).map(|_| take(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_back_and_rubbish_is_not() {
        let id = |process| MemberId { process, life: 7 };
        let group = Known { leads: Leads::Yes, voters: [id(0), id(1)].into(), learners: [id(2)].into() };
        let reports = [
            Report::Nothing { member: None },
            Report::Nothing { member: Some(id(1)) },
            Report::Alone,
            Report::Founder,
            Report::Member { member: id(1), group },
        ];
        for report in reports {
            let bytes = report.encode();
            assert_eq!(Report::decode(&bytes), Some(report));
            assert_eq!(Report::decode(&bytes[..bytes.len() - 1]), None);
            assert_eq!(Report::decode(&[&bytes[..], &[0]].concat()), None);
        }
        assert_eq!(Report::decode(&[9]), None);
    }
}
