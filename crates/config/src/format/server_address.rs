//! Addresses of brokers, as `mqttSettings.host` writes them.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::name;

/// `HOST:PORT`, perhaps with a path behind it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ServerAddress {
    /// In lower case; IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Begins with `/`.
    pub(crate) path: Option<String>,
}

impl ServerAddress {
    /// `None` for other texts: one without a port, or with a scheme or a user.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (authority, path) = match text.find('/') {
            Some(start) => (&text[..start], Some(&text[start..])),
            None => (text, None),
        };
        let (host, port) = authority.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').filter(|host| host.parse::<Ipv6Addr>().is_ok())?.to_owned(),
            None if is_host(host) => host.to_ascii_lowercase(),
            None => return None,
        };
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0)?;
        if path.is_some_and(|path| !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')) {
            return None;
        }
        Some(Self { host, port, path: path.map(str::to_owned) })
    }
}

/// A name, or an IPv4 address. Names within a machine or a cluster may have an underscore, and a full name a dot at its
/// end.
fn is_host(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text).replace('_', "-");
    match text.parse::<IpAddr>() {
        Ok(address) => address.is_ipv4(),
        Err(_) => !name.starts_with('*') && name::is_dns(&name),
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("no address of a broker")
    }
}

impl JsonSchema for ServerAddress {
    fn schema_name() -> Cow<'static, str> {
        "ServerAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "server-address" })
    }
}

#[cfg(test)]
mod tests {
    use super::ServerAddress;

    #[test]
    fn hosts_with_ports_and_perhaps_paths() {
        for (text, host, port, path) in [
            ("aio-broker:18883", "aio-broker", 18883, None),
            ("Broker.Example.com.:1883", "broker.example.com.", 1883, None),
            ("broker_1:1883", "broker_1", 1883, None),
            ("10.0.0.7:1", "10.0.0.7", 1, None),
            ("[fd00::7]:8883", "fd00::7", 8883, None),
            ("a.b:443/mqtt", "a.b", 443, Some("/mqtt")),
            ("a.b:443/", "a.b", 443, Some("/")),
            ("a.b:443/x?y=z:1", "a.b", 443, Some("/x?y=z:1")),
        ] {
            let expected = ServerAddress { host: host.to_owned(), port, path: path.map(str::to_owned) };
            assert_eq!(ServerAddress::parse(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "a",
            "a:",
            ":1",
            "a:0",
            "a:65536",
            "a:+1",
            "a: 1",
            "a b:1",
            "mqtt://a:1",
            "ann:secret@a:1",
            "fd00::7:1",
            "[fd00::7]",
            "[10.0.0.7]:1",
            "*.a:1",
            "a:1/b c",
            "a:1#b",
            "a..b:1",
            "<HOST>:1",
            "a:1/\u{e9}",
        ] {
            assert_eq!(ServerAddress::parse(text), None, "{text}");
        }
    }
}
