//! The load of each scenario.

use std::sync::Arc;
use std::time::Duration;

use mqtt::{ProtocolVersion, QoS};

use super::arguments::{Conn, Fan, Message as MessageArguments, Offline, Pace as PaceArguments};
use super::arguments::{PointToPoint, Pub, Retained, Sub, Subscription};
use super::checking::{not_zero, positive};
use super::message::Message;
use super::settings::{Alias, ConnectLoad, ConnectStyle, Pace, Routing, SettingsError, Span, TrafficLoad};
use super::sizes::Sizes;
use super::stamp::STAMP_LEN;
use super::topics::{Place, TopicTemplate};

/// Publishes in flight with --rate, where no window bounds them.
const RATED_IN_FLIGHT: u16 = 1000;

/// How long nothing may come before what a broker kept is given up.
const STORED_DRAIN: Duration = Duration::from_secs(5);

/// What every scenario is made with.
pub(super) struct Frame {
    pub(super) run: u32,
    pub(super) version: ProtocolVersion,
    pub(super) since_1970: u64,
}

/// What scenarios with publishers differ in.
struct Shape {
    scenario: &'static str,
    publishers: u32,
    subscribers: u32,
    routing: Routing,
    share: Option<String>,
    /// What topics look like unless the user says so.
    topic: &'static str,
}

impl Frame {
    pub(super) fn connections(&self, conn: &Conn) -> Result<ConnectLoad, SettingsError> {
        let style = if conn.churn {
            let duration = match (conn.duration, conn.count) {
                (None, None) => Some(Duration::from_secs(10)),
                (duration, _) => duration,
            };
            ConnectStyle::Churn { duration, count: conn.count }
        } else {
            ConnectStyle::Hold(conn.hold)
        };
        let filter = conn.filter.as_ref().map(|filter| TopicTemplate::new(filter, self.run));
        if let Some(filter) = &filter {
            filter.check_filter().map_err(|reason| SettingsError::Topic { option: "filter", reason })?;
        }
        Ok(ConnectLoad { connections: some("connections", conn.connections)?, style, filter, filters: conn.filters })
    }

    pub(super) fn publishers(&self, publish: &Pub) -> Result<TrafficLoad, SettingsError> {
        let shape = Shape {
            scenario: "pub",
            publishers: some("publishers", publish.publishers)?,
            subscribers: 0,
            routing: Routing::Nowhere,
            share: None,
            topic: "causeway/bench/{publisher}",
        };
        self.traffic(shape, &publish.message, &publish.pace, None)
    }

    pub(super) fn pairs(&self, pairs: &PointToPoint) -> Result<TrafficLoad, SettingsError> {
        let count = some("pairs", pairs.pairs)?;
        let shape = Shape {
            scenario: "p2p",
            publishers: count,
            subscribers: count,
            routing: Routing::Pairs,
            share: None,
            topic: "causeway/bench/{run}/{publisher}",
        };
        let traffic = self.traffic(shape, &pairs.message, &pairs.pace, Some(&pairs.subscription))?;
        if !traffic.topic.has(Place::Publisher) || !traffic.filter.has(Place::Subscriber) {
            let expected = "{publisher} in --topic and {subscriber} in --filter, for a topic of each pair";
            return Err(SettingsError::Value { option: "topic", expected });
        }
        Ok(traffic)
    }

    pub(super) fn fan_in(&self, fan: &Fan) -> Result<TrafficLoad, SettingsError> {
        let shape = Shape {
            scenario: "fan-in",
            publishers: some("publishers", fan.publishers.unwrap_or(100))?,
            subscribers: some("subscribers", fan.subscribers.unwrap_or(1))?,
            routing: Routing::All,
            share: fan.share.clone(),
            topic: "causeway/bench/{run}/{publisher}",
        };
        self.traffic(shape, &fan.message, &fan.pace, Some(&fan.subscription))
    }

    pub(super) fn fan_out(&self, fan: &Fan) -> Result<TrafficLoad, SettingsError> {
        let shape = Shape {
            scenario: "fan-out",
            publishers: some("publishers", fan.publishers.unwrap_or(1))?,
            subscribers: some("subscribers", fan.subscribers.unwrap_or(100))?,
            routing: Routing::All,
            share: fan.share.clone(),
            topic: "causeway/bench/{run}/all",
        };
        self.traffic(shape, &fan.message, &fan.pace, Some(&fan.subscription))
    }

    fn traffic(
        &self,
        shape: Shape,
        message: &MessageArguments,
        pace: &PaceArguments,
        subscription: Option<&Subscription>,
    ) -> Result<TrafficLoad, SettingsError> {
        let qos = quality(message.qos);
        let topic = self.topic(&shape, message)?;
        let filter = match subscription.and_then(|subscription| subscription.filter.as_ref()) {
            Some(filter) => TopicTemplate::new(filter, self.run),
            None if shape.routing == Routing::Pairs => {
                topic.with(Place::Publisher, Place::Subscriber).any(&[Place::Topic])
            }
            None => topic.any(&[Place::Publisher, Place::Topic]),
        };
        let given_qos = subscription.and_then(|subscription| subscription.sub_qos);
        Ok(TrafficLoad {
            scenario: shape.scenario,
            publishers: shape.publishers,
            subscribers: shape.subscribers,
            topics: message.topics,
            topic,
            filter,
            share: shape.share,
            routing: shape.routing,
            message: Arc::new(self.message(message, qos)?),
            subscription_qos: given_qos.map_or(qos, quality),
            persistent: subscription.map_or(0, |subscription| subscription.persistent),
            alias: if message.topic_alias { Alias::Used } else { Alias::Unused },
            pace: tempo(pace)?,
            in_flight: in_flight(pace),
            span: span(pace)?,
        })
    }

    fn topic(&self, shape: &Shape, message: &MessageArguments) -> Result<TopicTemplate, SettingsError> {
        let more = if message.topics > 1 { "/{topic}" } else { "" };
        let default = || format!("{}{more}", shape.topic);
        let topic = TopicTemplate::new(&message.topic.clone().unwrap_or_else(default), self.run);
        if message.topics > 1 && !topic.has(Place::Topic) {
            let expected = "{topic} in --topic, to make --topics of them";
            return Err(SettingsError::Value { option: "topic", expected });
        }
        without("topic", topic, (Place::Subscriber, "{subscriber}"), "{run}, {publisher} or {topic}")
    }

    fn message(&self, message: &MessageArguments, qos: QoS) -> Result<Message, SettingsError> {
        if message.user_properties > 0 && !self.version.is_v5() {
            return Err(SettingsError::OnlyV5 { option: "user-properties" });
        }
        let made = Message::new(self.run, self.version, qos, message.size.clone(), self.since_1970)
            .with_user_properties(message.user_properties);
        Ok(if message.retain { made.retained() } else { made })
    }

    pub(super) fn subscribers(&self, subscribe: &Sub) -> Result<TrafficLoad, SettingsError> {
        let filter = TopicTemplate::new(&subscribe.filter, self.run);
        let qos = quality(subscribe.qos);
        let sizes = Sizes::Fixed(STAMP_LEN as u32);
        Ok(TrafficLoad {
            scenario: "sub",
            publishers: 0,
            subscribers: some("subscribers", subscribe.subscribers)?,
            topics: 1,
            topic: TopicTemplate::new("causeway/bench", self.run),
            filter: without("filter", filter, (Place::Publisher, "{publisher}"), "{run} or {subscriber}")?,
            share: subscribe.share.clone(),
            routing: Routing::Others { timed: subscribe.latency, run: subscribe.output.run },
            message: Arc::new(Message::new(self.run, self.version, QoS::AtMostOnce, sizes, self.since_1970)),
            subscription_qos: qos,
            persistent: 0,
            alias: Alias::Unused,
            pace: Pace::Sockets,
            in_flight: 1,
            span: Span {
                warm_up: Duration::ZERO,
                duration: subscribe.duration,
                count: subscribe.count,
                drain: Duration::ZERO,
            },
        })
    }

    pub(super) fn offline(&self, offline: &Offline) -> Result<TrafficLoad, SettingsError> {
        let sessions = some("sessions", offline.sessions)?;
        let qos = quality(offline.qos);
        if offline.each == 0 {
            return Err(SettingsError::Value { option: "each", expected: "1 or more" });
        }
        let pace = match offline.rate {
            Some(rate) => Pace::Rate(positive("rate", rate)?),
            None => Pace::Sockets,
        };
        Ok(TrafficLoad {
            scenario: "offline",
            publishers: some("publishers", offline.publishers)?.min(sessions),
            subscribers: sessions,
            topics: 1,
            topic: TopicTemplate::new("causeway/bench/{run}/{subscriber}", self.run),
            filter: TopicTemplate::new("causeway/bench/{run}/{subscriber}", self.run),
            share: None,
            routing: Routing::Absent { each: offline.each },
            message: Arc::new(Message::new(self.run, self.version, qos, offline.size.clone(), self.since_1970)),
            subscription_qos: qos,
            persistent: 0,
            alias: Alias::Unused,
            pace,
            in_flight: offline.inflight,
            span: Span {
                warm_up: Duration::ZERO,
                duration: None,
                count: Some(u64::from(sessions) * offline.each),
                drain: STORED_DRAIN,
            },
        })
    }

    pub(super) fn retained(&self, retained: &Retained) -> Result<TrafficLoad, SettingsError> {
        let topics = some("topics", retained.topics)?;
        let topic = TopicTemplate::new("causeway/bench/{run}/{topic}", self.run);
        let message =
            Message::new(self.run, self.version, quality(retained.qos), retained.size.clone(), self.since_1970);
        Ok(TrafficLoad {
            scenario: "retained",
            publishers: some("publishers", retained.publishers)?.min(topics),
            subscribers: some("subscribers", retained.subscribers)?,
            topics,
            filter: topic.any(&[Place::Topic]),
            topic,
            share: None,
            routing: Routing::Retained,
            message: Arc::new(message.retained()),
            subscription_qos: quality(retained.sub_qos),
            persistent: 0,
            alias: Alias::Unused,
            pace: Pace::Sockets,
            in_flight: retained.inflight,
            span: Span { warm_up: Duration::ZERO, duration: None, count: Some(u64::from(topics)), drain: STORED_DRAIN },
        })
    }
}

fn tempo(pace: &PaceArguments) -> Result<Pace, SettingsError> {
    Ok(match (pace.rate, pace.window) {
        (Some(rate), _) => Pace::Rate(positive("rate", rate)?),
        (None, 0) => Pace::Sockets,
        (None, window) => Pace::Window(window),
    })
}

fn in_flight(pace: &PaceArguments) -> u16 {
    let window = u16::try_from(pace.window).unwrap_or(u16::MAX);
    match (pace.inflight, pace.rate) {
        (Some(in_flight), _) => in_flight,
        (None, Some(_)) => RATED_IN_FLIGHT,
        (None, None) if window == 0 => u16::MAX,
        (None, None) => window,
    }
}

fn span(pace: &PaceArguments) -> Result<Span, SettingsError> {
    let duration = match (pace.duration, pace.count) {
        (None, None) => Some(Duration::from_secs(10)),
        (duration, _) => duration,
    };
    let default = if pace.count.is_some() { 0 } else { 1 };
    Ok(Span {
        warm_up: pace.warmup.unwrap_or(Duration::from_secs(default)),
        duration: duration.map(|duration| not_zero("duration", duration)).transpose()?,
        count: pace.count,
        drain: not_zero("drain", pace.drain)?,
    })
}

fn some(option: &'static str, number: u32) -> Result<u32, SettingsError> {
    if number == 0 { Err(SettingsError::Value { option, expected: "1 or more" }) } else { Ok(number) }
}

/// What a template may contain.
fn without(
    option: &'static str,
    template: TopicTemplate,
    place: (Place, &'static str),
    expected: &'static str,
) -> Result<TopicTemplate, SettingsError> {
    if template.has(place.0) {
        return Err(SettingsError::Place { option, place: place.1, expected });
    }
    Ok(template)
}

fn quality(number: u8) -> QoS {
    match number {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}
