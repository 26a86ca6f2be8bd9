//! Who a client turned out to be.

use std::collections::BTreeMap;

/// An authenticated (or, on an open listener, a self-declared) client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub client_id: Box<str>,
    /// From the credentials; on an open listener what the client said, which proves nothing.
    pub username: Option<Box<str>>,
    /// What else authentication found out, by name.
    pub attributes: BTreeMap<Box<str>, Box<str>>,
    pub standing: Standing,
}

impl Principal {
    /// A client that says who it is and is believed.
    pub fn declared(client_id: &str, username: Option<&str>) -> Self {
        Self {
            client_id: client_id.into(),
            username: username.map(Into::into),
            attributes: BTreeMap::new(),
            standing: Standing::Client,
        }
    }
}

/// Whether somebody from outside speaks, or the broker itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Client,
    /// The broker's own connection to itself, through memory: nobody outside can get one.
    Internal,
}
