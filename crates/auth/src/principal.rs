//! Who a client turned out to be.

/// An authenticated (or, on an open listener, a self-declared) client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub client_id: Box<str>,
    /// From the credentials; on an open listener what the client said, which proves nothing.
    pub username: Option<Box<str>>,
}
