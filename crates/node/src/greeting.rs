//! The first lines on stdout: commands to try the broker with, ready to paste into a shell.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use config::{Listener, Plan, Protocol, Tls};

use crate::sockets::ADMIN;

/// The commands for the listeners of `plan`, one of each kind that lets everybody in, where they are bound; and where the others
/// are.
pub(crate) fn greeting(plan: &Plan, addresses: &BTreeMap<String, SocketAddr>, ca_certificate: &Path) -> String {
    let mut lines = String::from("# Try it: subscribe in one terminal, publish in another.\n");
    let first = |protocol: Protocol, kind: fn(&Option<Tls>) -> bool| {
        let open = plan.listeners.iter().filter(|listener| listener.authentication.is_none());
        let mut fitting = open.filter(move |l| l.protocol == protocol && kind(&l.tls));
        fitting.find_map(|listener: &Listener| Some((listener, *addresses.get(&listener.name)?)))
    };
    if let Some((_, address)) = first(Protocol::Mqtt, Option::is_none) {
        commands(&mut lines, &reached_at(address), "", "hello");
    }
    if let Some((_, address)) = first(Protocol::Mqtt, |tls| matches!(tls, Some(Tls::Automatic(_)))) {
        let options = format!(" --cafile {}", quoted(&ca_certificate.to_string_lossy()));
        lines.push_str("# Over TLS:\n");
        commands(&mut lines, &reached_at(address), &options, "hello, encrypted");
    }
    // Writing to a String does not fail.
    if let Some((listener, address)) = first(Protocol::Mqtt, |tls| matches!(tls, Some(Tls::Manual(_)))) {
        let (host, port) = reached_at(address);
        let name = &listener.name;
        let _ = writeln!(lines, "# Over TLS with your certificate: {host} port {port} (listener {name})");
    }
    if let Some((_, address)) = first(Protocol::WebSockets, Option::is_none) {
        let url = with_scheme("ws", address);
        let _ = writeln!(lines, "# Over WebSocket, for a browser or MQTT.js: {url}/mqtt");
    }
    if let Some((_, address)) = first(Protocol::WebSockets, Option::is_some) {
        let url = with_scheme("wss", address);
        let _ = writeln!(lines, "# Over WebSocket and TLS: {url}/mqtt");
    }
    for listener in plan.listeners.iter().filter(|listener| listener.authentication.is_some()) {
        if let Some(address) = addresses.get(&listener.name) {
            let (host, port) = reached_at(*address);
            let name = &listener.name;
            let _ = writeln!(lines, "# With what you authenticate by: {host} port {port} (listener {name})");
        }
    }
    if let Some(address) = addresses.get(ADMIN) {
        let url = with_scheme("http", *address);
        if !plan.dataflows.is_empty() {
            let _ = writeln!(lines, "# Dataflows, {}: causeway dataflow list --admin {url}", plan.dataflows.len());
        }
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

/// What reaches a listener from this machine, as a URL.
pub(crate) fn with_scheme(scheme: &str, bound: SocketAddr) -> String {
    format!("{scheme}://{}", SocketAddr::from(reached_at(bound)))
}

/// `text` as one word of a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
    match text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::SocketAddr;
    use std::path::Path;

    use config::{Host, Input, Plan};

    use super::{greeting, quoted};

    fn addresses(all: &[(&str, &str)]) -> BTreeMap<String, SocketAddr> {
        all.iter().map(|(name, address)| ((*name).to_owned(), address.parse().unwrap())).collect()
    }

    #[test]
    fn shows_every_kind_of_listener_with_its_port() {
        let plan = Plan::check(&Input::default(), &Host { cores: 2, remembered: None }).unwrap();
        let bound = addresses(&[
            ("mqtt", "127.0.0.1:41123"),
            ("mqtts", "0.0.0.0:8883"),
            ("ws", "[::]:8083"),
            ("admin", "127.0.0.1:9600"),
        ]);
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
        assert_eq!(greeting(&plan, &bound, Path::new("/data/tls/ca.crt")), expected);
        let only = addresses(&[("ws", "127.0.0.1:8083")]);
        assert_eq!(greeting(&plan, &only, Path::new("ca.crt")).lines().count(), 2);
    }

    #[test]
    fn paths_survive_the_shell() {
        assert_eq!(quoted("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(quoted("/my data/it's"), "'/my data/it'\\''s'");
    }
}
