//! `protocol` and `tls.mode`: what is spoken at a port.

use std::net::SocketAddr;
use std::sync::Arc;

use causeway_tests::pki::TestAuthority;
use causeway_tests::stream::{Stream, tcp};
use causeway_tests::websocket::WebSocket;
use causeway_tests::{Client, Connect, Publish, free_port, fresh, tls};
use rustls::ClientConfig;

use super::served::{Served, V, connected, refused_listener};

fn over(stream: impl Stream + 'static) -> Client {
    let mut client = Client::over(Box::new(stream), V);
    assert_eq!(client.connect(&Connect::fresh(V)).code, 0);
    client
}

fn websocket(stream: impl Stream + 'static) -> Client {
    over(WebSocket::open(stream, "/mqtt", Some("mqtt")).expect("an upgrade"))
}

fn secured(address: SocketAddr, config: Arc<ClientConfig>) -> impl Stream {
    tls::connect(address, config, "localhost").expect("a handshake")
}

fn round_trip(client: &mut Client) {
    let topic = fresh("round/trip");
    client.subscribe(&topic, 1);
    client.publish(Publish::new(&topic, "x").qos(1));
    assert_eq!(client.take().text(), "x");
}

fn plant(port: u16, fields: &str) -> String {
    format!("ports:\n- port: {port}\n{fields}")
}

#[test]
pub fn protocol() {
    let port = free_port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let served = Served::at(&plant(port, ""));
    let mut plain = connected(address);
    round_trip(&mut plain);
    served.apply(|resources| resources.listener("plant", &plant(port, "  protocol: WebSockets\n")));
    plain.expect_disconnect(0x98);
    let mut upgraded = websocket(tcp(address));
    round_trip(&mut upgraded);
    // MQTT alone is no request for an upgrade.
    let mut wrong = Client::over(Box::new(tcp(address)), V);
    wrong.send(&Connect::fresh(V).encode());
    let mut answer = [0; 4];
    let closed =
        std::io::Read::read(&mut wrong.socket(), &mut answer).is_ok_and(|n| n == 0 || answer.starts_with(b"HTTP"));
    assert!(closed, "{answer:?}");

    let secure = "  protocol: WebSockets\n  tls:\n    mode: Automatic\n";
    served.apply(|resources| resources.listener("plant", &plant(port, secure)));
    upgraded.expect_disconnect(0x98);
    let config = tls::config(&served.broker.ca_file(), rustls::ALL_VERSIONS, &["http/1.1"]);
    round_trip(&mut websocket(secured(address, config)));
    served.apply(|resources| resources.listener("plant", &plant(port, "  protocol: Mqtt\n")));
    round_trip(&mut connected(address));
    assert!(refused_listener(&plant(1, "  protocol: Http\n")).contains("spec.ports[0].protocol"));
}

#[test]
pub fn tls_mode() {
    let port = free_port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let served = Served::at(&plant(port, ""));
    let authority = TestAuthority::new("mode test CA");
    let pair = authority.server("by hand");
    served.resources.secret("server", &[("tls.crt", pair.chain.as_bytes()), ("tls.key", pair.key.as_bytes())]);
    let theirs = served.resources.path().join("theirs.pem");
    std::fs::write(&theirs, &authority.certificate).expect("a CA file");

    let mut plain = connected(address);
    served.apply(|resources| resources.listener("plant", &plant(port, "  tls:\n    mode: Automatic\n")));
    plain.expect_disconnect(0x98);
    let ours = || tls::config(&served.broker.ca_file(), rustls::ALL_VERSIONS, &[]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = tls::config(&served.broker.ca_file(), &[version], &[]);
        round_trip(&mut over(secured(address, config)));
    }
    let mut client = over(secured(address, ours()));
    // Another certificate, the same port: who is there stays.
    let manual = "  tls:\n    mode: Manual\n    manual:\n      secretRef: server\n";
    served.apply(|resources| resources.listener("plant", &plant(port, manual)));
    round_trip(&mut client);
    assert!(tls::connect(address, ours(), "localhost").is_err(), "still our own certificate");
    let theirs = tls::config(&theirs, rustls::ALL_VERSIONS, &[]);
    round_trip(&mut over(secured(address, theirs)));
    let shown = served.api("listeners");
    assert_eq!(shown["items"][0]["tls"]["mode"], "Manual", "{shown}");

    served.apply(|resources| resources.listener("plant", &plant(port, "")));
    client.expect_disconnect(0x98);
    round_trip(&mut connected(address));
    assert!(refused_listener(&plant(1, "  tls: {mode: Off}\n")).contains("spec.ports[0].tls.mode"));
    assert!(refused_listener(&plant(1, "  tls: {mode: Manual}\n")).contains("spec.ports[0].tls manual: is missing"));
    let both = "  tls: {mode: Manual, manual: {secretRef: x}, certManagerCertificateSpec: {duration: 1h}}\n";
    assert!(refused_listener(&plant(1, both)).contains("certManagerCertificateSpec"));
}
