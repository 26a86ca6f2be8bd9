//! What comes of dataflows, their endpoints and profiles together.

use std::time::Duration;

use super::{explained, refused, resources, sound};
use crate::authentication::TrustBundle;
use crate::dataflow::{Credentials, EndpointKind, Group, MqttVersion, Reach, TopicPiece};
use crate::{Plan, Protocol};

const HEAD: &str = "apiVersion: connectivity.iotoperations.azure.com/v1\n";

fn endpoint(name: &str, settings: &str) -> String {
    let settings = match settings.contains("authentication") {
        true => settings.to_owned(),
        false => format!("{settings}, authentication: {{method: Anonymous}}"),
    };
    format!(
        "---\n{HEAD}kind: DataflowEndpoint\nmetadata: {{name: {name}}}\n\
         spec: {{endpointType: Mqtt, mqttSettings: {{{settings}}}}}\n"
    )
}

/// A dataflow of the profile `several` or `default`: from an endpoint's filters to an endpoint's topic.
fn dataflow(name: &str, (from, filters): (&str, &str), (to, topic): (&str, &str), more: &str) -> String {
    format!(
        "---\n{HEAD}kind: Dataflow\nmetadata: {{name: {name}}}\nspec:\n  operations:\n\
         \x20 - {{operationType: Source, sourceSettings: {{endpointRef: {from}, dataSources: [{filters}]}}}}\n\
         \x20 - {{operationType: Destination, destinationSettings: {{endpointRef: {to}, dataDestination: '{topic}'}}}}\n{more}"
    )
}

fn profile(count: u16, more: &str) -> String {
    format!("---\n{HEAD}kind: DataflowProfile\nmetadata: {{name: several}}\nspec: {{instanceCount: {count}{more}}}\n")
}

fn plan(texts: &[String]) -> Plan {
    sound(&resources(&[&texts.concat()]))
}

fn problems(texts: &[String]) -> String {
    refused(&resources(&[&texts.concat()])).to_string()
}

#[test]
fn the_built_in_endpoint_trusts_the_bundle_that_is_given() {
    let bundle = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: azure-iot-operations-aio-ca-trust-bundle}\n\
                  data: {ca.crt: \"-----BEGIN CERTIFICATE-----\"}\n---\n";
    let plan = plan(&[bundle.to_owned(), dataflow("round", ("default", "a"), ("default", "b"), "")]);
    let authorities = plan.endpoints["default"].tls.as_ref().unwrap().authorities.clone();
    assert!(matches!(authorities, Some(TrustBundle::Files(files)) if files.len() == 1));
}

#[test]
fn what_nobody_writes_is_built_in() {
    let plan = plan(&[dataflow("round", ("default", "a"), ("default", "b"), "")]);
    let default = &plan.endpoints["default"];
    assert_eq!((default.kind, default.reach), (EndpointKind::Local, Reach::Memory));
    assert_eq!((default.host.as_str(), default.port), ("aio-broker", 18883));
    assert_eq!(default.tls.as_ref().unwrap().authorities, Some(TrustBundle::Own));
    assert_eq!(default.session_expiry, Duration::from_secs(600));
    assert_eq!(plan.profiles["default"].instances, 1);
    let round = &plan.dataflows["round"];
    assert_eq!((round.profile.as_str(), round.instances), ("default", 1));
    assert_eq!(round.dead_letter, "dataflow/deadletter/round");
    assert_eq!(round.topic.pieces(), [TopicPiece::Text("b".to_owned())]);
    assert_eq!(explained(&plan, "DataflowEndpoint/default"), "this broker, reached within the process (default)");
}

#[test]
fn what_somebody_writes_goes_before() {
    let plan = plan(&[endpoint("default", "qos: 0, host: 'aio-broker:18883'")]);
    let default = &plan.endpoints["default"];
    assert_eq!((default.reach, default.qos), (Reach::Memory, mqtt::QoS::AtMostOnce));
    assert_eq!(default.credentials, Credentials::Anonymous);
}

#[test]
fn addresses_say_whose_broker_it_is() {
    const LISTENER: &str = "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\n\
                            metadata: {name: plant, namespace: factory}\nspec: {serviceName: our-broker, ports: [{port: 1884}]}\n";
    let (own, local) = ((EndpointKind::Local, Reach::Memory), (EndpointKind::Local, Reach::Network));
    let (custom, grid) = ((EndpointKind::Custom, Reach::Network), (EndpointKind::EventGrid, Reach::Network));
    for (host, more, expected) in [
        ("aio-broker:18883", "", own),
        ("AIO-Broker.factory:18883", "", own),
        ("aio-broker.factory.svc.cluster.local.:18883", "", own),
        ("our-broker:1884", "", own),
        ("our-broker.factory.svc:1884", "", own),
        ("aio-broker:1884", "", custom),
        ("our-broker:18883", "", custom),
        ("our-broker.example:1884", "", custom),
        ("aio-broker.elsewhere:18883", "", custom),
        ("aio-broker.elsewhere:18883", ", hostType: LocalBroker", local),
        ("a.westeurope-1.ts.eventgrid.azure.net:8883", "", grid),
        ("A.EVENTGRID.AZURE.NET.:8883", ", hostType: CustomMqtt", grid),
        ("mqtt.contoso.example:8883", ", hostType: EventGrid", grid),
        ("eventgrid.azure.net.example:8883", "", custom),
    ] {
        let settings = format!("mqttSettings: {{host: '{host}', authentication: {{method: Anonymous}}}}");
        let endpoint = format!(
            "---\n{HEAD}kind: DataflowEndpoint\nmetadata: {{name: far}}\nspec: {{endpointType: Mqtt, {settings}{more}}}\n"
        );
        let plan = plan(&[LISTENER.to_owned(), endpoint]);
        let far = &plan.endpoints["far"];
        assert_eq!((far.kind, far.reach), expected, "{host}{more}");
    }
}

#[test]
fn websockets_have_a_path() {
    for (host, host_only, path) in
        [("a.b:443/x/y", "a.b", "/x/y"), ("a.b:443", "a.b", "/mqtt"), ("[fd00::7]:80/", "fd00::7", "/")]
    {
        let plan = plan(&[endpoint("far", &format!("host: '{host}', protocol: WebSockets, mqttVersion: V3"))]);
        let far = &plan.endpoints["far"];
        assert_eq!((far.host.as_str(), far.path.as_deref()), (host_only, Some(path)));
        assert_eq!((far.protocol, far.version), (Protocol::WebSockets, MqttVersion::V3));
    }
}

#[test]
fn event_grid_is_asked_for_no_more_than_it_gives() {
    const HOST: &str = "host: 'a.ts.eventgrid.azure.net:8883'";
    for (keep_alive, expiry, expected) in
        [(0, 30_000, (1160, 28_800)), (1161, 28_801, (1160, 28_800)), (1160, 28_800, (1160, 28_800)), (1, 0, (1, 0))]
    {
        let settings = format!("{HOST}, keepAliveSeconds: {keep_alive}, sessionExpirySeconds: {expiry}");
        let plan = plan(&[endpoint("grid", &settings)]);
        let grid = &plan.endpoints["grid"];
        assert_eq!((grid.keep_alive.as_secs(), grid.session_expiry.as_secs()), expected);
        let beyond = usize::from(keep_alive != expected.0) + usize::from(expiry != expected.1);
        assert_eq!(plan.notices.len(), beyond, "{:?}", plan.notices);
    }
}

#[test]
fn tokens_for_event_grid_are_for_event_grid_alone() {
    let identity = |host: &str, more: &str| {
        endpoint(
            "grid",
            &format!("host: '{host}:8883', authentication: {{method: SystemAssignedManagedIdentity{more}}}"),
        )
    };
    let plan = plan(&[identity("a.eventgrid.azure.net", "")]);
    let Credentials::SystemAssignedManagedIdentity(found) = &plan.endpoints["grid"].credentials else { panic!() };
    assert_eq!(found.audience, "https://eventgrid.azure.net");
    assert!(problems(&[identity("a.example", "")]).contains("audience: is missing"));
    let given = ", systemAssignedManagedIdentitySettings: {audience: 'https://a.example'}";
    super::sound(&resources(&[&identity("a.example", given)]));
}

#[test]
fn certificates_are_put_together() {
    let settings =
        "host: 'a:1', authentication: {method: X509Certificate, x509CertificateSettings: {secretRef: client}}";
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: client}\nstringData:\n  client_cert.pem: \
                  '-----BEGIN CERTIFICATE-----1'\n  client_key.pem: '-----BEGIN PRIVATE KEY-----'\n  \
                  client_intermediate_certs.pem: '-----BEGIN CERTIFICATE-----2'\n";
    let plan = plan(&[endpoint("far", settings), secret.to_owned()]);
    let Credentials::X509(pair) = &plan.endpoints["far"].credentials else { panic!() };
    assert_eq!(pair.chain_pem, b"-----BEGIN CERTIFICATE-----1\n-----BEGIN CERTIFICATE-----2");
}

#[test]
fn a_line_break_at_the_end_is_not_part_of_a_password() {
    let settings =
        "host: 'a:1', authentication: {method: UsernamePassword, usernamePasswordSettings: {secretRef: client}}";
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: client}\nstringData: {username: \"ann\\n\", password: \
                  \"hunter2\\r\\n\"}\n";
    let plan = plan(&[endpoint("far", settings), secret.to_owned()]);
    let Credentials::UsernamePassword(login) = &plan.endpoints["far"].credentials else { panic!() };
    assert_eq!((login.username.reveal(), login.password.reveal()), ("ann", &b"hunter2"[..]));
    assert!(!format!("{plan:?}").contains("hunter2"));
}

#[test]
fn filters_are_shared_by_instances_or_by_name() {
    let flow = |more| dataflow("out", ("default", "a/+, $share/g/b/#, $shared/h/c, a/+"), ("far", "x"), more);
    let far = endpoint("far", "host: 'a:1'");
    let groups = |plan: &Plan| {
        let filters = plan.dataflows["out"].filters.iter();
        filters.map(|found| (found.group.clone(), found.filter.clone())).collect::<Vec<_>>()
    };
    let named = |name: &str| Group::Named(name.to_owned());
    let one = plan(&[far.clone(), flow("")]);
    let expected = |first| vec![(first, "a/+".into()), (named("g"), "b/#".into()), (named("h"), "c".into())];
    assert_eq!(groups(&one), expected(Group::None));
    assert_eq!(one.notices.len(), 1);
    let four = plan(&[far, profile(4, ""), flow("  profileRef: several\n")]);
    assert_eq!(groups(&four), expected(Group::Instances));
    assert_eq!(four.dataflows["out"].instances, 4);
}

#[test]
fn one_side_is_this_broker_unless_the_profile_says_otherwise() {
    let ends = [endpoint("one", "host: 'a:1'"), endpoint("two", "host: 'b:1'")].concat();
    let flow = |more| dataflow("out", ("one", "a"), ("two", "b"), more);
    assert!(problems(&[ends.clone(), flow("")]).contains("neither this nor one is this installation's broker"));
    plan(&[ends, profile(1, ", remoteToRemote: Allowed"), flow("  profileRef: several\n")]);
}

#[test]
fn what_goes_round_is_refused_and_nothing_else() {
    let far =
        [endpoint("far", "host: 'a:1'"), endpoint("alias", "host: 'A:1'"), endpoint("other", "host: 'b:1'")].concat();
    let up = |filters, topic| dataflow("out", ("default", filters), ("far", topic), "");
    let down = |from, filters, topic| dataflow("down", (from, filters), ("default", topic), "");
    for (flows, round) in [
        // The tutorial's echo.
        (up("tutorial/local", "telemetry/aio") + &down("far", "telemetry/#", "tutorial/cloud"), false),
        (up("a/#", "${inputTopic}") + &down("far", "b/#", "${inputTopic}"), false),
        (up("a/#", "${inputTopic}") + &down("far", "a/#", "${inputTopic}"), true),
        (up("a/#", "${inputTopic}") + &down("alias", "a/b", "${inputTopic}"), true),
        (up("a/#", "${inputTopic}") + &down("other", "a/#", "${inputTopic}"), false),
        (up("'#'", "up/${inputTopic}") + &down("far", "down/#", "${inputTopic.2+}"), false),
        (up("x/+", "y/${inputTopic.2}") + &down("far", "y/a", "x/${inputTopic.2}"), true),
        (up("x/+", "y/${inputTopic.2}") + &down("far", "y/a", "z/${inputTopic.2}"), false),
        (up("x/b", "y/${inputTopic.2}") + &down("far", "y/a", "x/${inputTopic.2}"), false),
        (dataflow("self", ("default", "a/#"), ("default", "a/b"), ""), true),
        (dataflow("self", ("default", "a/#"), ("default", "b"), ""), false),
        (dataflow("self", ("default", "+"), ("default", "x${inputTopic}"), ""), true),
        (dataflow("self", ("default", "a/#"), ("default", "a/b"), "  mode: Disabled\n"), false),
    ] {
        let checked = Plan::check(&resources(&[&[far.clone(), flows.clone()].concat()]), &super::HOST);
        let told = checked.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert_eq!(told.contains("what is published here"), round, "{flows}{told}");
        assert_eq!(checked.is_err(), round, "{flows}{told}");
    }
}

#[test]
fn dead_letters_do_not_go_round() {
    let flow = |more| dataflow("out", ("near", "'#'"), ("far", "x"), more);
    let ends = |hop| [endpoint("near", &format!("hopProperty: {hop}")), endpoint("far", "host: 'a:1'")].concat();
    plan(&[ends("Enabled"), flow("")]);
    assert!(problems(&[ends("Disabled"), flow("")]).contains("deadLetterTopic"));
    plan(&[ends("Disabled"), flow("  deadLetterTopic: $dead\n")]);
}

#[test]
fn client_identifiers_are_one_dataflows_own() {
    let ends = [endpoint("far", "host: 'a:1', clientIdPrefix: p-"), endpoint("bare", "host: 'a:1'")].concat();
    let several = profile(2, "");
    let flow = |name, to, more| dataflow(name, ("default", "a"), (to, "x"), more);
    let clash =
        [ends.clone(), several.clone(), flow("out", "far", "  profileRef: several\n"), flow("out-2", "far", "")];
    let told = problems(&clash);
    assert!(told.contains("the client identifier p-out-2"), "{told}");
    // At this broker, too: both are there without a prefix.
    assert!(told.contains("the client identifier out-2"), "{told}");
    plan(&[ends, flow("p-out", "bare", ""), flow("out", "far", "")]);
}

#[test]
fn what_leads_to_a_destination_ends_in_out() {
    let ends = [endpoint("far", "host: 'a:1', clientIdPrefix: p-"), endpoint("bare", "host: 'a:1'")].concat();
    let ends = [ends, profile(1, ", remoteToRemote: Allowed")].concat();
    let between = |name, from, to| dataflow(name, (from, "a"), (to, name), "  profileRef: several\n");
    let told = |of: [String; 2]| problems(&[ends.clone(), of.concat()]);
    // Without a prefix always.
    let clash = told([between("flow", "default", "bare"), between("flow-out", "bare", "default")]);
    assert!(clash.contains("the client identifier flow-out there"), "{clash}");
    assert_eq!(clash.matches("the client identifier").count(), 1, "{clash}");
    // With one where the source is at the same server, by whichever endpoint.
    let clash = told([between("flow", "bare", "far"), between("flow-out", "default", "far")]);
    assert!(clash.contains("the client identifier p-flow-out there"), "{clash}");
    plan(&[ends.clone(), between("flow", "default", "far"), between("flow-out", "default", "far")]);
}
