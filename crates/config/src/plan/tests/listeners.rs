//! Where listeners bind, what they are called, which certificates they have.

use super::{explained, refused, resources, sound};
use crate::{Given, Input, Plan, Protocol, Request, Tls};

fn listener(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: BrokerListener\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

fn bound(plan: &Plan) -> Vec<String> {
    plan.listeners.iter().map(|listener| format!("{} {}", listener.name, listener.address)).collect()
}

fn given(flag: &str, text: &str) -> Option<Given> {
    Some(Given::flag(flag, text.to_owned()))
}

#[test]
fn service_types_decide_who_can_reach_a_port() {
    let texts = [
        listener("inside", "{ports: [{port: 1883}, {port: 0}, {port: 0}]}"),
        listener("everybody", "{serviceType: LoadBalancer, ports: [{port: 8883}]}"),
        listener("nodes", "{serviceType: NodePort, ports: [{port: 1884, nodePort: 31884}, {port: 1885}]}"),
    ];
    let input = resources(&texts.each_ref().map(String::as_str));
    assert_eq!(
        bound(&sound(&input)),
        [
            "inside/1883 127.0.0.1:1883",
            "inside/0 127.0.0.1:0",
            "inside/0-2 127.0.0.1:0",
            "everybody/8883 0.0.0.0:8883",
            "nodes/1884 0.0.0.0:31884",
            "nodes/1885 0.0.0.0:1885"
        ]
    );
    let in_pod = sound(&Input { in_pod: true, ..input.clone() });
    assert_eq!(bound(&in_pod)[0], "inside/1883 0.0.0.0:1883");
    assert_eq!(bound(&in_pod)[4], "nodes/1884 0.0.0.0:1884");
    let flags = Request { bind: given("--bind", "::"), ..Request::default() };
    let told = sound(&Input { flags, in_pod: true, ..input });
    assert_eq!(bound(&told)[0], "inside/1883 [::]:1883");
    assert_eq!(explained(&told, "--bind"), ":: (--bind)");
}

#[test]
fn with_a_listener_there_are_no_default_ones_but_those_that_flags_name() {
    let input = resources(&[&listener("default", "{ports: [{port: 18883}]}")]);
    assert_eq!(bound(&sound(&input)), ["default/18883 127.0.0.1:18883"]);
    let flags = Request { ws: given("--ws", "127.0.0.1:0"), mqtt: given("--mqtt", "off"), ..Request::default() };
    assert_eq!(bound(&sound(&Input { flags, ..input })), ["ws 127.0.0.1:0", "default/18883 127.0.0.1:18883"]);
}

#[test]
fn default_listeners_bind_where_they_are_told() {
    let flags = Request { bind: given("--bind", "0.0.0.0"), ws: given("--ws", "[::1]:8083"), ..Request::default() };
    let plan = sound(&Input { flags, ..Input::default() });
    assert_eq!(bound(&plan), ["mqtt 0.0.0.0:1883", "mqtts 0.0.0.0:8883", "ws [::1]:8083"]);
    let flags = Request { bind: given("--bind", "here"), ..Request::default() };
    let problems = refused(&Input { flags, ..Input::default() }).to_string();
    assert!(problems.starts_with("--bind here: give an IP address"), "{problems}");
}

#[test]
fn a_port_in_use_by_a_flag_or_the_admin_endpoint_is_refused() {
    let flags = Request { mqtt: given("--mqtt", "127.0.0.1:1883"), ..Request::default() };
    let input = Input { flags, ..resources(&[&listener("default", "{ports: [{port: 1883}, {port: 9600}]}")]) };
    assert_eq!(
        refused(&input).to_string(),
        "0.yaml:4 spec.ports[0].port 1883: --mqtt has the address 127.0.0.1:1883; give another\n\
         0.yaml:4 spec.ports[1].port 9600: --admin has the address 127.0.0.1:9600; give another"
    );
}

#[test]
fn the_default_listener_of_azure_iot_operations_works_as_it_is() {
    let text = "\
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata:
  name: default
  namespace: azure-iot-operations
  resourceVersion: \"1\"
spec:
  serviceType: ClusterIp
  serviceName: aio-broker
  ports:
  - port: 18883
    protocol: Mqtt
    tls:
      mode: Automatic
      certManagerCertificateSpec:
        issuerRef:
          group: cert-manager.io
          kind: ClusterIssuer
          name: azure-iot-operations-aio-certificate-issuer
        privateKey:
          algorithm: Ec256
          rotationPolicy: Always
status:
  healthState: {status: Available}
";
    let plan = sound(&resources(&[text]));
    let listener = &plan.listeners[0];
    assert_eq!((listener.name.as_str(), listener.protocol), ("default/18883", Protocol::Mqtt));
    let Some(Tls::Automatic(certificate)) = &listener.tls else { panic!("{listener:?}") };
    assert_eq!(certificate.folder, "default-18883");
    assert_eq!((certificate.duration.as_secs(), certificate.renew_before.as_secs()), (2160 * 3600, 720 * 3600));
    assert_eq!(
        certificate.dns_names,
        [
            "aio-broker",
            "aio-broker.azure-iot-operations",
            "aio-broker.azure-iot-operations.svc",
            "aio-broker.azure-iot-operations.svc.cluster.local"
        ]
    );
    assert!(plan.notices.is_empty());
}

#[test]
fn a_certificate_is_renewed_with_a_third_of_its_life_left_unless_said_otherwise() {
    let spec = "{ports: [{port: 8883, tls: {mode: Automatic, certManagerCertificateSpec: {duration: 24h, issuerRef: {kind: Issuer, name: azure-iot-operations-aio-certificate-issuer}}}}]}";
    let plan = sound(&resources(&[&listener("default", spec)]));
    let Some(Tls::Automatic(certificate)) = &plan.listeners[0].tls else { panic!("{plan:?}") };
    assert_eq!(certificate.renew_before.as_secs(), 8 * 3600);
    let path = "BrokerListener/default ports[0].tls.certManagerCertificateSpec.renewBefore";
    assert_eq!(explained(&plan, path), "8h (default)");
}

#[test]
fn the_namespace_is_that_of_the_resources() {
    let text = listener("default", "{ports: [{port: 1, tls: {mode: Automatic}}]}")
        .replace("name: default", "name: default, namespace: plant");
    let plan = sound(&resources(&[&text]));
    assert_eq!(plan.namespace, "plant");
    let Some(Tls::Automatic(certificate)) = &plan.listeners[0].tls else { panic!("{plan:?}") };
    assert_eq!(certificate.dns_names[3], "default.plant.svc.cluster.local");
}

#[test]
fn a_service_has_one_listener_whichever_of_them_names_it() {
    let (first, second) =
        (listener("one", "{serviceName: two, ports: [{port: 1}]}"), listener("two", "{ports: [{port: 2}]}"));
    assert_eq!(
        refused(&resources(&[&first, &second])).to_string(),
        "1.yaml:4 spec \"two\": the Service of one (0.yaml:4) has this name; give another"
    );
}
