//! MQTT over TLS.

use std::io::Read;

use causeway_tests::stream::tcp;
use causeway_tests::{Broker, Client, Connect, Publish, Settings, Version, both, eventually, fresh, tls};

fn over_tls(version: Version, config: std::sync::Arc<rustls::ClientConfig>, name: &str) -> Client {
    let broker = Broker::shared();
    let stream = tls::connect(broker.mqtts(), config, name).expect("a TLS handshake");
    let mut client = Client::over(Box::new(stream), version);
    assert_eq!(client.connect(&Connect::fresh(version)).code, 0);
    client
}

fn round_trip(mut client: Client) {
    let topic = fresh("tls");
    client.subscribe(&topic, 2);
    for qos in 0..3 {
        client.publish(Publish::new(&topic, vec![qos; 50_000]).qos(qos));
        assert_eq!(client.take().payload, vec![qos; 50_000]);
    }
    client.quiet();
}

both! {
    fn tls_13_works(v) {
        let config = tls::config(&Broker::shared().ca_file(), &[&rustls::version::TLS13], &[]);
        round_trip(over_tls(v, config, "localhost"));
    }

    fn tls_12_works(v) {
        let config = tls::config(&Broker::shared().ca_file(), &[&rustls::version::TLS12], &[]);
        round_trip(over_tls(v, config, "localhost"));
    }

    /// The certificate names the loopback address too.
    fn tls_by_address_works(v) {
        let config = tls::config(&Broker::shared().ca_file(), rustls::ALL_VERSIONS, &[]);
        round_trip(over_tls(v, config, "127.0.0.1"));
    }

    /// Plain and TLS clients talk to each other.
    fn tls_and_tcp_clients_meet(v) {
        let config = tls::config(&Broker::shared().ca_file(), rustls::ALL_VERSIONS, &[]);
        let mut secure = over_tls(v, config, "localhost");
        let mut plain = Broker::shared().client(v);
        let topic = fresh("tls/meet");
        secure.subscribe(&topic, 1);
        plain.publish(Publish::new(&topic, "hello").qos(1));
        assert_eq!(secure.take().payload, b"hello");
    }

    /// Ending TLS without a word publishes the will like any other end.
    fn will_after_a_lost_tls_connection(v) {
        let broker = Broker::shared();
        let topic = fresh("tls/will");
        let mut witness = broker.client(v);
        witness.subscribe(&topic, 1);
        let config = tls::config(&broker.ca_file(), rustls::ALL_VERSIONS, &[]);
        let stream = tls::connect(broker.mqtts(), config, "localhost").expect("a TLS handshake");
        let mut client = Client::over(Box::new(stream), v);
        client.connect(&Connect::fresh(v).will(causeway_tests::Will::new(&topic, "gone").qos(1)));
        client.vanish();
        assert_eq!(witness.take().payload, b"gone");
    }
}

#[test]
fn alpn_mqtt_is_chosen_where_offered() {
    let broker = Broker::shared();
    let config = tls::config(&broker.ca_file(), rustls::ALL_VERSIONS, &["mqtt"]);
    let stream = tls::connect(broker.mqtts(), config, "localhost").expect("a TLS handshake");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"mqtt"[..]));
    let config = tls::config(&broker.ca_file(), rustls::ALL_VERSIONS, &["h2", "mqtt"]);
    let stream = tls::connect(broker.mqtts(), config, "localhost").expect("a TLS handshake");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"mqtt"[..]));
}

/// emqtt-bench, and others, send the address as server name (RFC 6066 does not allow it).
#[test]
fn a_server_name_that_is_an_address_is_tolerated() {
    use std::io::Write;
    let broker = Broker::shared();
    for name in ["127.0.0.1", "10.0.0.1", "::1"] {
        let mut socket = tcp(broker.mqtts());
        socket.write_all(&client_hello(name)).expect("the hello is taken");
        let mut answer = [0; 6];
        socket.read_exact(&mut answer).expect("an answer to the hello");
        assert_eq!((answer[0], answer[5]), (0x16, 0x02), "{name}: no ServerHello but {answer:02x?}");
    }
}

/// A TLS 1.2 ClientHello with that server name.
fn client_hello(name: &str) -> Vec<u8> {
    fn sized(width: usize, body: &[u8]) -> Vec<u8> {
        let mut out = (body.len() as u32).to_be_bytes()[4 - width..].to_vec();
        out.extend_from_slice(body);
        out
    }
    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut out = kind.to_be_bytes().to_vec();
        out.extend(sized(2, body));
        out
    }
    let host = [&[0][..], &sized(2, name.as_bytes())].concat();
    let extensions = [
        extension(0, &sized(2, &host)),
        extension(10, &sized(2, &[0, 29, 0, 23, 0, 24])),
        extension(11, &sized(1, &[0])),
        extension(13, &sized(2, &[4, 3, 5, 3, 6, 3, 8, 7, 8, 4, 8, 5, 8, 6, 4, 1, 5, 1, 6, 1])),
        extension(23, &[]),
    ]
    .concat();
    let ciphers = [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8];
    let mut hello = vec![3, 3];
    hello.extend([0x5a; 32]);
    hello.push(0);
    hello.extend(sized(2, &ciphers));
    hello.extend([1, 0]);
    hello.extend(sized(2, &extensions));
    let handshake = [&[1][..], &sized(3, &hello)].concat();
    [&[0x16, 3, 1][..], &sized(2, &handshake)].concat()
}

/// Bytes that are no TLS end the connection and nothing else.
#[test]
fn plain_bytes_on_the_tls_port_are_refused() {
    let broker = Broker::shared();
    let mut wrong = Client::over(Box::new(tcp(broker.mqtts())), Version::V5);
    let _ = wrong.try_send(&Connect::fresh(Version::V5).encode());
    // What comes back is a TLS alert, if anything: it is read as bytes.
    let mut socket = wrong.socket().try_clone().expect("the socket");
    eventually("the end of the connection", || match socket.read(&mut [0; 64]) {
        Ok(0) | Err(_) => Some(()),
        Ok(_) => None,
    });
    let config = tls::config(&broker.ca_file(), rustls::ALL_VERSIONS, &[]);
    round_trip(over_tls(Version::V5, config, "localhost"));
}

/// Handshakes that stop half-way hold up nobody.
#[test]
fn unfinished_handshakes_do_not_stall_others() {
    use std::io::Write;
    let broker = Broker::shared();
    let mut half: Vec<_> = (0..50).map(|_| tcp(broker.mqtts())).collect();
    for socket in &mut half {
        socket.write_all(&client_hello("localhost")[..40]).expect("half a hello is taken");
    }
    let config = tls::config(&broker.ca_file(), rustls::ALL_VERSIONS, &[]);
    round_trip(over_tls(Version::V5, config, "localhost"));
}

/// The CA is kept: a client that trusts it once trusts it after a restart.
#[test]
fn the_ca_survives_a_restart() {
    let mut broker = Broker::start(Settings::all_listeners());
    let before = std::fs::read(broker.ca_file()).expect("the CA file");
    broker.terminate(libc::SIGTERM);
    broker.restart();
    assert_eq!(std::fs::read(broker.ca_file()).expect("the CA file"), before);
    let mut client = broker.tls(Version::V5);
    assert_eq!(client.connect(&Connect::fresh(Version::V5)).code, 0);
}
