//! The flags that say where a process listens.

use clap::Args;
use config::{Given, Request};

/// Of who serves clients.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListenerFlags {
    /// MQTT over TCP; port 0 takes any free port [default: 127.0.0.1:1883, or off where a BrokerListener is]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    mqtt: Option<String>,
    /// MQTT over TLS, with a certificate made in DATA-DIR/tls [default: 127.0.0.1:8883, or off where a BrokerListener is]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    mqtts: Option<String>,
    /// MQTT over WebSocket, any path, sub-protocol mqtt [default: 127.0.0.1:8083, or off where a BrokerListener is]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    ws: Option<String>,
    #[command(flatten)]
    admin: AdminFlag,
    /// Address that all BrokerListeners bind [default: every interface; loopback for those of type ClusterIp outside of pods]
    #[arg(long, value_name = "ADDR", help_heading = "Listeners")]
    bind: Option<String>,
}

/// Of every process that serves.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminFlag {
    /// Health, metrics and the API over HTTP; loopback only unless a resource gives it a token [default: 127.0.0.1:9600]
    #[arg(long, value_name = "ADDR:PORT|off", help_heading = "Listeners")]
    admin: Option<String>,
}

impl ListenerFlags {
    pub(super) fn say(self, request: &mut Request) {
        request.mqtt = given("--mqtt", self.mqtt);
        request.mqtts = given("--mqtts", self.mqtts);
        request.ws = given("--ws", self.ws);
        request.bind = given("--bind", self.bind);
        self.admin.say(request);
    }
}

impl AdminFlag {
    pub(super) fn say(self, request: &mut Request) {
        request.admin = given("--admin", self.admin);
    }
}

pub(super) fn given(flag: &str, text: Option<String>) -> Option<Given> {
    text.map(|text| Given::flag(flag, text))
}
