//! What a BrokerAuthorization says, as it stands: allow rules, nothing resolved yet.

use std::collections::BTreeMap;

/// Everything that is allowed; what no rule allows is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub rules: Vec<Rule>,
}

/// What some principals may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    pub principals: Principals,
    pub broker: Vec<BrokerResource>,
    pub state_store: Vec<StateStoreResource>,
}

/// Who a rule is for: whoever one entry of any list fits. Empty lists fit nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principals {
    /// User names; may contain tokens: `{principal.clientId}` is whose user name is the client id.
    pub usernames: Vec<String>,
    pub client_ids: Vec<String>,
    /// All pairs of one entry have to be the principal's.
    pub attributes: Vec<BTreeMap<String, String>>,
}

/// What is allowed to do with MQTT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerResource {
    /// With one of these client ids, tokens and a last `*` understood; none listed is any.
    Connect { client_ids: Vec<String> },
    /// To topics that one of these filters matches; tokens stand for whole levels.
    Publish { topics: Vec<String> },
    /// To filters that match nothing that one of these does not match.
    Subscribe { topics: Vec<String> },
}

/// What is allowed to do with keys of the state store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateStoreResource {
    pub access: StoreAccess,
    pub keys: Keys,
}

/// Reading is GET and KEYNOTIFY; writing is SET, DEL and VDEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAccess {
    Read,
    Write,
    ReadWrite,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Globs: `*` any run, `?` one character, `[0-9]` one of a range; tokens understood.
    Pattern(Vec<String>),
    /// Exactly these.
    Exact(Vec<Vec<u8>>),
}
