//! Who a client turned out to be.

/// An authenticated (or, on an open listener, a self-declared) client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub client_id: Box<str>,
    /// From the credentials; on an open listener what the client said, which proves nothing.
    pub username: Option<Box<str>>,
    pub standing: Standing,
}

/// Whether somebody from outside speaks, or the broker itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Client,
    /// The broker's own connection to itself, through memory: nobody outside can get one.
    Internal,
}
