//! rumqttc for MQTT 5.

use std::collections::BTreeSet;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, LastWill, Packet};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};

use crate::{PATIENCE, Place, unique};

fn set_session(options: &mut MqttOptions, clean: bool) {
    options.set_clean_start(clean);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(if clean { 0 } else { 600 });
    options.set_connect_properties(properties);
}

fn last_will(topic: &str) -> LastWill {
    LastWill::new(topic, "gone", QoS::AtLeastOnce, false, None)
}

fn text(topic: &[u8]) -> String {
    String::from_utf8_lossy(topic).into_owned()
}

include!("peer.rs");
include!("scenarios.rs");
