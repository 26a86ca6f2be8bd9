//! Where the process listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::value::Reading;
use crate::{Given, Request};

/// Addresses to listen on; `None` is off, port 0 any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listeners {
    /// MQTT over TCP; default 127.0.0.1:1883.
    pub mqtt: Option<SocketAddr>,
    /// MQTT over TLS; default 127.0.0.1:8883.
    pub mqtts: Option<SocketAddr>,
    /// MQTT over WebSocket; default 127.0.0.1:8083.
    pub ws: Option<SocketAddr>,
    /// Health and metrics; default 127.0.0.1:9600, loopback only.
    pub admin: Option<SocketAddr>,
}

impl Default for Listeners {
    fn default() -> Self {
        let local = |port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        Self { mqtt: local(1883), mqtts: local(8883), ws: local(8083), admin: local(9600) }
    }
}

impl Listeners {
    pub(crate) fn read(request: &Request, reading: &mut Reading) -> Self {
        let default = Self::default();
        let listeners = Self {
            mqtt: listener(request.mqtt.as_ref(), default.mqtt, reading),
            mqtts: listener(request.mqtts.as_ref(), default.mqtts, reading),
            ws: listener(request.ws.as_ref(), default.ws, reading),
            admin: listener(request.admin.as_ref(), default.admin, reading),
        };
        if let (Some(address), Some(given)) = (listeners.admin, &request.admin)
            && !address.ip().is_loopback()
        {
            reading.refuse(
                given,
                "the admin endpoint asks nobody who he is, so it listens on loopback only; give 127.0.0.1:PORT, [::1]:PORT or off",
            );
        }
        listeners.refuse_none(request, reading);
        listeners.refuse_shared_ports(request, reading);
        listeners
    }

    fn refuse_none(&self, request: &Request, reading: &mut Reading) {
        // A setting that was refused reads as off; the problem is then already known.
        if self.mqtt.is_none() && self.mqtts.is_none() && self.ws.is_none() {
            let off = [&request.mqtt, &request.mqtts, &request.ws];
            if let Some(given) = off.into_iter().flatten().find(|given| is_off(given))
                && reading.problems.is_empty()
            {
                reading.refuse(given, "leave at least one of mqtt, mqtts and ws on");
            }
        }
    }

    fn refuse_shared_ports(&self, request: &Request, reading: &mut Reading) {
        let all = [
            ("--mqtt", self.mqtt, &request.mqtt),
            ("--mqtts", self.mqtts, &request.mqtts),
            ("--ws", self.ws, &request.ws),
            ("--admin", self.admin, &request.admin),
        ];
        for (n, (name, address, given)) in all.iter().enumerate() {
            for (other_name, other, other_given) in &all[..n] {
                let (Some(a), Some(b)) = (address, other) else {
                    continue;
                };
                if !overlap(*a, *b) {
                    continue;
                }
                // The one that was asked for is the one to change; a default gives way.
                let (given, taken_by) = match (given, other_given) {
                    (Some(given), _) => (given, other_name),
                    (None, Some(given)) => (given, name),
                    (None, None) => continue,
                };
                reading.refuse(given, format!("{taken_by} has this address; give another"));
            }
        }
    }
}

/// Whether both cannot be bound at once.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let every = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (every || a.ip() == b.ip())
}

fn is_off(given: &Given) -> bool {
    given.text.eq_ignore_ascii_case("off")
}

fn listener(given: Option<&Given>, default: Option<SocketAddr>, reading: &mut Reading) -> Option<SocketAddr> {
    let Some(given) = given else {
        return default;
    };
    if is_off(given) {
        return None;
    }
    let address = socket_address(&given.text);
    if address.is_none() {
        reading.refuse(
            given,
            "give ADDR:PORT with an IP address (127.0.0.1:1883, [::1]:1883, 0.0.0.0:1883 for every interface), or off",
        );
    }
    address
}

fn socket_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    if !host.eq_ignore_ascii_case("localhost") {
        return None;
    }
    let port: u16 = port.parse().ok()?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
}
