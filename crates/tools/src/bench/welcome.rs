//! What a client does once the broker has accepted it.

use std::num::NonZeroU16;

use mqtt::{ConnAck, QoS};

use super::connection::{Past, Phase, Role};
use super::counts::Count;
use super::fault::Fault;
use super::hello::{granted, session_expiry};
use super::publisher::Session;
use super::settings::{Alias, Load, TrafficLoad};
use super::worker::Worker;

/// What a packet takes beside topic, properties and payload, at most.
const PACKET_OVERHEAD: u64 = 64;

impl Worker {
    /// Goes through the connections that were accepted and the subscriptions that were acknowledged.
    pub(super) fn see_to_news(&mut self) {
        for (index, connack) in std::mem::take(&mut self.ledger.news.accepted) {
            self.dialer.done();
            // It may have ended in the same breath.
            if self.connections[index as usize].phase != Phase::Open {
                continue;
            }
            if let Err(fault) = self.welcome(index, &connack) {
                self.end(index, fault);
            }
        }
        let settings = self.site.settings.clone();
        for (index, code) in std::mem::take(&mut self.ledger.news.subscribed) {
            let asked = match &settings.load {
                Load::Traffic(load) => load.subscription_qos,
                Load::Connect(_) => QoS::AtLeastOnce,
            };
            if granted(code).is_none_or(|qos| qos < asked) {
                self.ledger.counts[Count::Downgraded] += 1;
            }
            self.settled.push(index);
        }
    }

    fn welcome(&mut self, index: u32, connack: &ConnAck) -> Result<(), Fault> {
        let settings = self.site.settings.clone();
        let now = self.ledger.now;
        let connection = &mut self.connections[index as usize];
        let seconds = connack.server_keep_alive.unwrap_or(settings.clients.keep_alive);
        connection.keep_alive = u64::from(seconds) * 1_000_000_000;
        connection.attempts = 0;
        let past = connection.past;
        if past == Past::Erased {
            if let Role::Publisher(publisher) = &mut connection.role {
                publisher.set_receive_maximum(connack.receive_maximum.map_or(u16::MAX, NonZeroU16::get));
            }
            self.settled.push(index);
            return Ok(());
        }
        connection.past = Past::Known;
        let due = connection.times.due;
        self.ledger.counts[Count::Opened] += 1;
        self.ledger.latencies.connect.record(now.saturating_sub(due));
        let session = if connack.session_present { Session::Present } else { Session::Absent };
        self.ledger.counts[Count::SessionsPresent] += u64::from(session == Session::Present);
        if past == Past::Known {
            self.ledger.counts[Count::Reconnected] += 1;
            let is_lost = session_expiry(&settings, &connection.role) > 0 && session == Session::Absent;
            self.ledger.counts[Count::SessionsLost] += u64::from(is_lost);
        }
        match &settings.load {
            Load::Traffic(load) => self.take_up(index, connack, load, (past, session)),
            Load::Connect(_) => {
                if !self.subscribe(index)? {
                    self.settled.push(index);
                }
                Ok(())
            }
        }
    }

    fn take_up(
        &mut self,
        index: u32,
        connack: &ConnAck,
        load: &TrafficLoad,
        (past, session): (Past, Session),
    ) -> Result<(), Fault> {
        let connection = &mut self.connections[index as usize];
        match &mut connection.role {
            Role::Publisher(publisher) => {
                check_limits(connack, load)?;
                publisher.set_receive_maximum(connack.receive_maximum.map_or(u16::MAX, NonZeroU16::get));
                publisher.forget_aliases();
                let resent = publisher.resend(&mut connection.out.bytes, &load.message, session);
                self.ledger.counts[Count::Resent] += resent;
                self.ledger.credit.wake(publisher.local);
                self.settled.push(index);
                self.touch(index);
                Ok(())
            }
            Role::Subscriber(_) if past == Past::Known && session == Session::Present => {
                self.settled.push(index);
                Ok(())
            }
            Role::Subscriber(subscriber) => {
                subscriber.unreleased.clear();
                if connack.shared_subscription_available == Some(false) && load.share.is_some() {
                    return Err(Fault::Limit("no shared subscriptions".to_owned()));
                }
                self.subscribe(index).map(|_| ())
            }
            Role::Idle { .. } => {
                self.settled.push(index);
                Ok(())
            }
        }
    }
}

/// What the broker does not take is not worth trying.
fn check_limits(connack: &ConnAck, load: &TrafficLoad) -> Result<(), Fault> {
    let limit = |text: String| Err(Fault::Limit(text));
    if let Some(maximum) = connack.maximum_qos.filter(|maximum| *maximum < load.message.qos) {
        return limit(format!("QoS at most {}", maximum as u8));
    }
    if load.message.retain && connack.retain_available == Some(false) {
        return limit("no retained messages".to_owned());
    }
    if let Some(maximum) = connack.maximum_packet_size {
        let least = load.message.least_packet_len() + PACKET_OVERHEAD;
        if u64::from(maximum.get()) < least {
            return limit(format!("packets of at most {maximum} bytes"));
        }
    }
    if load.alias == Alias::Used && u32::from(connack.topic_alias_maximum) < load.topics {
        return limit(format!("topic aliases up to {}, --topics are {}", connack.topic_alias_maximum, load.topics));
    }
    Ok(())
}
