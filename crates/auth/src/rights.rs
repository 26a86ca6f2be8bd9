//! What one client may do, with the last decisions kept.

use std::sync::Arc;

use crate::authorization::{Access, Authorization, DeniedPublish, Recent};
use crate::denial::Denied;
use crate::permit::{ConnectPermit, PublishPermit, SubscribePermit};
use crate::principal::{Principal, Standing};

/// Every permit for a client is made here. One for each connection; without rules two words and a byte.
#[derive(Debug)]
pub struct Rights {
    standing: Standing,
    /// `None`: no rules.
    limited: Option<Box<Limited>>,
}

#[derive(Debug)]
struct Limited {
    authorization: Arc<Authorization>,
    access: Access,
    published: Recent,
}

impl Rights {
    pub(crate) fn new(authorization: Option<Arc<Authorization>>, principal: &Principal) -> Self {
        let limited = authorization.map(|authorization| {
            let access = authorization.compiled().access(principal);
            let published = Recent::new(authorization.cache());
            Box::new(Limited { authorization, access, published })
        });
        Self { standing: principal.standing, limited }
    }

    /// Whether there are rules at all.
    pub fn are_limited(&self) -> bool {
        self.limited.is_some()
    }

    /// What becomes of a denied PUBLISH of a client of before MQTT 5, which cannot be told.
    pub fn denied_publish(&self) -> DeniedPublish {
        self.limited.as_ref().map_or_else(DeniedPublish::default, |limited| limited.authorization.denied_publish())
    }

    /// `principal` must be the one that the rights were made for.
    pub fn connect<'a>(&self, principal: &'a Principal) -> Option<ConnectPermit<'a>> {
        let allowed = self.limited.as_ref().is_none_or(|limited| limited.access.connect().is_some());
        allowed.then_some(ConnectPermit { client_id: &principal.client_id })
    }

    /// Asked for each message: warm it costs one look at the topic, or one hash of it where there are rules.
    ///
    /// # Errors
    /// [`Denied::Reserved`] for a topic below `$SYS/`, as MQTT-4.7.2-2 reserves `$` topics to the server, and for all
    /// but the broker's own connections for its self-check topics; else what the rules say.
    pub fn publish<'a>(&mut self, topic: &'a str) -> Result<PublishPermit<'a>, Denied> {
        // The first byte settles it for nearly all.
        let reserved = match topic.as_bytes().first() {
            Some(b'$') => is_broker_topic(topic),
            Some(b'a') => mqtt::is_self_check(topic) && self.standing != Standing::Internal,
            _ => false,
        };
        if reserved {
            return Err(Denied::Reserved);
        }
        match &mut self.limited {
            None => Ok(PublishPermit { topic }),
            Some(limited) => {
                limited.published.decide(topic, |topic| limited.access.publish(topic).is_some())?;
                Ok(PublishPermit { topic })
            }
        }
    }

    pub fn subscribe<'a>(&self, filter: &'a str) -> Option<SubscribePermit<'a>> {
        let allowed = self.limited.as_ref().is_none_or(|limited| limited.access.subscribe(filter).is_some());
        allowed.then_some(SubscribePermit { filter })
    }

    /// Whether a message that has waited for the client may still be given to it: some filter that it may subscribe to
    /// matches the topic.
    pub fn may_receive(&self, topic: &str) -> bool {
        self.limited.as_ref().is_none_or(|limited| limited.access.receive(topic).is_some())
    }
}

pub(crate) fn is_broker_topic(topic: &str) -> bool {
    topic.strip_prefix("$SYS").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn may_publish(standing: Standing, topic: &str) -> bool {
        let principal = Principal { standing, ..Principal::declared("c", None) };
        Policy::open().rights(&principal).publish(topic).is_ok()
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
