//! Entries of the group as records of the log, and as they travel to other members.
//!
//! ```text
//! u8 kind | ... | u64 term
//!   0x11 commands     the payload as solo writes it, but for this first byte, which there is its version, 1
//!   0x12 nothing      the first entry of a leader
//!   0x13 membership   u8 sets | sets x (u16 count | count x u64 member) | u16 count | count x u64 member, voting or not
//! 0x01 ...            written by solo: commands, of term 0
//! ```
//!
//! The term stands last so that a body keeps its offset. Version 1 of this form has the kinds 0x11 to 0x13; a later
//! one takes others, and solo refuses them all by number.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use partition::ENTRY_VERSION;

use super::group::{Entry, LogId, MemberId, Membership, Payload, Proposal, log_id, term_of};
use super::message::{Fields, Put};
use crate::log::Damage;

const COMMANDS: u8 = 0x11;
const NOTHING: u8 = 0x12;
const MEMBERSHIP: u8 = 0x13;

const TERM_BYTES: usize = 8;

/// The pieces of an entry's record.
pub(super) struct Record {
    kind: [u8; 1],
    middle: Bytes,
    term: [u8; TERM_BYTES],
}

impl Record {
    pub fn of(entry: &Entry) -> Self {
        let (kind, middle) = match &entry.payload {
            Payload::Blank => (NOTHING, Bytes::new()),
            Payload::Normal(Proposal { payload, .. }) => (COMMANDS, payload.slice(1.min(payload.len())..)),
            Payload::Membership(membership) => {
                let mut out = Vec::new();
                put_membership(&mut out, membership);
                (MEMBERSHIP, out.into())
            }
        };
        Self { kind: [kind], middle, term: term_of(&entry.log_id).to_le_bytes() }
    }

    pub fn parts(&self) -> [&[u8]; 3] {
        [&self.kind, &self.middle, &self.term]
    }

    pub fn len(&self) -> usize {
        1 + self.middle.len() + TERM_BYTES
    }
}

/// Reads the record of entry `index`.
pub(super) fn entry(index: u64, record: Bytes) -> Result<Entry, Damage> {
    let id = log_id(term(&record)?, index);
    let middle = |record: &Bytes| record.slice(1..record.len() - TERM_BYTES);
    let payload = match record[0] {
        ENTRY_VERSION => Payload::Normal(record.into()),
        COMMANDS => Payload::Normal(as_solo_writes(record.slice(..record.len() - TERM_BYTES), record).into()),
        NOTHING if record.len() == 1 + TERM_BYTES => Payload::Blank,
        MEMBERSHIP => {
            let bytes = middle(&record);
            let mut fields = Fields::new(&bytes);
            let membership = membership(&mut fields).filter(|_| fields.is_empty());
            Payload::Membership(membership.ok_or(Damage::Contents)?)
        }
        _ => return Err(Damage::Contents),
    };
    Ok(Entry { log_id: id, payload })
}

/// The term of a record, which may be its first and last bytes alone.
pub(super) fn term(record: &[u8]) -> Result<u64, Damage> {
    match record {
        [ENTRY_VERSION, ..] => Ok(0),
        [COMMANDS | NOTHING | MEMBERSHIP, rest @ ..] => {
            rest.last_chunk().map(|term| u64::from_le_bytes(*term)).ok_or(Damage::Contents)
        }
        _ => Err(Damage::Contents),
    }
}

/// Puts the version byte back; in place where nobody else holds the buffer.
fn as_solo_writes(payload: Bytes, record: Bytes) -> Bytes {
    drop(record);
    let mut payload = payload.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    payload[0] = ENTRY_VERSION;
    payload.freeze()
}

pub(super) fn put_log_id(out: &mut Vec<u8>, id: &LogId) {
    out.put_u64(term_of(id));
    out.put_u64(id.index);
}

pub(super) fn read_log_id(fields: &mut Fields<'_>) -> Option<LogId> {
    Some(log_id(fields.u64()?, fields.u64()?))
}

pub(super) fn put_membership(out: &mut Vec<u8>, membership: &Membership) {
    let sets = membership.get_joint_config();
    out.put_u8(sets.len() as u8);
    for set in sets {
        put_members(out, set.iter());
    }
    put_members(out, membership.nodes().map(|(member, ())| member));
}

pub(super) fn membership(fields: &mut Fields<'_>) -> Option<Membership> {
    let sets = fields.u8()?;
    let sets: Option<Vec<BTreeSet<MemberId>>> = (0..sets).map(|_| members(fields)).collect();
    let nodes: BTreeMap<MemberId, ()> = members(fields)?.into_iter().map(|member| (member, ())).collect();
    Membership::new(sets?, nodes).ok()
}

fn put_members<'m>(out: &mut Vec<u8>, members: impl Iterator<Item = &'m MemberId>) {
    let members: Vec<_> = members.collect();
    out.put_u16(members.len() as u16);
    members.iter().for_each(|member| out.put_u64(member.number()));
}

fn members(fields: &mut Fields<'_>) -> Option<BTreeSet<MemberId>> {
    let count = fields.u16()?;
    (0..count).map(|_| fields.u64().map(MemberId::from_number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(entry: &Entry) -> String {
        Record::of(entry).parts().concat().iter().map(|b| format!("{b:02x}")).collect()
    }

    fn there_and_back(entry: &Entry) {
        let record = Record::of(entry);
        let bytes = Bytes::from(record.parts().concat());
        assert_eq!(bytes.len(), record.len());
        assert_eq!(&super::entry(entry.log_id.index, bytes.clone()).unwrap(), entry);
        for len in 0..TERM_BYTES {
            assert!(super::entry(1, bytes.slice(..len)).is_err());
        }
    }

    #[test]
    fn the_bytes_of_records_are_these() {
        let commands = Entry { log_id: log_id(7, 9), payload: Payload::Normal(Bytes::from_static(b"\x01abc").into()) };
        assert_eq!(hex(&commands), "11".to_owned() + "616263" + "0700000000000000");
        let blank = Entry { log_id: log_id(7, 10), payload: Payload::Blank };
        assert_eq!(hex(&blank), "12".to_owned() + "0700000000000000");
        let (one, two) = (MemberId { process: 1, life: 2 }, MemberId { process: 3, life: 4 });
        let sets = vec![BTreeSet::from([one])];
        let membership = Membership::new(sets, BTreeMap::from([(one, ()), (two, ())])).unwrap();
        let membership = Entry { log_id: log_id(7, 11), payload: Payload::Membership(membership) };
        let (one, two) = ("0200000001000000", "0400000003000000");
        assert_eq!(hex(&membership), format!("13 01 0100 {one} 0200 {one} {two} 0700000000000000").replace(' ', ""));
        [commands, blank, membership].iter().for_each(there_and_back);
    }

    #[test]
    fn what_solo_has_written_is_of_term_0() {
        let payload = Bytes::from_static(b"\x01 anything");
        let entry = super::entry(5, payload.clone()).unwrap();
        assert_eq!(entry, Entry { log_id: log_id(0, 5), payload: Payload::Normal(payload.into()) });
        assert_eq!(super::entry(5, Bytes::from_static(&[0x14; 20])).unwrap_err(), Damage::Contents);
    }
}
