//! Dataflows of a plan, as the bridge is told of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge::{Address, CloudEvents, Credentials, Hop, Kind, Retain, Version};
use config::authentication::File;
use config::{Host, Input, Object, ObjectKind, Plan, Text};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use tokio::io::{DuplexStream, duplex};

use super::endpoint::shown_address;
use super::local::{Elsewhere, LocalBroker};
use super::roster::{Means, Roster, Share};
use super::running::Dataflows;
use super::trust::Configurations;

const INSTALLATION: &str = "0123456789abcdef";

/// A DataflowEndpoint with these lines below `mqttSettings`.
fn endpoint(name: &str, settings: &str) -> String {
    let settings: String = settings.lines().map(|line| format!("    {}\n", line.trim_start_matches('|'))).collect();
    let head = resource("DataflowEndpoint", name);
    format!("{head}spec:\n  endpointType: Mqtt\n  mqttSettings:\n{settings}")
}

fn dataflow(name: &str, source: &str, filters: &str, destination: &str, topic: &str) -> String {
    format!(
        "{}spec:\n  profileRef: many\n  operations:\n  - operationType: Source\n    sourceSettings: \
         {{endpointRef: {source}, dataSources: {filters}}}\n  - operationType: Destination\n    destinationSettings: \
         {{endpointRef: {destination}, dataDestination: '{topic}'}}\n",
        resource("Dataflow", name)
    )
}

fn profile(instances: u16) -> String {
    format!("{}spec:\n  instanceCount: {instances}\n", resource("DataflowProfile", "many"))
}

fn resource(kind: &str, name: &str) -> String {
    format!("---\napiVersion: connectivity.iotoperations.azure.com/v1\nkind: {kind}\nmetadata:\n  name: {name}\n")
}

const PLAIN: &str =
    "host: 10.0.0.1:1883\ntls: {mode: Disabled}\nauthentication: {method: Anonymous, anonymousSettings: {}}";
const SECURED: &str = "host: remote.example:8883\ntls: {mode: Enabled, trustedCaCertificateConfigMapRef: ca}\n\
                       authentication: {method: Anonymous, anonymousSettings: {}}";

fn plan(texts: &[String], objects: Vec<Object>) -> Plan {
    let bytes = texts.concat().into_bytes();
    let input = Input { texts: vec![Text { path: "a.yaml".to_owned(), bytes }], objects, ..Input::default() };
    Plan::check(&input, &Host { cores: 2, remembered: None }).unwrap_or_else(|problems| panic!("{problems}"))
}

fn object(kind: ObjectKind, name: &str, entries: &[(&str, &str)]) -> Object {
    let entries: BTreeMap<String, Vec<u8>> =
        entries.iter().map(|(key, text)| ((*key).to_owned(), text.as_bytes().to_vec())).collect();
    Object { kind, name: name.to_owned(), path: format!("x/{name}"), entries }
}

fn authority() -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn inside() -> LocalBroker {
    let door: bridge::Door = Arc::new(|| Box::new(one_end()));
    LocalBroker::Inside { door, authority: File { name: "own".to_owned(), content: authority().into_bytes() } }
}

fn one_end() -> DuplexStream {
    duplex(1).0
}

fn roster(plan: &Plan, local: &LocalBroker, before: &Configurations) -> Roster {
    Roster::of(plan, Means { share: &Share::All, local, installation: INSTALLATION, before })
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn tls(endpoint: &bridge::Endpoint) -> Option<&Arc<rustls::ClientConfig>> {
    match &endpoint.address {
        Address::Remote(remote) => remote.tls.as_ref(),
        Address::Memory(_) => None,
    }
}

#[test]
fn every_instance_is_one_dataflow_and_shares_with_its_like_alone() {
    let filters = "[plain/#, '$share/mine/shared/+']";
    let resources = |instances| {
        let flow = dataflow("north", "default", filters, "remote", "up/${inputTopic}");
        plan(&[profile(instances), endpoint("remote", PLAIN), flow], Vec::new())
    };
    let made = roster(&resources(1), &inside(), &Configurations::default());
    let [only] = &made.dataflows[..] else { panic!("{:?}", made.dataflows) };
    assert_eq!((only.instance, only.instances), (0, 1));
    assert_eq!(only.sources, ["plain/#", "$share/mine/shared/+"]);
    assert_eq!(only.topic.to_string(), "up/${inputTopic}");
    assert_eq!(&*only.dead_letter, "dataflow/deadletter/north");

    let made = roster(&resources(3), &inside(), &Configurations::default());
    let numbers: Vec<(u16, u16)> = made.dataflows.iter().map(|flow| (flow.instance, flow.instances)).collect();
    assert_eq!(numbers, [(0, 3), (1, 3), (2, 3)]);
    for flow in &made.dataflows {
        assert_eq!(flow.sources, ["$share/0123456789abcdef-north/plain/#", "$share/mine/shared/+"]);
    }
}

#[test]
fn the_local_broker_is_reached_in_memory_and_shown_nothing() {
    let flow = dataflow("north", "default", "[a]", "remote", "b");
    let plan = plan(&[profile(1), endpoint("remote", PLAIN), flow], Vec::new());
    let local = inside();
    let made = roster(&plan, &local, &Configurations::default());
    let source = &made.dataflows[0].source;
    assert!(matches!(source.address, Address::Memory(_)), "{source:?}");
    assert_eq!((source.kind, &source.credentials), (Kind::Local, &Credentials::Anonymous));
    let shown: Vec<_> = made.endpoints.iter().map(|shown| (&*shown.name, &*shown.address)).collect();
    assert_eq!(shown, [("default", "memory"), ("remote", "mqtt://10.0.0.1:1883")]);
}

#[test]
fn what_says_the_same_stays_the_same() {
    let (ca, other) = (authority(), authority());
    let resources = |ca: &str, topic: &str| {
        let objects = vec![object(ObjectKind::ConfigMap, "ca", &[("root.crt", ca)])];
        let flows = [
            profile(1),
            endpoint("secured", SECURED),
            endpoint("again", &SECURED.replace("remote.example", "other.example")),
            dataflow("north", "default", "[a]", "secured", topic),
            dataflow("south", "again", "[c]", "default", "d"),
        ];
        plan(&flows, objects)
    };
    let local = inside();
    let first = roster(&resources(&ca, "b"), &local, &Configurations::default());
    let second = roster(&resources(&ca, "changed"), &local, &first.configurations);
    assert_ne!(first.dataflows[0], second.dataflows[0]);
    assert_eq!(first.dataflows[1], second.dataflows[1]);
    let one = tls(&first.dataflows[0].destination).unwrap();
    assert!(Arc::ptr_eq(one, tls(&second.dataflows[0].destination).unwrap()));
    // Two endpoints with the same authorities have one configuration.
    assert!(Arc::ptr_eq(one, tls(&first.dataflows[1].source).unwrap()));

    let third = roster(&resources(&other, "changed"), &local, &second.configurations);
    assert!(!Arc::ptr_eq(one, tls(&third.dataflows[0].destination).unwrap()));
    assert_ne!(second.dataflows[1], third.dataflows[1]);
}

#[test]
fn every_setting_of_an_endpoint_arrives() {
    let settings = "host: remote.example:443/path\nprotocol: WebSockets\nclientIdPrefix: pre-\nqos: 0\nretain: Never\n\
                    sessionExpirySeconds: 7\nkeepAliveSeconds: 8\nmaxInflightMessages: 9\n\
                    cloudEventAttributes: CreateOrRemap\nmqttVersion: V3\nhopProperty: Disabled\n\
                    tls: {mode: Enabled, trustedCaCertificateConfigMapRef: ca}\n\
                    authentication: {method: UsernamePassword, usernamePasswordSettings: {secretRef: login}}";
    let objects = vec![
        object(ObjectKind::ConfigMap, "ca", &[("root.crt", &authority())]),
        object(ObjectKind::Secret, "login", &[("username", "ann"), ("password", "hunter2\n")]),
    ];
    let flow = dataflow("north", "default", "[a]", "remote", "b");
    let plan = plan(&[profile(1), endpoint("remote", settings), flow], objects);
    let made = roster(&plan, &inside(), &Configurations::default());
    let remote = &*made.dataflows[0].destination;
    let Address::Remote(address) = &remote.address else { panic!("{remote:?}") };
    assert_eq!((&*address.host, address.port, address.websocket.as_deref()), ("remote.example", 443, Some("/path")));
    assert_eq!(address.tls.as_ref().unwrap().alpn_protocols, [b"http/1.1".to_vec()]);
    assert_eq!(remote.client_id_prefix.as_deref(), Some("pre-"));
    assert_eq!((remote.qos, remote.retain, remote.version), (mqtt::QoS::AtMostOnce, Retain::Never, Version::V3_1_1));
    assert_eq!((remote.session_expiry, remote.keep_alive, remote.max_inflight), (7, 8, 9));
    assert_eq!((remote.cloud_events, remote.hop), (Some(CloudEvents::CreateOrRemap), Hop::Off));
    assert_eq!((remote.kind, remote.credentials.name()), (Kind::Custom, "UsernamePassword"));
    assert!(!format!("{:?} {:?}", made.dataflows, made.endpoints).contains("hunter2"));
    let shown = made.endpoints.iter().find(|shown| shown.name == "remote").unwrap();
    assert_eq!((&*shown.address, shown.authentication), ("wss://remote.example:443/path", "UsernamePassword"));
}

#[test]
fn event_grid_is_known() {
    let settings = "host: ns.westeurope-1.ts.eventgrid.azure.net:8883\n\
                    tls: {mode: Enabled, trustedCaCertificateConfigMapRef: ca}\n\
                    authentication: {method: SystemAssignedManagedIdentity, systemAssignedManagedIdentitySettings: {}}";
    let objects = vec![object(ObjectKind::ConfigMap, "ca", &[("root.crt", &authority())])];
    let flow = dataflow("north", "default", "[a]", "grid", "b");
    let plan = plan(&[profile(1), endpoint("grid", settings), flow], objects);
    let made = roster(&plan, &inside(), &Configurations::default());
    let grid = &made.dataflows[0].destination;
    assert_eq!(grid.kind, Kind::EventGrid);
    let Credentials::SystemAssignedManagedIdentity(identity) = &grid.credentials else { panic!("{grid:?}") };
    assert_eq!(identity.audience, bridge::credentials::EVENT_GRID_AUDIENCE);
}

#[test]
fn only_what_is_to_run_here_runs() {
    let off = dataflow("south", "default", "[c]", "remote", "d").replace("profileRef", "mode: Disabled\n  profileRef");
    let other = dataflow("west", "default", "[e]", "remote", "f").replace("profileRef: many", "profileRef: default");
    let on = dataflow("north", "default", "[a]", "remote", "b");
    let plan = plan(&[profile(1), endpoint("remote", PLAIN), on, off, other], Vec::new());
    let local = inside();
    let names = |share: &Share| -> Vec<String> {
        let before = &Configurations::default();
        let made = Roster::of(&plan, Means { share, local: &local, installation: INSTALLATION, before }).unwrap();
        assert_eq!(made.plan.len(), 3);
        made.dataflows.iter().map(|flow| flow.name.clone()).collect()
    };
    assert_eq!(names(&Share::All), ["north", "west"]);
    assert_eq!(names(&Share::OfProfile("many".to_owned())), ["north"]);
    assert_eq!(names(&Share::None), [""; 0]);
}

#[test]
fn authorities_that_are_none_are_refused_at_their_field() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let objects = vec![object(ObjectKind::ConfigMap, "ca", &[("root.crt", broken)])];
    let plan = plan(&[profile(1), endpoint("remote", SECURED)], objects);
    // No dataflow uses it, and it is refused all the same.
    let problems = super::problems(&plan, &Share::All);
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    let told = problem.to_string();
    let place = "spec.mqttSettings.tls.trustedCaCertificateConfigMapRef DataflowEndpoint remote: ";
    assert!(told.contains(place) && told.contains("certificate 1 of configmaps/ca/root.crt cannot be read"), "{told}");
}

#[test]
fn a_client_certificate_without_its_key_is_refused() {
    let settings = "host: remote.example:8883\ntls: {mode: Enabled}\n\
                    authentication: {method: X509Certificate, x509CertificateSettings: {secretRef: me}}";
    let certified = |key: &KeyPair| CertificateParams::new(Vec::new()).unwrap().self_signed(key).unwrap().pem();
    let (mine, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let problems = |key: &KeyPair| {
        let entries = [("client_cert.pem", &*certified(&mine)), ("client_key.pem", &*key.serialize_pem())];
        let objects = vec![object(ObjectKind::Secret, "me", &entries)];
        super::problems(&plan(&[endpoint("remote", settings)], objects), &Share::All)
    };
    assert_eq!(problems(&mine), []);
    let told = problems(&other)[0].to_string();
    let place = "x509CertificateSettings.secretRef DataflowEndpoint remote: secrets/me is no certificate with its key";
    assert!(told.contains(place), "{told}");
}

#[test]
fn from_another_process_the_local_broker_is_at_an_address() {
    let flow = dataflow("north", "default", "[a]", "remote", "b");
    let plan = plan(&[profile(1), endpoint("remote", PLAIN), flow], Vec::new());
    let elsewhere = |address: Option<(&str, u16)>, authority: Option<String>| {
        LocalBroker::Elsewhere(Elsewhere {
            address: address.map(|(host, port)| (host.to_owned(), port)),
            authority: authority.map(|pem| File { name: "ca.crt".to_owned(), content: pem.into_bytes() }),
        })
    };
    let made = |local: &LocalBroker| {
        let before = &Configurations::default();
        Roster::of(&plan, Means { share: &Share::All, local, installation: INSTALLATION, before })
    };
    let Err(problems) = made(&elsewhere(None, None)) else { panic!("it has no authority") };
    assert_eq!(problems.len(), 1);
    let told = problems[0].to_string();
    assert!(told.starts_with("DataflowEndpoint default: ") && told.contains("--local-ca FILE"), "{told}");

    let local = elsewhere(None, Some(authority()));
    let source = Arc::clone(&made(&local).unwrap().dataflows[0].source);
    let Address::Remote(address) = &source.address else { panic!("{source:?}") };
    assert_eq!((&*address.host, address.port, address.tls.is_some()), ("aio-broker", 18883, true));
    assert_eq!(source.credentials.name(), "ServiceAccountToken");

    let local = elsewhere(Some(("::1", 8883)), Some(authority()));
    assert_eq!(shown_address(&plan.endpoints["default"], &local), "mqtts://[::1]:8883");
    assert_eq!(shown_address(&plan.endpoints["remote"], &local), "mqtt://10.0.0.1:1883");
}

#[test]
fn from_another_process_the_local_broker_is_known_by_its_config_map() {
    let flow = dataflow("north", "default", "[a]", "remote", "b");
    let bundle = ("azure-iot-operations-aio-ca-trust-bundle", authority());
    let objects = |pem: &str| vec![object(ObjectKind::ConfigMap, bundle.0, &[("ca.crt", pem)])];
    let texts = [profile(1), endpoint("remote", PLAIN), flow];
    let local = LocalBroker::Elsewhere(Elsewhere::default());
    let before = &Configurations::default();
    let means = || Means { share: &Share::All, local: &local, installation: INSTALLATION, before };
    let Ok(made) = Roster::of(&plan(&texts, objects(&bundle.1)), means()) else { panic!("it has an authority") };
    assert!(tls(&made.dataflows[0].source).is_some());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let Err(problems) = Roster::of(&plan(&texts, objects(broken)), means()) else { panic!("it has none") };
    assert!(problems[0].to_string().contains(bundle.0), "{}", problems[0]);
}

/// No thread is there before there is a dataflow, and what is seen follows what is wanted.
#[test]
fn a_bridge_begins_with_the_first_dataflow() {
    let mut dataflows = Dataflows::new(INSTALLATION.to_owned(), inside(), Share::All);
    let view = dataflows.view();
    let none = plan(&[profile(1), endpoint("remote", PLAIN)], Vec::new());
    let ready = dataflows.ready(&none).unwrap();
    dataflows.set(ready).unwrap();
    assert!(!dataflows.has_begun());
    assert_eq!((view.dataflows().len(), view.endpoints().len()), (0, 2));

    let flow = dataflow("north", "default", "[a]", "remote", "b");
    let some = plan(&[profile(2), endpoint("remote", PLAIN), flow], Vec::new());
    let ready = dataflows.ready(&some).unwrap();
    dataflows.set(ready).unwrap();
    assert!(dataflows.has_begun());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while view.dataflows()[0].instances.len() != 2 {
        assert!(std::time::Instant::now() < deadline, "{:?}", view.dataflows());
        std::thread::yield_now();
    }
    let endpoints = view.endpoints();
    assert_eq!(endpoints.iter().map(|endpoint| endpoint.links.len()).collect::<Vec<_>>(), [2, 2]);
    let is_running = dataflows.is_running();
    assert!(is_running());
    assert_eq!(dataflows.stop(deadline), super::Stopped::Whole);
    assert!(!is_running());
}
