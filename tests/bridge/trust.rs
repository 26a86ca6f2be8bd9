//! `tls`: on and off, who is trusted, and what becomes of that when the ConfigMap changes.

use causeway_tests::flow::plain_settings;
use causeway_tests::mosquitto::{Mosquitto, Setup};
use causeway_tests::pki::TestAuthority;
use causeway_tests::scripted_server::ScriptedServer;
use causeway_tests::{Publish, Resources, Version};

use crate::here::{Here, connected};
use crate::shown::{self, DESTINATION};

const TRUSTS: &str = "tls:\n  trustedCaCertificateConfigMapRef: remote-ca\n";

/// A server whose certificate this authority signed.
fn secured(authority: &TestAuthority) -> Mosquitto {
    Mosquitto::start(Setup::plain().tls(&authority.server("remote")))
}

/// A dataflow to it that trusts what the ConfigMap `remote-ca` says.
fn trusting(remote: &Mosquitto, entries: &[(&str, &str)]) -> Here {
    let resources = Resources::new();
    resources.config_map("remote-ca", entries);
    secured_endpoint(&resources, remote, TRUSTS);
    Here::up_to("remote", resources)
}

fn secured_endpoint(resources: &Resources, remote: &Mosquitto, more: &str) {
    let host = remote.front();
    resources.endpoint("remote", &format!("host: \"{host}\"\nauthentication:\n  method: Anonymous\n{more}"));
}

/// One message goes across.
fn crosses(here: &Here, remote: &Mosquitto) {
    let mut there = remote.client(Version::V5);
    there.subscribe("out/#", 1);
    here.publish(Publish::new("in/x", "body"));
    assert_eq!(there.take().topic, "out/x");
}

#[test]
fn an_authority_of_ones_own_is_trusted() {
    let authority = TestAuthority::new("Remote CA");
    let remote = secured(&authority);
    crosses(&trusting(&remote, &[("anything.pem", &authority.certificate)]), &remote);
}

/// Every key counts, and every certificate in one; other keys do not disturb.
#[test]
fn every_certificate_of_the_config_map_is_trusted() {
    let [first, second, third] = ["First CA", "Second CA", "Third CA"].map(TestAuthority::new);
    let both = format!("{}{}", second.certificate, third.certificate);
    for authority in [&first, &third] {
        let remote = secured(authority);
        let entries = [("a.crt", first.certificate.as_str()), ("b.crt", both.as_str()), ("README", "certificates")];
        crosses(&trusting(&remote, &entries), &remote);
    }
}

/// Another authority is no authority, and the step that fails is TLS. When the right one is put there, it connects by itself.
#[test]
fn another_authority_is_not_trusted_until_the_config_map_says_so() {
    let (right, wrong) = (TestAuthority::new("Remote CA"), TestAuthority::new("Remote CA"));
    let remote = secured(&right);
    let here = trusting(&remote, &[("root_ca.crt", &wrong.certificate)]);
    shown::failing(&here.broker, "upward", DESTINATION, "TLS", 1);
    assert_eq!(remote.count(&["New client connected", "-upward"]), 0);
    here.resources.config_map("remote-ca", &[("root_ca.crt", &right.certificate)]);
    connected(&remote, "-upward");
    crosses(&here, &remote);
}

/// Those of this machine are trusted when nothing is said, which a server in a test has none of.
#[test]
fn without_a_config_map_only_public_authorities_are_trusted() {
    let authority = TestAuthority::new("Remote CA");
    let remote = secured(&authority);
    let resources = Resources::new();
    secured_endpoint(&resources, &remote, "");
    let here = Here::up_to("remote", resources);
    shown::failing(&here.broker, "upward", DESTINATION, "TLS", 1);
    assert_eq!(remote.count(&["New client connected", "-upward"]), 0);
}

/// A certificate for another name is none for this one.
#[test]
fn a_certificate_for_another_host_is_refused() {
    let authority = TestAuthority::new("Remote CA");
    let remote = Mosquitto::start(Setup::plain().ipv6().tls(&authority.server("remote")));
    let here = trusting(&remote, &[("root_ca.crt", &authority.certificate)]);
    shown::failing(&here.broker, "upward", DESTINATION, "TLS", 1);
    assert_eq!(remote.count(&["New client connected", "-upward"]), 0);
}

/// An authority that comes beside the one in use disturbs nothing.
#[test]
fn an_authority_comes_beside_another() {
    let (first, second) = (TestAuthority::new("First CA"), TestAuthority::new("Second CA"));
    let remote = secured(&first);
    let here = trusting(&remote, &[("a.crt", &first.certificate)]);
    crosses(&here, &remote);
    here.apply(|resources| resources.config_map("remote-ca", &[("b.crt", &second.certificate)]));
    crosses(&here, &remote);
}

/// With the mode `Disabled` bytes of MQTT go out as they are; with `Enabled`, the default, a handshake.
#[test]
fn the_mode_decides() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("its address");
    let resources = Resources::new();
    resources.endpoint("remote", &format!("host: \"{address}\"\nauthentication:\n  method: Anonymous\n"));
    let here = Here::up_to("remote", resources);
    let first = |server: &std::net::TcpListener| {
        let (mut socket, _) = server.accept().expect("a connection");
        let mut byte = [0];
        std::io::Read::read_exact(&mut socket, &mut byte).expect("a first byte");
        byte[0]
    };
    assert_eq!(first(&server), 0x16, "a handshake record");
    drop(here);
    let resources = Resources::new();
    resources.endpoint("remote", &plain_settings(address, ""));
    let _here = Here::up_to("remote", resources);
    // Connections of the other may still stand in line.
    causeway_tests::eventually("a CONNECT", || (first(&server) == 0x10).then_some(()));
}

/// A server that speaks no TLS is not spoken to without it.
#[test]
fn there_is_no_way_back_to_plain() {
    let server = ScriptedServer::polite();
    let resources = Resources::new();
    let host = server.address;
    resources.endpoint("remote", &format!("host: \"{host}\"\nauthentication:\n  method: Anonymous\n"));
    let here = Here::up_to("remote", resources);
    shown::failing(&here.broker, "upward", DESTINATION, "TLS", 1);
}
