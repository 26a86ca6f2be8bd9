//! Who decides a value: a flag before a file, a file before the default.

use serde::Serialize;

use crate::reading::{Reading, Spot, Whole};
use crate::resource::{BROKER, BrokerSpec, Resource, SEPARATE};
use crate::{EffectiveValue, Given, Origin, Request};

/// A value of a flag, with the flag.
pub(super) type Flagged<'a, T> = Option<(T, &'a Given)>;

/// The Broker's fields and the flags that go before them, on the way to a plan.
pub(super) struct Settling<'a> {
    pub(super) flags: &'a Request,
    pub(super) broker: Option<&'a Resource<BrokerSpec>>,
    /// The Broker's, or one in which nothing is given.
    pub(super) spec: BrokerSpec,
    pub(super) reading: &'a mut Reading,
}

impl<'a> Settling<'a> {
    pub(super) fn new(flags: &'a Request, broker: Option<&'a Resource<BrokerSpec>>, reading: &'a mut Reading) -> Self {
        let spec = broker.map(|broker| broker.spec.clone()).unwrap_or_default();
        Self { flags, broker, spec, reading }
    }

    pub(super) fn flag_whole(&mut self, given: Option<&'a Given>, allowed: &Whole) -> Flagged<'a, u64> {
        self.reading.whole(given, allowed).zip(given)
    }

    pub(super) fn flag_word<T: Copy>(
        &mut self,
        given: Option<&'a Given>,
        words: &[(&'static str, T)],
    ) -> Flagged<'a, T> {
        self.reading.word(given, words).zip(given)
    }

    /// Decides, and notes the value as a resource would have it. `None` leaves the default, as the schema tells it.
    pub(super) fn settle<T: Serialize>(&mut self, path: &str, flag: Flagged<'_, T>, file: Option<T>) -> Option<T> {
        self.settle_shown(path, flag, file, |value| word(value))
    }

    pub(super) fn settle_shown<T>(
        &mut self,
        path: &str,
        flag: Flagged<'_, T>,
        file: Option<T>,
        shown: impl Fn(&T) -> String,
    ) -> Option<T> {
        let (value, origin) = match (flag, file) {
            (Some((value, given)), _) => (Some(value), Origin::Flag(given.place.clone())),
            (None, Some(value)) => (Some(value), self.given(path).map_or(Origin::Default, |spot| spot.origin())),
            (None, None) => (None, Origin::Default),
        };
        let text = value.as_ref().map(shown).unwrap_or_else(|| self.default_of(path));
        self.note_value(format!("Broker {path}"), text, origin, self.kept(path));
        value
    }

    /// Where the Broker says something of a field.
    pub(super) fn given(&self, path: &str) -> Option<Spot> {
        self.broker?.given(path)
    }

    /// What holds where nobody asks for anything, as it is shown.
    pub(super) fn default_of(&self, path: &str) -> String {
        BROKER.field(path).and_then(|field| field.default.clone()).unwrap_or_default()
    }

    /// Where a field takes effect, if not in this process.
    pub(super) fn kept(&self, path: &str) -> Option<String> {
        let kept = BROKER.field(path)?.kept.clone()?;
        let is_here = self.flags.cluster.is_some() && kept.starts_with(SEPARATE);
        (!is_here).then_some(kept)
    }

    pub(super) fn note_value(&mut self, path: String, value: String, origin: Origin, note: Option<String>) {
        self.reading.values.push(EffectiveValue { path, value, origin, note });
    }
}

/// A number or a word as a resource writes it.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}
