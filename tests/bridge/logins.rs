//! Who a dataflow says it is: nobody, a username, a certificate.

use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::pki::client::Issued;
use causeway_tests::pki::{Pair, TestAuthority};
use causeway_tests::scripted_server::ScriptedServer;
use causeway_tests::{Publish, Resources, Version, prop};

use crate::here::{Here, connected};
use crate::shown::{self, DESTINATION};

const LOGIN: &str = "authentication:\n  method: UsernamePassword\n  usernamePasswordSettings:\n    secretRef: login\n";
const X509: &str = "authentication:\n  method: X509Certificate\n  x509CertificateSettings:\n    secretRef: client\n";

#[test]
fn nobody_is_named() {
    let server = ScriptedServer::polite();
    let _here = Here::up(&server, "");
    let connect = server.connect(0);
    assert_eq!((connect.user, connect.password), (None, None));
    assert!(!connect.props.has(prop::AUTH_METHOD) && !connect.props.has(prop::AUTH_DATA));
}

/// An endpoint at this address that logs in by the secret `login`.
fn logging_in(host: std::net::SocketAddr, user: &str, password: &[u8]) -> Here {
    let resources = Resources::new();
    resources.secret("login", &[("username", user.as_bytes()), ("password", password)]);
    resources.endpoint("remote", &format!("host: \"{host}\"\n{LOGIN}tls:\n  mode: Disabled\n"));
    Here::up_to("remote", resources)
}

#[test]
fn a_username_and_a_password_are_shown() {
    let server = ScriptedServer::polite();
    // A line break at the end is an editor's, and none of the password's.
    let _here = logging_in(server.address, "größe\n", b"pa ss\n");
    let connect = server.connect(0);
    assert_eq!(connect.user.as_deref(), Some("größe"));
    assert_eq!(connect.password.as_deref(), Some(&b"pa ss"[..]));
}

/// MQTT has text for names, and bytes for passwords.
#[test]
fn a_password_is_bytes() {
    let server = ScriptedServer::polite();
    let _here = logging_in(server.address, "plant-7", &[0xff, 0, 0xfe]);
    assert_eq!(server.connect(0).password.as_deref(), Some(&[0xff, 0, 0xfe][..]));
}

/// A wrong password is told with the server's code; the right one is used as soon as it is there, and a new one later on a
/// new connection.
#[test]
fn a_password_is_read_anew() {
    let remote = Mosquitto::start(Setup::plain().login("plant-7", "right"));
    let here = logging_in(remote.front(), "plant-7", b"wrong");
    let refused = shown::failing(&here.broker, "upward", DESTINATION, "CONNACK", 1);
    assert!(!refused.text.contains("wrong"), "{refused:?}");
    assert_eq!(remote.count(&["New client connected", "-upward"]), 0);
    here.resources.secret("login", &[("password", b"right")]);
    let line = connected(&remote, "-upward");
    assert!(line.contains("u'plant-7'"), "{line}");
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.publish(Publish::new("in/x", "body"));
    assert_eq!(there.take().topic, "out/x");
    assert!(!here.broker.log().contains("right\""), "the password stands in the log");
}

#[test]
fn a_changed_password_is_shown_on_a_new_connection() {
    let server = ScriptedServer::polite();
    let here = logging_in(server.address, "plant-7", b"first");
    assert_eq!(server.connect(0).password.as_deref(), Some(&b"first"[..]));
    here.resources.secret("login", &[("password", b"second")]);
    let connect = server.connect(1);
    assert_eq!((connect.user.as_deref(), connect.password.as_deref()), (Some("plant-7"), Some(&b"second"[..])));
    here.publish(Publish::new("in/x", "body"));
    assert_eq!(server.publish(0).topic, "out/x");
}

/// A server that asks for certificates of `clients`, and who signed its own.
struct Door {
    remote: Mosquitto,
    clients: TestAuthority,
    server: TestAuthority,
}

impl Door {
    fn open() -> Self {
        let (clients, server) = (TestAuthority::new("Clients CA"), TestAuthority::new("Remote CA"));
        let setup = Setup::plain().tls(&server.server("remote")).clients_of(&clients);
        Door { remote: Mosquitto::start(setup), clients, server }
    }

    /// A dataflow to it with this authentication, whose secrets are there already.
    fn approach(&self, resources: Resources, authentication: &str) -> Here {
        resources.config_map("remote-ca", &[("root_ca.crt", &self.server.certificate)]);
        let host = self.remote.front();
        let tls = "tls:\n  mode: Enabled\n  trustedCaCertificateConfigMapRef: remote-ca\n";
        resources.endpoint("remote", &format!("host: \"{host}\"\n{authentication}{tls}"));
        Here::up_to("remote", resources)
    }

    fn comes_in_as(&self, here: &Here, name: &str) {
        self.remote.says(&["New client connected", "-upward", &format!("u'{name}'")]);
        let mut there = self.remote.client(Version::V5);
        there.subscribe("out/#", 1);
        here.publish(Publish::new("in/x", name));
        assert_eq!(there.take().text(), name);
    }
}

/// A secret as the documentation makes it.
fn secret(resources: &Resources, pair: &Pair) {
    resources.secret("client", &[("client_cert.pem", pair.chain.as_bytes()), ("client_key.pem", pair.key.as_bytes())]);
}

#[test]
fn a_certificate_is_shown() {
    let door = Door::open();
    let resources = Resources::new();
    secret(&resources, &door.clients.issue(&Issued::named("thermostat-01")));
    let here = door.approach(resources, X509);
    door.comes_in_as(&here, "thermostat-01");
}

/// A replaced secret is shown on a new connection, and messages go on.
#[test]
fn a_replaced_certificate_is_shown_on_a_new_connection() {
    let door = Door::open();
    let resources = Resources::new();
    secret(&resources, &door.clients.issue(&Issued::named("before")));
    let here = door.approach(resources, X509);
    door.comes_in_as(&here, "before");
    secret(&here.resources, &door.clients.issue(&Issued::named("after")));
    door.comes_in_as(&here, "after");
}

/// The server knows the root alone; what is between comes with the client.
#[test]
fn intermediate_certificates_are_shown() {
    let door = Door::open();
    let intermediate = door.clients.below("Intermediate CA");
    let pair = intermediate.issue(&Issued::named("thermostat-02"));
    let resources = Resources::new();
    secret(&resources, &pair);
    let between = intermediate.certificate.as_bytes();
    resources.secret("client", &[("client_intermediate_certs.pem", between)]);
    let here = door.approach(resources, X509);
    door.comes_in_as(&here, "thermostat-02");
}

/// A certificate that the server does not trust, or none: it does not come in, and the status of the dataflow says so.
#[test]
fn without_the_right_certificate_nobody_comes_in() {
    let door = Door::open();
    let resources = Resources::new();
    secret(&resources, &TestAuthority::new("Others CA").issue(&Issued::named("thermostat-01")));
    let here = door.approach(resources, X509);
    here.says(&["\"endpoint\":\"remote\"", "dataflow is cut off"]);
    let other = door.approach(Resources::new(), "authentication:\n  method: Anonymous\n");
    other.says(&["\"endpoint\":\"remote\"", "dataflow is cut off"]);
    assert_eq!(door.remote.count(&["New client connected", "-upward"]), 0);
    // The right one, put in its place, comes in.
    secret(&here.resources, &door.clients.issue(&Issued::named("thermostat-01")));
    door.comes_in_as(&here, "thermostat-01");
}
