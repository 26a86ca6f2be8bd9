//! The first lines on stdout: commands to try the broker with, ready to paste into a shell.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use crate::sockets::Addresses;

/// The commands for the listeners that are on.
pub(crate) fn greeting(addresses: &Addresses, ca_certificate: &Path) -> String {
    let mut lines = String::from("# Try it: subscribe in one terminal, publish in another.\n");
    if let Some(address) = addresses.mqtt {
        commands(&mut lines, &reached_at(address), "", "hello");
    }
    if let Some(address) = addresses.mqtts {
        let options = format!(" --cafile {}", quoted(&ca_certificate.to_string_lossy()));
        lines.push_str("# Over TLS:\n");
        commands(&mut lines, &reached_at(address), &options, "hello, encrypted");
    }
    // Writing to a String does not fail.
    if let Some(address) = addresses.ws {
        let url = with_scheme("ws", address);
        let _ = writeln!(lines, "# Over WebSocket, for a browser or MQTT.js: {url}/mqtt");
    }
    if let Some(address) = addresses.admin {
        let url = with_scheme("http", address);
        let _ = writeln!(lines, "# Health and metrics: {url}/health/ready {url}/metrics");
    }
    lines
}

fn commands(lines: &mut String, host: &(IpAddr, u16), options: &str, message: &str) {
    let (address, port) = host;
    let _ = writeln!(
        lines,
        "mosquitto_sub -h {address} -p {port}{options} -v -t 'demo/#'\n\
         mosquitto_pub -h {address} -p {port}{options} -t demo/hello -m '{message}'"
    );
}

/// An address that reaches a listener from this machine.
fn reached_at(bound: SocketAddr) -> (IpAddr, u16) {
    let address = match bound.ip() {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    (address, bound.port())
}

fn with_scheme(scheme: &str, bound: SocketAddr) -> String {
    format!("{scheme}://{}", SocketAddr::from(reached_at(bound)))
}

/// `text` as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    match text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{greeting, quoted};
    use crate::sockets::Addresses;

    #[test]
    fn shows_every_listener_with_its_port() {
        let addresses = Addresses {
            mqtt: "127.0.0.1:41123".parse().ok(),
            mqtts: "0.0.0.0:8883".parse().ok(),
            ws: "[::]:8083".parse().ok(),
            admin: "127.0.0.1:9600".parse().ok(),
        };
        let expected = "\
# Try it: subscribe in one terminal, publish in another.
mosquitto_sub -h 127.0.0.1 -p 41123 -v -t 'demo/#'
mosquitto_pub -h 127.0.0.1 -p 41123 -t demo/hello -m 'hello'
# Over TLS:
mosquitto_sub -h 127.0.0.1 -p 8883 --cafile /data/tls/ca.crt -v -t 'demo/#'
mosquitto_pub -h 127.0.0.1 -p 8883 --cafile /data/tls/ca.crt -t demo/hello -m 'hello, encrypted'
# Over WebSocket, for a browser or MQTT.js: ws://[::1]:8083/mqtt
# Health and metrics: http://127.0.0.1:9600/health/ready http://127.0.0.1:9600/metrics
";
        assert_eq!(greeting(&addresses, Path::new("/data/tls/ca.crt")), expected);
    }

    #[test]
    fn paths_survive_the_shell() {
        assert_eq!(quoted("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(quoted("/my data/it's"), "'/my data/it'\\''s'");
    }
}
