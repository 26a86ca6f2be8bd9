//! A dataflow as it is asked for.

use std::sync::Arc;

use crate::endpoint::{Endpoint, Kind};
use crate::template::TopicTemplate;

/// Messages that match `sources` at one server, published at another. Two are the same dataflow when `name` and
/// `instance` are the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataflow {
    pub name: String,
    pub profile: String,
    /// From 0 on.
    pub instance: u16,
    /// With more than one, filters that are not shared already become shared ones, so that each message takes one way.
    pub instances: u16,
    /// Topic filters; at least one.
    pub sources: Vec<String>,
    pub source: Arc<Endpoint>,
    pub destination: Arc<Endpoint>,
    pub topic: TopicTemplate,
    /// Where a message goes that the destination refuses for good: at the local server, or if there is none at the
    /// source.
    pub dead_letter: Arc<str>,
}

/// Which of its servers something of a dataflow concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Source,
    Destination,
}

/// What tells dataflows apart.
pub(crate) type Key = (String, u16);

impl Dataflow {
    pub(crate) fn key(&self) -> Key {
        (self.name.clone(), self.instance)
    }

    /// The filters to subscribe to.
    pub(crate) fn filters(&self) -> Vec<String> {
        let shared = |filter: &String| match self.instances > 1 && !filter.starts_with("$share/") {
            true => format!("$share/{}/{filter}", self.name),
            false => filter.clone(),
        };
        self.sources.iter().map(shared).collect()
    }

    /// The identifier at a server: prefix and name, with a number from 1 on where there are several instances. `installation`
    /// stands in for a prefix. Both sides may be at one server, by whatever names it goes, and would take the connection
    /// from each other under one identifier: the destination's has an ending of its own, unless the user has said what
    /// it is to be called and the addresses differ.
    pub(crate) fn client_id(&self, side: Side, installation: &str) -> String {
        let endpoint = match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        };
        let mut id = match &endpoint.client_id_prefix {
            Some(prefix) => format!("{prefix}{}", self.name),
            None => format!("{installation}-{}", self.name),
        };
        let at_one_server = self.source.address.is_where(&self.destination.address)
            || (self.source.kind, self.destination.kind) == (Kind::Local, Kind::Local);
        if side == Side::Destination && (endpoint.client_id_prefix.is_none() || at_one_server) {
            id.push_str("-out");
        }
        if self.instances > 1 {
            id.push_str(&format!("-{}", u32::from(self.instance) + 1));
        }
        id
    }

    /// Whether the source shares messages out between this and others.
    pub(crate) fn is_shared(&self) -> bool {
        self.filters().iter().any(|filter| filter.starts_with("$share/"))
    }

    /// Where dead letters go.
    pub(crate) fn dead_letter_side(&self) -> Side {
        match (self.source.kind, self.destination.kind) {
            (Kind::Local, _) => Side::Source,
            (_, Kind::Local) => Side::Destination,
            _ => Side::Source,
        }
    }
}
