//! rumqttc for MQTT 3.1.1.

use std::collections::BTreeSet;
use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet};

use crate::{PATIENCE, Place, unique};

fn set_session(options: &mut MqttOptions, clean: bool) {
    options.set_clean_session(clean);
}

fn last_will(topic: &str) -> LastWill {
    LastWill::new(topic, "gone", QoS::AtLeastOnce, false)
}

fn text(topic: &str) -> String {
    topic.to_string()
}

include!("peer.rs");
include!("scenarios.rs");
