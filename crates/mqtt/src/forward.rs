//! The properties of a PUBLISH that are passed on unchanged, as raw bytes.

use bytes::BufMut;

use crate::property::{self, Value, Walk};

/// Raw MQTT 5 property bytes, checked when decoded and forwarded in their order (MQTT-3.3.2-18). Topic alias, message
/// expiry and subscription identifiers are not among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForwardProperties<'a> {
    /// What lies around the properties that were taken out: a client can send two of those, so three runs suffice. Runs
    /// in use come first and are not empty.
    runs: [&'a [u8]; 3],
    /// All of it, when a server's subscription identifiers leave more runs than three.
    joined: Option<Box<[u8]>>,
}

impl<'a> ForwardProperties<'a> {
    pub(crate) fn push(&mut self, run: &'a [u8]) {
        if run.is_empty() {
            return;
        }
        match self.runs.iter_mut().find(|free| free.is_empty()) {
            Some(free) => *free = run,
            None => self.joined = Some([&self.slices().concat(), run].concat().into()),
        }
    }

    /// Their length in bytes.
    pub fn len(&self) -> usize {
        self.slices().iter().map(|slice| slice.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.runs[0].is_empty()
    }

    /// The bytes in order; concatenated they are whole properties. Unused slices are empty.
    pub fn slices(&self) -> [&[u8]; 3] {
        match &self.joined {
            None => self.runs,
            Some(joined) => [joined, &[], &[]],
        }
    }

    /// Appends the bytes to `out`.
    pub fn copy_to(&self, out: &mut impl BufMut) {
        for slice in self.slices() {
            out.put_slice(slice);
        }
    }

    /// The user properties in order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.slices().into_iter().flat_map(user_properties_of)
    }

    /// The value of the first user property called `name`.
    pub fn user_property(&self, name: &str) -> Option<&str> {
        self.user_properties().find_map(|(key, value)| (key == name).then_some(value))
    }
}

/// The user properties in a list of raw properties, as a will or a stored message keeps them; ends at the first that
/// is not well-formed.
pub fn user_properties_of(list: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    let mut walk = Walk::new(list, property::PUBLISH);
    std::iter::from_fn(move || {
        loop {
            match walk.next() {
                Ok(Some((_, Value::Pair(key, value)))) => return Some((key, value)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    })
}
