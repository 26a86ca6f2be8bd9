//! What who is let in may do: the rules of a BrokerAuthorization, as they stand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Place;

/// A BrokerAuthorization. What no rule allows is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Where it was written; fields are below `spec`: `authorizationPolicies.rules[0].brokerResources[1].topics[0]`.
    pub place: Place,
    /// Whether decisions are remembered.
    pub cache: Cache,
    /// What becomes of a 3.1.1 client's publish that is denied.
    pub denied_publish: DeniedPublish,
    /// In the order of the text, by which they are numbered.
    pub rules: Vec<Rule>,
}

/// Whether decisions are remembered for each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum Cache {
    /// The most recent ones are, in a bounded number.
    #[default]
    Enabled,
    /// Each is made anew.
    Disabled,
}

/// What becomes of a publish that is denied, where the client's MQTT has no code to say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
pub enum DeniedPublish {
    /// The usual acknowledgement; the message is dropped.
    #[default]
    Acknowledge,
    /// The end of the connection.
    Disconnect,
}

/// What some principals may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Who they are.
    pub principals: Principals,
    /// What they may do with MQTT.
    pub broker: Vec<BrokerResource>,
    /// What they may do with the state store.
    pub state_store: Vec<StateStoreResource>,
}

/// Whoever one entry of any list fits. Empty lists fit nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principals {
    /// May contain tokens, such as `{principal.clientId}`.
    pub usernames: Vec<String>,
    /// As they are.
    pub client_ids: Vec<String>,
    /// All pairs of one entry have to be the principal's.
    pub attributes: Vec<BTreeMap<String, String>>,
}

/// What is allowed to do with MQTT. Tokens in it are not parsed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerResource {
    /// With one of these client ids; none listed is any.
    Connect {
        /// The last character may be `*`.
        client_ids: Vec<String>,
    },
    /// To topics that one of these matches.
    Publish {
        /// Never empty.
        topics: Vec<String>,
    },
    /// To filters that match nothing that none of these matches.
    Subscribe {
        /// Never empty.
        topics: Vec<String>,
    },
}

/// What is allowed to do with keys of the state store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateStoreResource {
    /// What.
    pub access: StoreAccess,
    /// With which.
    pub keys: StoreKeys,
}

/// Access to the state store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum StoreAccess {
    /// GET and KEYNOTIFY.
    Read,
    /// SET, DEL and VDEL.
    Write,
    /// All of them.
    ReadWrite,
}

/// Keys of the state store. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKeys {
    /// Globs.
    Pattern(Vec<String>),
    /// Exactly these.
    Exact(Vec<Vec<u8>>),
}
