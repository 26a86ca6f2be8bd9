//! Proofs of decisions. They are made in this crate and nowhere else, and each names what it is about: who routes takes
//! the topic from the permit, so that what was asked about and what is done cannot differ.

/// Proof that a principal may connect with its client id.
#[derive(Clone, Copy, Debug)]
pub struct ConnectPermit<'a> {
    pub(crate) client_id: &'a str,
}

impl<'a> ConnectPermit<'a> {
    pub fn client_id(&self) -> &'a str {
        self.client_id
    }
}

/// Proof that a message may be published to a topic.
#[derive(Clone, Copy, Debug)]
pub struct PublishPermit<'a> {
    pub(crate) topic: &'a str,
}

impl<'a> PublishPermit<'a> {
    /// For what the broker itself publishes, and for what was permitted before and is passed on.
    pub fn broker(topic: &'a str) -> Self {
        Self { topic }
    }

    pub fn topic(&self) -> &'a str {
        self.topic
    }
}

/// Proof that a principal may subscribe to a filter, `$share/{group}/` included.
#[derive(Clone, Copy, Debug)]
pub struct SubscribePermit<'a> {
    pub(crate) filter: &'a str,
}

impl<'a> SubscribePermit<'a> {
    pub fn filter(&self) -> &'a str {
        self.filter
    }
}
