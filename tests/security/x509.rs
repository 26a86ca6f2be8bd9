//! X509: client certificates, in the handshake and at CONNECT.

use std::sync::Arc;

use causeway_tests::pki::client::{Issued, ListEnd};
use causeway_tests::pki::{Pair, TestAuthority};
use causeway_tests::users::user;
use causeway_tests::{Broker, Connect, Publish, Resources, Settings, Version, both, mutual_tls, tls};
use rcgen::{DnType, ExtendedKeyUsagePurpose};
use rustls::ClientConfig;
use rustls::client::{Resumption, Tls12Resumption};
use rustls::version::{TLS12, TLS13};
use time::Duration;

use crate::guarded::{Guarded, Port, anybody, check_refusal, login};
use crate::passwords;

pub const METHOD: &str = "method: X509";

/// The authorities whose certificates are taken.
pub fn trust(resources: &Resources, authorities: &[&TestAuthority]) {
    let bundle: String = authorities.iter().map(|authority| authority.certificate.as_str()).collect();
    resources.config_map("client-ca", &[("ca.crt", &bundle)]);
}

fn trusting(authority: &TestAuthority) -> Guarded {
    let resources = Resources::new();
    trust(&resources, &[authority]);
    Guarded::by(resources, Port::Secured, &[METHOD])
}

/// The server must end the handshake over this certificate, whatever the protocol.
fn sent_away(guarded: &Guarded, pair: &Pair) {
    for version in [&TLS12, &TLS13] {
        let config = mutual_tls::config(&guarded.broker.ca_file(), &[version], pair);
        let said = mutual_tls::refusal(guarded.address(), config);
        let said = said.unwrap_or_else(|| panic!("{:?}: the certificate was taken", version.version));
        assert!(said.contains("fatal alert"), "{said}");
    }
}

#[test]
fn each_bad_certificate_is_refused_in_the_handshake() {
    let (root, stranger) = (TestAuthority::new("Root"), TestAuthority::new("Root"));
    let guarded = trusting(&root);
    let over = Issued { begins: Duration::days(-10), ends: Duration::seconds(-5), ..Issued::default() };
    let early = Issued { begins: Duration::hours(1), ..Issued::default() };
    let server = Issued { usage: ExtendedKeyUsagePurpose::ServerAuth, ..Issued::default() };
    for how in [&over, &early, &server] {
        sent_away(&guarded, &root.issue(how));
    }
    sent_away(&guarded, &stranger.issue(&Issued::default()));
    // A certificate that is no authority's signs nobody.
    let leaf = root.issue(&Issued::default());
    let posing = TestAuthority::posing_as("thermostat-01", &leaf);
    sent_away(&guarded, &posing.issue(&Issued::named("admin")).through(&posing));
    // And none at all, where there is no other way in.
    for version in [&TLS12, &TLS13] {
        let config = tls::config(&guarded.broker.ca_file(), &[version], &[]);
        assert!(mutual_tls::refusal(guarded.address(), config).is_some());
    }
    // The client is told an alert; whoever operates the broker why.
    let log = guarded.broker.log();
    for why in ["certificate expired", "not valid yet", "extended key usage", "no certificates"] {
        assert!(log.contains(why), "the log says nothing of {why:?}");
    }
    for version in [&TLS12, &TLS13] {
        let config = mutual_tls::config(&guarded.broker.ca_file(), &[version], &root.issue(&Issued::default()));
        assert_eq!(mutual_tls::refusal(guarded.address(), config), None);
    }
}

both! {
    fn the_name_is_the_common_name_of_the_certificate(version) {
        let root = TestAuthority::new("Root");
        let resources = Resources::new();
        trust(&resources, &[&root]);
        let rules = "rules:\n- principals: {usernames: [pump-1]}\n  brokerResources:\n  - {method: Connect}\n  \
                     - {method: Subscribe, topics: [\"#\"]}\n  \
                     - {method: Publish, topics: [\"devices/{principal.username}\"]}\n";
        let guarded = Guarded::ruled(resources, Port::Secured, &[METHOD], rules);
        let pair = root.issue(&Issued::named("pump-1"));
        // Whatever CONNECT calls itself.
        let mut client = guarded.admitted_with(&pair, &login(version, "admin", "hunter2"));
        client.subscribe("#", 0);
        client.publish(Publish::new("devices/admin", "x").qos(1));
        client.publish(Publish::new("devices/pump-1", "x").qos(1));
        assert_eq!(client.take().topic, "devices/pump-1");
        let mut other = guarded.shown(&root.issue(&Issued::named("pump-2")), version);
        let answer = other.connect(&anybody(version).user("pump-1"));
        check_refusal(other, &answer, 0x87);
    }

    fn intermediates_lead_to_the_root_or_are_trusted_themselves(version) {
        let root = TestAuthority::new("Root");
        let middle = root.below("Middle");
        let lower = middle.below("Lower");
        let leaf = || lower.issue(&Issued::default());
        let guarded = trusting(&root);
        guarded.admitted_with(&leaf().through(&lower).through(&middle), &anybody(version)).quiet();
        sent_away(&guarded, &leaf());
        sent_away(&guarded, &leaf().through(&lower));
        guarded.apply(|resources| trust(resources, &[&lower]));
        guarded.admitted_with(&leaf(), &anybody(version)).quiet();
        sent_away(&guarded, &middle.issue(&Issued::default()));
    }

    fn beside_other_methods_a_certificate_is_a_choice(version) {
        let (root, stranger) = (TestAuthority::new("Root"), TestAuthority::new("Stranger"));
        let resources = Resources::new();
        trust(&resources, &[&root]);
        passwords::keep(&resources, &user("ann", "correct horse", &[]));
        let guarded = Guarded::by(resources, Port::Secured, &[METHOD, passwords::METHOD]);
        guarded.admitted(&login(version, "ann", "correct horse")).quiet();
        guarded.refused(&login(version, "ann", "battery staple"), 0x86);
        guarded.refused(&anybody(version), 0x87);
        let good = root.issue(&Issued::default());
        guarded.admitted_with(&good, &anybody(version)).quiet();
        // The first that is relevant decides: a password beside a certificate is not looked at.
        guarded.admitted_with(&good, &login(version, "ann", "battery staple")).quiet();
        sent_away(&guarded, &stranger.issue(&Issued::default()));
    }

    /// The authority is taken away: from who is there, from who is between the handshake and CONNECT, and from who comes.
    fn an_authority_that_goes_takes_its_clients_along(version) {
        let (old, new) = (TestAuthority::new("Old"), TestAuthority::new("New"));
        let guarded = trusting(&old);
        let mut there = guarded.admitted_with(&old.issue(&Issued::named("there")), &anybody(version));
        let mut waiting = guarded.shown(&old.issue(&Issued::named("waiting")), version);
        guarded.apply(|resources| trust(resources, &[&old, &new]));
        there.quiet();
        let mut stays = guarded.admitted_with(&new.issue(&Issued::named("stays")), &anybody(version));
        guarded.apply(|resources| trust(resources, &[&new]));
        let answer = waiting.connect(&anybody(version));
        check_refusal(waiting, &answer, 0x87);
        sent_away(&guarded, &old.issue(&Issued::default()));
        guarded.admitted_with(&new.issue(&Issued::default()), &anybody(version)).quiet();
        stays.quiet();
        there.expect_disconnect(0x87);
    }

    fn who_is_revoked_stays_out(version) {
        let root = TestAuthority::new("Root");
        let resources = Resources::new();
        trust(&resources, &[&root]);
        let list = |resources: &Resources, serials: &[u64], end| {
            resources.config_map("revoked", &[("plant.crl", &root.revocation_list(serials, end))]);
        };
        list(&resources, &[1, 2], ListEnd::Ahead);
        let method = "method: X509\nx509Settings:\n  trustedClientCaCert: client-ca\n  crlConfigMap: revoked\n";
        let guarded = Guarded::by(resources, Port::Secured, &[method]);
        let numbered = |serial: u64| root.issue(&Issued::default().serial(serial));
        sent_away(&guarded, &numbered(1));
        let mut there = guarded.admitted_with(&numbered(3), &anybody(version));
        let mut stays = guarded.admitted_with(&numbered(4), &anybody(version));
        let lost = numbered(3);
        // Its sessions must not outlive the change either: those of tickets, and those that the server remembers.
        let mut remembered = ClientConfig::clone(&mutual_tls::config(&guarded.broker.ca_file(), &[&TLS12], &lost));
        remembered.resumption = Resumption::in_memory_sessions(4).tls12_resumption(Tls12Resumption::SessionIdOnly);
        let resuming = [guarded.with_certificate(&lost), Arc::new(remembered)];
        for config in &resuming {
            assert_eq!(mutual_tls::refusal(guarded.address(), Arc::clone(config)), None);
        }
        // A list that has ended still revokes.
        guarded.apply(|resources| list(resources, &[2, 3], ListEnd::Past));
        for config in resuming {
            assert!(mutual_tls::refusal(guarded.address(), config).is_some(), "resumed under a trust that is gone");
        }
        sent_away(&guarded, &lost);
        sent_away(&guarded, &numbered(2));
        guarded.admitted_with(&numbered(1), &anybody(version)).quiet();
        stays.quiet();
        there.expect_disconnect(0x87);
    }
}

#[test]
fn attributes_come_from_the_lowest_certificate_that_is_named() {
    let root = TestAuthority::of(&[
        (DnType::CommonName, "Contoso Root CA Cert"),
        (DnType::OrganizationalUnitName, "Engineering"),
        (DnType::CountryName, "US"),
    ]);
    let middle = root.below("Middle");
    let resources = Resources::new();
    trust(&resources, &[&root]);
    let rule = |name: &str, subject: &str, group: &str| {
        format!("    {name}:\n      subject: '{subject}'\n      attributes: {{group: {group}}}\n")
    };
    // Names decide nothing about the order; neither do order and spaces within a subject.
    let method = format!(
        "method: X509\nx509Settings:\n  authorizationAttributes:\n{}{}{}",
        rule("a", "C=US,OU=Engineering, CN = Contoso Root CA Cert", "root"),
        rule("b", "CN = Middle", "middle"),
        rule("z", "O = Sue\\, Grabbit and Runn, CN = pump-1", "leaf"),
    );
    let rules = "rules:\n- principals: {attributes: [{group: root}, {group: middle}, {group: leaf}]}\n  brokerResources:\n  \
                 - {method: Connect}\n  - {method: Publish, topics: [\"groups/{principal.attributes.group}\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Secured, &[&method], rules);
    let full = Issued::of(&[(DnType::CommonName, "pump-1"), (DnType::OrganizationName, "Sue, Grabbit and Runn")]);
    for (pair, group) in [
        (middle.issue(&full).through(&middle), "leaf"),
        (root.issue(&full), "leaf"),
        (middle.issue(&Issued::named("pump-1")).through(&middle), "middle"),
        (root.issue(&Issued::named("pump-1")), "root"),
    ] {
        let mut client = guarded.admitted_with(&pair, &Connect::fresh(Version::V5));
        for other in ["root", "middle", "leaf"] {
            let reason = client.publish(Publish::new(&format!("groups/{other}"), "x").qos(1));
            assert_eq!(reason < 0x80, other == group, "{other} for {group}: {reason:#04x}");
        }
        client.disconnect();
    }
    // What a client shows beside its path is not above it.
    let beside = root.issue(&Issued::named("pump-1")).through(&middle);
    let mut client = guarded.admitted_with(&beside, &Connect::fresh(Version::V5));
    assert_eq!(client.publish(Publish::new("groups/middle", "x").qos(1)), 0x87);
}

/// A common name without a letter is no name: what rules say of names is not for it.
#[test]
fn an_empty_common_name_names_nobody() {
    let root = TestAuthority::new("Root");
    let resources = Resources::new();
    trust(&resources, &[&root]);
    let rules = "rules:\n- principals: {clientIds: [nameless]}\n  brokerResources:\n  - {method: Connect}\n  \
                 - {method: Publish, topics: [\"devices/{principal.username}\", open]}\n";
    let guarded = Guarded::ruled(resources, Port::Secured, &[METHOD], rules);
    let mut client = guarded.admitted_with(&root.issue(&Issued::named("")), &Connect::new(Version::V5, "nameless"));
    assert_eq!(client.publish(Publish::new("devices/", "x").qos(1)), 0x87);
    assert!(client.publish(Publish::new("open", "x").qos(1)) < 0x80);
    assert!(guarded.api("clients/nameless")["username"].is_null());
}

/// A certificate is the only way in, then one of two, then the only one again: the handshake asks accordingly.
#[test]
fn another_way_in_makes_a_certificate_a_choice() {
    let root = TestAuthority::new("Root");
    let resources = Resources::new();
    trust(&resources, &[&root]);
    passwords::keep(&resources, &user("ann", "correct horse", &[]));
    let guarded = Guarded::by(resources, Port::Secured, &[METHOD]);
    let pair = root.issue(&Issued::default());
    let mut shown = guarded.admitted_with(&pair, &anybody(Version::V5));
    let unshown = || mutual_tls::refusal(guarded.address(), tls::config(&guarded.broker.ca_file(), &[&TLS12], &[]));
    assert!(unshown().is_some());
    guarded.apply(|resources| resources.authentication("guard", &[METHOD, passwords::METHOD]));
    let mut ann = guarded.admitted(&login(Version::V5, "ann", "correct horse"));
    guarded.admitted_with(&pair, &anybody(Version::V5)).quiet();
    guarded.apply(|resources| resources.authentication("guard", &[METHOD]));
    assert!(unshown().is_some());
    ann.expect_disconnect(0x87);
    shown.quiet();
}

/// Other attributes by subject count for who is there, whatever rules they are.
#[test]
fn attributes_that_change_count_for_who_is_there() {
    let root = TestAuthority::new("Root");
    let resources = Resources::new();
    trust(&resources, &[&root]);
    let method = |group: &str| {
        format!(
            "method: X509\nx509Settings:\n  authorizationAttributes:\n    a: {{subject: CN = pump-1, attributes: \
             {{group: {group}}}}}\n"
        )
    };
    let rules = "rules:\n- principals: {attributes: [{group: one}, {group: two}]}\n  brokerResources:\n  \
                 - {method: Connect}\n  - {method: Publish, topics: [\"groups/{principal.attributes.group}\"]}\n";
    let guarded = Guarded::ruled(resources, Port::Secured, &[&method("one")], rules);
    let mut client = guarded.admitted_with(&root.issue(&Issued::named("pump-1")), &Connect::fresh(Version::V5));
    let mut told = |topic: &str| client.publish(Publish::new(topic, "x").qos(1));
    assert!(told("groups/one") < 0x80 && told("groups/two") == 0x87);
    guarded.apply(|resources| resources.authentication("guard", &[&method("two")]));
    assert!(told("groups/one") == 0x87 && told("groups/two") < 0x80);
    guarded.apply(|resources| resources.authentication("guard", &[&method("three")]));
    client.expect_disconnect(0x87);
}

/// The broker's own authority, by the name that its certificate has for clients.
#[test]
fn the_brokers_own_authority_can_be_the_clients_too() {
    let own = "azure-iot-operations-aio-ca-trust-bundle";
    let method = format!("method: X509\nx509Settings:\n  trustedClientCaCert: {own}\n");
    let guarded = Guarded::by(Resources::new(), Port::Secured, &[&method]);
    let read = |name: &str| std::fs::read_to_string(guarded.broker.data_dir().join("tls").join(name)).expect(name);
    let authority = TestAuthority::made_elsewhere(read("ca.crt"), &read("ca.key"));
    guarded.admitted_with(&authority.issue(&Issued::named("pump-1")), &anybody(Version::V5)).quiet();
    sent_away(&guarded, &TestAuthority::new("Stranger").issue(&Issued::default()));
    // Until there is a ConfigMap of that name.
    let other = TestAuthority::new("Other");
    guarded.apply(|resources| resources.config_map(own, &[("ca.crt", &other.certificate)]));
    guarded.admitted_with(&other.issue(&Issued::default()), &anybody(Version::V5)).quiet();
    sent_away(&guarded, &authority.issue(&Issued::default()));
}

/// Without TLS nobody can show one; without authorities nobody would be let in.
#[test]
fn a_port_on_which_nobody_could_show_one_is_refused_at_the_start() {
    let resources = Resources::new();
    let root = TestAuthority::new("Root");
    resources.authentication("guard", &[METHOD]);
    resources.listener("door", "ports:\n- port: 0\n  authenticationRef: guard\n  tls: {mode: Automatic}\n");
    let start = || {
        let settings = Settings::new().mqtt("off").resources(&resources);
        Broker::try_start(settings).err().expect("a refusal").output
    };
    assert!(start().contains("client-ca"), "{}", start());
    resources.config_map("client-ca", &[("ca.crt", "no certificate")]);
    let told = start();
    assert!(told.contains("client-ca") && told.contains("certificate"), "{told}");
    trust(&resources, &[&root]);
    resources.listener("door", "ports:\n- port: 0\n  authenticationRef: guard\n");
    let told = start();
    assert!(told.contains("X509") && told.contains("TLS"), "{told}");
}
