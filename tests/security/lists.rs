//! Lists of methods: which of them decides, what nobody decides, what failing costs.

use causeway_tests::https_server::{Answered, Server};
use causeway_tests::pki::TestAuthority;
use causeway_tests::pki::client::Issued;
use causeway_tests::users::user;
use causeway_tests::websocket::WebSocket;
use causeway_tests::{Broker, Client, Connect, Publish, Resources, Settings, Version, both, eventually, tls};

use crate::guarded::{Guarded, PATIENT, Port, anybody, check_refusal, login};
use crate::{custom, passwords, x509};

fn users() -> Resources {
    let resources = Resources::new();
    passwords::keep(&resources, &user("ann", "correct horse", &[]));
    resources
}

both! {
    /// A port that refers to nothing asks for nothing.
    fn without_authentication_everybody_is_let_in(version) {
        let guarded = Guarded::start(Resources::new(), Port::Plain, "protocol: Mqtt");
        guarded.admitted(&anybody(version)).quiet();
        let mut whoever = guarded.admitted(&login(version, "whoever", "whatever"));
        // What is the broker's own is nobody's else.
        for topic in ["$SYS/broker/uptime", "azedge/dmqtt/selftest/0/1"] {
            let reason = whoever.publish(Publish::new(topic, "x").qos(1));
            assert_eq!(reason, if version.is_v5() { 0x87 } else { 0 }, "{topic}");
        }
    }

    fn the_first_that_is_relevant_decides(version) {
        let server = Server::https(|_| Answered::With(200, "{}".into()));
        let resources = users();
        let custom = custom::method(&resources, &server);
        let guarded = Guarded::by(resources, Port::Plain, &[passwords::METHOD, &custom]);
        guarded.admitted(&login(version, "ann", "correct horse")).quiet();
        // A bad password is not made good by whoever comes after.
        guarded.refused(&login(version, "ann", "battery staple"), 0x86);
        assert!(server.seen().is_empty());
        // What is not for the first is passed on.
        guarded.admitted(&anybody(version)).quiet();
        assert_eq!(server.seen().len(), 1);
    }

    fn each_denial_is_logged_once_and_says_why(version) {
        let guarded = Guarded::by(users(), Port::Plain, &[passwords::METHOD]);
        let connect = login(version, "ann", "hunter2 is not it");
        guarded.refused(&connect, 0x86);
        let lines = || -> Vec<String> {
            let log = guarded.broker.log();
            log.lines().filter(|line| line.contains(&connect.client_id)).map(String::from).collect()
        };
        eventually("the denial is logged", || (!lines().is_empty()).then_some(()));
        // Whatever else it has to say comes before it lets others in.
        guarded.admitted(&login(version, "ann", "correct horse")).quiet();
        let lines = lines();
        assert!(lines.len() == 1 && lines[0].contains("UserPassword"), "{lines:?}");
        assert!(!guarded.broker.log().contains("hunter2"));
    }
}

#[test]
fn an_enhanced_method_that_nobody_has_is_a_bad_one() {
    let guarded = Guarded::by(users(), Port::Plain, &[passwords::METHOD]);
    for method in ["SCRAM-SHA-256", "K8S-SAT", "OAUTH2-JWT", ""] {
        guarded.refused(&anybody(Version::V5).enhanced(method, "anything"), 0x8c);
    }
    // Good credentials of another kind beside it do not help.
    let both = login(Version::V5, "ann", "hunter2").enhanced("SCRAM-SHA-256", "anything");
    let (client, answer) = guarded.knock(&both);
    let code = answer.code;
    check_refusal(client, &answer, code);
    assert!([0x86, 0x8c].contains(&code), "{code:#04x}");
    // And without any methods to choose from on the port there is none that is good.
    let open = Guarded::start(Resources::new(), Port::Plain, "protocol: Mqtt");
    open.refused(&anybody(Version::V5).enhanced("SCRAM-SHA-256", "anything"), 0x8c);
}

/// A client whose packets come from this address of the machine.
fn from(address: &str, to: std::net::SocketAddr, version: Version) -> Client {
    let socket = causeway_tests::bound::tcp(address.parse().expect("an address"), to);
    Client::over(Box::new(socket), version)
}

both! {
    fn who_fails_too_often_waits(version) {
        let resources = users();
        resources.authentication("guard", &[passwords::METHOD]);
        resources.broker("advanced:\n  clients:\n    failedLoginsPerAddress: 3\n");
        let guarded = Guarded::start(resources, Port::Plain, "authenticationRef: guard");
        let to = guarded.address();
        let knock = |address: &str, connect: &Connect| {
            let mut client = from(address, to, version);
            let answer = client.connect(connect);
            (client, answer)
        };
        let limited = || guarded.metric("causeway_authentication_refused_total", "limited").unwrap_or(0.0);
        assert!(limited() < 1.0);
        // A try comes back every second, so more than four of them may be needed.
        let code = if version.is_v5() { 0x9f } else { 3 };
        let (client, answer) = eventually("this address has failed too often", || {
            let found = knock("127.0.0.2", &login(version, "ann", "guess"));
            (found.1.code == code).then_some(found)
        });
        check_refusal(client, &answer, 0x9f);
        assert!(limited() >= 1.0);
        // Others are not made to pay for it.
        let (mut other, answer) = knock("127.0.0.3", &login(version, "ann", "correct horse"));
        assert_eq!(answer.code, 0);
        other.quiet();
        // And it is over after a while, for who has the right password.
        eventually("the address is let in again", || {
            let (_, answer) = knock("127.0.0.2", &login(version, "ann", "correct horse"));
            assert!([0, code].contains(&answer.code), "{answer:?}");
            (answer.code == 0).then_some(())
        });
    }
}

/// What could not be found out is nobody's failure: it costs nothing, however often it happens.
#[test]
fn a_server_that_cannot_say_makes_nobody_wait() {
    let scripted = custom::Scripted::start();
    let resources = Resources::new();
    let method = custom::method(&resources, &scripted.server);
    resources.authentication("guard", &[&method]);
    resources.broker("advanced:\n  clients:\n    failedLoginsPerAddress: 1\n");
    let guarded = Guarded::start(resources, Port::Plain, "authenticationRef: guard");
    scripted.answers(500, "");
    for _ in 0..10 {
        guarded.refused(&anybody(Version::V5), 0x88);
    }
    scripted.answers(200, "{}");
    guarded.admitted(&anybody(Version::V5)).quiet();
}

/// Another limit holds at once, or is told to wait for the next start.
#[test]
fn another_limit_of_failures_takes_effect_or_is_told_to_wait() {
    let resources = users();
    resources.authentication("guard", &[passwords::METHOD]);
    let limit = |tries: u32| format!("advanced:\n  clients:\n    failedLoginsPerAddress: {tries}\n");
    resources.broker(&limit(1));
    let mut guarded = Guarded::start(resources, Port::Plain, "authenticationRef: guard");
    let guess = || guarded.knock(&login(Version::V5, "ann", "guess")).1.code;
    eventually("this address has failed too often", || (guess() == 0x9f).then_some(()));
    guarded.resources.broker(&limit(0));
    guarded.broker.signal(libc::SIGHUP);
    let waits = || guarded.metric("causeway_configuration_restart_pending", "") == Some(1.0);
    eventually("the limit is gone, or waits for a restart", || (waits() || guess() == 0x86).then_some(()));
    if waits() {
        assert!(guarded.broker.log().contains("failed logins per address: 0 waits for a restart"));
        guarded.broker.restart();
    }
    for _ in 0..20 {
        guarded.refused(&login(Version::V5, "ann", "guess"), 0x86);
    }
}

#[test]
fn a_port_that_refers_to_nobody_is_refused_at_the_start() {
    let resources = Resources::new();
    resources.listener("door", "ports:\n- port: 0\n  authenticationRef: nobody\n");
    let failure = Broker::try_start(Settings::new().mqtt("off").resources(&resources)).err().expect("a refusal");
    assert!(failure.output.contains("nobody") && failure.output.contains("authenticationRef"), "{}", failure.output);
    // Rules need somebody who says whom they are for.
    resources.authorization("rules", "rules: []\n");
    resources.listener("door", "ports:\n- port: 0\n  authorizationRef: rules\n");
    let failure = Broker::try_start(Settings::new().mqtt("off").resources(&resources)).err().expect("a refusal");
    assert!(failure.output.contains("authenticationRef"), "{}", failure.output);
}

/// WebSocket, with TLS below it: the same door.
#[test]
fn a_websocket_is_guarded_as_any_other_connection() {
    let root = TestAuthority::new("Root");
    let resources = users();
    x509::trust(&resources, &[&root]);
    resources.authentication("guard", &[x509::METHOD, passwords::METHOD]);
    resources.broker(PATIENT);
    let guarded = Guarded::start(resources, Port::Secured, "protocol: WebSockets\n  authenticationRef: guard");
    let pair = root.issue(&Issued::default());
    let shown = guarded.with_certificate(&pair);
    let unshown = tls::config(&guarded.broker.ca_file(), rustls::ALL_VERSIONS, &[]);
    let knock = |config: &std::sync::Arc<rustls::ClientConfig>, connect: &Connect| {
        let stream = tls::connect(guarded.address(), std::sync::Arc::clone(config), "localhost").expect("a handshake");
        let socket = WebSocket::open(stream, "/mqtt", Some("mqtt")).expect("an upgrade");
        let mut client = Client::over(Box::new(socket), connect.version);
        let answer = client.connect(connect);
        (client, answer)
    };
    for version in [Version::V311, Version::V5] {
        for (config, connect) in [(&shown, anybody(version)), (&unshown, login(version, "ann", "correct horse"))] {
            let (mut client, answer) = knock(config, &connect);
            assert_eq!(answer.code, 0);
            client.quiet();
        }
        let (client, answer) = knock(&unshown, &login(version, "ann", "battery staple"));
        check_refusal(client, &answer, 0x86);
        let (client, answer) = knock(&unshown, &anybody(version));
        check_refusal(client, &answer, 0x87);
    }
}
