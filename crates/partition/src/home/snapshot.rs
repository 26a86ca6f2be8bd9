//! How the session home stands in a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::{PartitionId, PartitionSet};
use crate::batch::CommandReader;
use crate::command::SessionKind;
use crate::message::Message;
use crate::slots::SlotTable;
use crate::wire::{DecodeError, Reader, Write};

use super::outbox::{Errand, Item};
use super::waiting::{Cap, Reported};
use super::{Home, Session, StoredWill};

impl Home {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.u64(self.epochs);
        out.u64(self.expired);
        out.varint(self.sessions.len() as u64);
        for (client_id, session) in &self.sessions {
            out.text(client_id);
            session.write(out);
        }
        out.u64(self.outbox.next);
        out.varint(self.outbox.items.len() as u64);
        for (number, item) in &self.outbox.items {
            out.u64(*number);
            out.u16(item.to.0);
            out.bool(item.errand == Errand::Will);
            out.blob(&item.command);
        }
    }

    pub(crate) fn read(id: PartitionId, slots: SlotTable, r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut home = Self::new(id, slots);
        home.epochs = r.counter()?;
        home.expired = r.counter()?;
        for _ in 0..r.varint()? {
            let client_id: Arc<str> = r.text()?.into();
            let session = Session::read(r)?;
            if home.sessions.contains_key(&client_id) {
                return Err(DecodeError::Inconsistent("two sessions of one client id"));
            }
            home.put(client_id, session);
        }
        home.outbox.next = r.counter()?;
        for _ in 0..r.varint()? {
            let number = r.u64()?;
            let item = Item {
                to: r.partition()?,
                errand: if r.bool()? { Errand::Will } else { Errand::Drop },
                command: r.blob()?.into(),
            };
            if CommandReader::new(&item.command).any(|command| command.is_err()) {
                return Err(DecodeError::Inconsistent("what is owed to a partition"));
            }
            home.outbox.items.insert(number, item);
        }
        Ok(home)
    }
}

impl Session {
    fn write(&self, out: &mut Vec<u8>) {
        out.u64(self.epoch.0);
        out.u64(self.since.0);
        out.bool(self.kind == SessionKind::Persistent);
        out.option(self.owner, Write::owner);
        out.u32(self.expiry);
        out.option(self.ends, |out, at| out.u64(at.0));
        out.option(self.will.as_ref(), |out, will| {
            out.u32(will.delay);
            out.option(will.expiry, Write::u32);
            out.blob(&will.message);
        });
        out.option(self.will_due, |out, at| out.u64(at.0));
        out.u64(self.touched.0);
        out.u64(self.haunted.0);
        out.varint(self.queues.len() as u64);
        for (partition, reported) in &self.queues {
            out.u16(partition.0);
            reported.write(out);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut session = Self {
            epoch: r.epoch()?,
            since: r.epoch()?,
            kind: if r.bool()? { SessionKind::Persistent } else { SessionKind::Transient },
            owner: r.option(Reader::owner)?,
            expiry: r.u32()?,
            ends: r.option(Reader::timestamp)?,
            will: r.option(StoredWill::read)?,
            will_due: r.option(Reader::timestamp)?,
            touched: PartitionSet(r.u64()?),
            haunted: PartitionSet(r.u64()?),
            queues: BTreeMap::new(),
        };
        for _ in 0..r.varint()? {
            session.queues.insert(r.partition()?, Reported::read(r)?);
        }
        Ok(session)
    }
}

impl Reported {
    fn write(&self, out: &mut Vec<u8>) {
        out.u64(self.epoch.0);
        for number in [self.revision, self.length, self.count] {
            out.varint(number);
        }
        out.u64(self.oldest.0);
        out.option(self.cap, |out, cap| {
            out.u64(cap.asked.0);
            out.varint(cap.down_to);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: r.epoch()?,
            revision: r.varint()?,
            length: r.varint()?,
            count: r.varint()?,
            oldest: r.timestamp()?,
            cap: r.option(|r| Ok(Cap { asked: r.epoch()?, down_to: r.varint()? }))?,
        })
    }
}

impl StoredWill {
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (delay, expiry, message) = (r.u32()?, r.option(Reader::u32)?, r.blob()?);
        let payload = Message::parse(message)?.payload.len() as u32;
        Ok(Self { delay, expiry, message: message.into(), payload })
    }
}
