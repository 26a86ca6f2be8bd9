//! What a principal may do. Every permit is made here and nowhere else.

use crate::principal::Principal;

/// Proof that this principal may connect with its client id.
#[derive(Clone, Copy, Debug)]
pub struct ConnectPermit(());

/// Proof that a principal may publish to the topic that was asked about.
#[derive(Clone, Copy, Debug)]
pub struct PublishPermit(());

/// Proof that a principal may subscribe to the filter that was asked about.
#[derive(Clone, Copy, Debug)]
pub struct SubscribePermit(());

impl PublishPermit {
    /// For what the broker itself publishes: wills (checked at CONNECT) and `$SYS`.
    pub fn broker() -> Self {
        Self(())
    }
}

/// The rules of one listener.
#[derive(Clone, Debug)]
pub struct Policy(());

impl Policy {
    /// Everybody may do everything, except publish to what is the broker's own.
    pub fn open() -> Self {
        Self(())
    }

    pub fn connect(&self, _principal: &Principal) -> Option<ConnectPermit> {
        Some(ConnectPermit(()))
    }

    /// `None` for a topic below `$SYS/`: MQTT-4.7.2-2 reserves `$` topics to the server.
    pub fn publish(&self, _principal: &Principal, topic: &str) -> Option<PublishPermit> {
        (!is_broker_topic(topic)).then_some(PublishPermit(()))
    }

    pub fn subscribe(&self, _principal: &Principal, _filter: &str) -> Option<SubscribePermit> {
        Some(SubscribePermit(()))
    }
}

fn is_broker_topic(topic: &str) -> bool {
    topic.strip_prefix("$SYS").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_broker_publishes_to_sys() {
        let policy = Policy::open();
        let anyone = Principal { client_id: "c".into(), username: None };
        for (topic, allowed) in [("$SYS", false), ("$SYS/broker/uptime", false), ("$SYSTEM", true), ("a/$SYS", true)] {
            assert_eq!(policy.publish(&anyone, topic).is_some(), allowed, "{topic}");
        }
    }
}
