//! Questions and answers as bytes, for the partitions that another process leads: numbers little-endian, lengths in front.

use std::sync::Arc;

use bytes::Bytes;
use mqtt::{QoS, RetainHandling};
use partition::{
    Epoch, Found, Holding, MessageProperties, Owner, PartitionSet, RetainedView, SessionKind, SessionRecord,
    SessionSlot, Slice, SubscriptionOptions, SubscriptionPlace, SubscriptionView, Timestamp,
};

use super::call::{ClientsStep, Deletion, FiltersStep, RetainedStep, Search, SessionStep};
use super::query::Presence;
use super::record::RetainedMessage;

/// What has a form on the wire.
pub(super) trait Wire: Sized {
    fn write(&self, out: &mut Vec<u8>);
    /// Takes it off the front; `None` where the bytes are no such thing.
    fn read(from: &mut &[u8]) -> Option<Self>;
}

/// Reads what fills the bytes.
pub(super) fn whole<T: Wire>(mut bytes: &[u8]) -> Option<T> {
    T::read(&mut bytes).filter(|_| bytes.is_empty())
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                let (head, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*head))
            }
        }
    )*};
}

/// One field after the other.
macro_rules! records {
    ($($type:ty { $($field:tt),* })*) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Wire::read(from)?),* })
            }
        }
    )*};
}

/// By their numbers, which stay.
macro_rules! choices {
    ($($type:ty { $($number:literal = $variant:pat => $value:expr),* })*) => {$(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let number: u8 = match self { $($variant => $number),* };
                number.write(out);
            }

            fn read(from: &mut &[u8]) -> Option<Self> {
                match u8::read(from)? {
                    $($number => Some($value),)*
                    _ => None,
                }
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64);

choices! {
    bool { 0 = false => false, 1 = true => true }
    SessionKind { 0 = Self::Transient => Self::Transient, 1 = Self::Persistent => Self::Persistent }
    Presence { 0 = Self::Connected => Self::Connected, 1 = Self::Away => Self::Away }
    Deletion { 0 = Self::Done => Self::Done, 1 = Self::NotThere => Self::NotThere, 2 = Self::DiskFull => Self::DiskFull }
    QoS { 0 = Self::AtMostOnce => Self::AtMostOnce, 1 = Self::AtLeastOnce => Self::AtLeastOnce, 2 = Self::ExactlyOnce => Self::ExactlyOnce }
    RetainHandling {
        0 = Self::SendAtSubscribe => Self::SendAtSubscribe,
        1 = Self::SendIfNew => Self::SendIfNew,
        2 = Self::DoNotSend => Self::DoNotSend
    }
}

records! {
    Epoch { 0 }
    PartitionSet { 0 }
    SessionSlot { 0 }
    Timestamp { 0 }
    Owner { frontend, worker, slot, generation }
    SessionRecord { client_id, kind, owner, epoch, expiry, ends, has_will, touched }
    Holding { exact, wildcard, queued, in_flight, queued_bytes }
    SubscriptionOptions { qos, no_local, retain_as_published, retain_handling, identifier }
    SubscriptionView { client_id, filter, options }
    SubscriptionPlace { filter, session }
    RetainedView { topic, qos, payload_bytes, expires }
    MessageProperties { payload_format, content_type, response_topic, correlation_data, user }
    RetainedMessage { view, properties, payload }
    SessionStep { after, prefix, limit, kind, presence }
    Search { filter, topic, after, limit }
    ClientsStep { clients, search, from }
    FiltersStep { search, from }
    RetainedStep { after, filter, limit }
}

impl<T: Wire> Wire for Slice<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.items.write(out);
        self.more.write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self { items: Wire::read(from)?, more: Wire::read(from)? })
    }
}

impl<P: Wire> Wire for Found<P> {
    fn write(&self, out: &mut Vec<u8>) {
        self.items.write(out);
        self.more.write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some(Self { items: Wire::read(from)?, more: Wire::read(from)? })
    }
}

impl Wire for usize {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u64).write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        usize::try_from(u64::read(from)?).ok()
    }
}

impl Wire for Bytes {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        out.extend_from_slice(self);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::read(from)?;
        let (head, rest) = from.split_at_checked(length)?;
        *from = rest;
        Some(Self::copy_from_slice(head))
    }
}

impl Wire for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Self::from_utf8(Bytes::read(from)?.into()).ok()
    }
}

impl Wire for Arc<str> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        String::read(from).map(Self::from)
    }
}

impl Wire for Arc<Search> {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Search::read(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        self.iter().for_each(|value| value.write(out));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        if bool::read(from)? { T::read(from).map(Some) } else { Some(None) }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        self.len().write(out);
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        let length = usize::read(from)?;
        // Without room for what a wrong length says: every item takes a byte at least.
        let mut items = Self::new();
        for _ in 0..length {
            items.push(T::read(from)?);
        }
        Some(items)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        Some((A::read(from)?, B::read(from)?))
    }
}

impl<T: Wire> Wire for Result<T, String> {
    fn write(&self, out: &mut Vec<u8>) {
        self.is_ok().write(out);
        match self {
            Ok(value) => value.write(out),
            Err(why) => why.write(out),
        }
    }

    fn read(from: &mut &[u8]) -> Option<Self> {
        if bool::read(from)? { T::read(from).map(Ok) } else { String::read(from).map(Err) }
    }
}
