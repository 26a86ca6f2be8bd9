//! What a principal may do. Every permit is made here and nowhere else.

use crate::principal::{Principal, Standing};

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

    /// `None` for a topic below `$SYS/`, as MQTT-4.7.2-2 reserves `$` topics to the server, and to all but the broker's
    /// own connections for its self-check topics.
    pub fn publish(&self, principal: &Principal, topic: &str) -> Option<PublishPermit> {
        // Looked at for each message: the first byte settles it for nearly all.
        let reserved = match topic.as_bytes().first() {
            Some(b'$') => is_broker_topic(topic),
            Some(b'a') => mqtt::is_self_check(topic) && principal.standing != Standing::Internal,
            _ => false,
        };
        (!reserved).then_some(PublishPermit(()))
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

    fn may_publish(standing: Standing, topic: &str) -> bool {
        let principal = Principal { standing, ..Principal::declared("c", None) };
        Policy::open().publish(&principal, topic).is_some()
    }

    #[test]
    fn only_the_broker_publishes_to_sys() {
        for (topic, allowed) in [("$SYS", false), ("$SYS/broker/uptime", false), ("$SYSTEM", true), ("a/$SYS", true)] {
            assert_eq!(may_publish(Standing::Client, topic), allowed, "{topic}");
            assert_eq!(may_publish(Standing::Internal, topic), allowed, "{topic}");
        }
    }

    #[test]
    fn only_the_brokers_own_connections_publish_self_checks() {
        for (topic, allowed) in [
            ("azedge/dmqtt/selftest", false),
            ("azedge/dmqtt/selftest/0/1", false),
            ("azedge/dmqtt/selftests", true),
            ("azedge/dmqtt", true),
            ("a", true),
            ("b/azedge/dmqtt/selftest", true),
        ] {
            assert_eq!(may_publish(Standing::Client, topic), allowed, "{topic}");
            assert!(may_publish(Standing::Internal, topic), "{topic}");
        }
    }
}
