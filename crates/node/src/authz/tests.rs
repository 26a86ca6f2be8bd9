//! Decisions over resource files.

use std::fs;
use std::path::Path;

use auth::Principal;
use clap::Parser;

use super::{CannotSay, Claims, Decision, explain};
use crate::arguments::{Arguments, AuthzErrand, Errand, ExplainAccess};

const RESOURCES: &str = r##"
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: {name: default}
spec:
  serviceType: ClusterIp
  ports:
  - {port: 18831, authenticationRef: people, authorizationRef: plant}
  - {port: 18832}
---
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerListener
metadata: {name: other}
spec:
  serviceType: LoadBalancer
  ports:
  - {port: 18833, authenticationRef: people, authorizationRef: plant}
---
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthentication
metadata: {name: people}
spec:
  authenticationMethods:
  - method: Jwt
    jwtSettings: {issuer: "https://issuer", audiences: [broker], hsSecretRef: shared}
---
apiVersion: v1
kind: Secret
metadata: {name: shared}
stringData: {secret: 0123456789abcdef0123456789abcdef}
---
apiVersion: mqttbroker.iotoperations.azure.com/v1
kind: BrokerAuthorization
metadata: {name: plant}
spec:
  authorizationPolicies:
    rules:
    - principals:
        usernames: [ann]
        attributes:
        - {building: "17"}
      brokerResources:
      - method: Connect
        clientIds: ["pump*"]
      - method: Publish
        topics: ["x", "telemetry/{principal.clientId}/#"]
      - method: Subscribe
        topics: ["commands/{principal.attributes.building}/+"]
"##;

fn resources(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), text.trim_start()).unwrap();
    folder
}

/// The errand as it is written on the command line.
fn asked(resources: &Path, line: &[&str]) -> Result<ExplainAccess, String> {
    let before = ["causeway", "authz", "explain", "--resources", resources.to_str().unwrap()];
    let parsed = Arguments::try_parse_from(before.iter().chain(line)).map_err(|error| error.to_string())?;
    let Some(Errand::Authz(authz)) = parsed.errand else { panic!("no errand") };
    let AuthzErrand::Explain(asked) = authz.errand;
    Ok(asked)
}

fn said(line: &[&str]) -> (Decision, String) {
    let folder = resources(RESOURCES);
    let (decision, text) = explain(asked(folder.path(), line).unwrap()).unwrap();
    (decision, text.replace(folder.path().to_str().unwrap(), "DIR"))
}

fn unsaid(text: &str, line: &[&str]) -> String {
    let folder = resources(text);
    explain(asked(folder.path(), line).unwrap()).unwrap_err().to_string()
}

#[test]
fn the_rule_that_allows_is_printed_with_its_place() {
    let line = ["--listener", "other", "--as", "client-id=pump7,username=ann", "publish", "telemetry/pump7/a"];
    let at = "authorizationPolicies.rules[0].brokerResources[1].topics[1]";
    let expected = format!(
        "client \"pump7\", username \"ann\", on listener other/18833\n\
         publish to telemetry/pump7/a: allowed: BrokerAuthorization plant, {at}: telemetry/{{principal.clientId}}/#\n  \
         at DIR/all.yaml:45 spec.{at}\n"
    );
    assert_eq!(said(&line), (Decision::Allowed, expected));
    let line = ["--listener=default/18831", "--as=client-id=pump7", "--as=attributes.building=17"];
    let (decision, text) = said(&[&line[..], &["subscribe", "$share/g/commands/17/a"]].concat());
    assert!(decision == Decision::Allowed && text.contains("topics[0]: commands/{principal.attributes.building}/+"));
}

#[test]
fn who_may_not_connect_may_do_nothing() {
    let as_valve = ["--listener=other", "--as=client-id=valve,username=ann"];
    let (decision, text) = said(&[&as_valve[..], &["publish", "x"]].concat());
    let denied = "connect: denied: BrokerAuthorization plant: of the rules for this client (0) none allows it\n";
    assert!(text.contains("publish to x: allowed") && text.ends_with(denied), "{text}");
    assert_eq!(decision, Decision::Denied);
    let (decision, text) = said(&[&as_valve[..], &["connect"]].concat());
    assert_eq!((decision, text.matches(denied).count()), (Decision::Denied, 1), "{text}");
}

#[test]
fn what_no_rule_allows_is_denied() {
    let denied = |line: &[&str]| {
        let (decision, text) = said(&[&["--listener=other"], line].concat());
        assert_eq!(decision, Decision::Denied, "{text}");
        text
    };
    denied(&["--as=client-id=pump7,username=ann", "publish", "telemetry/pump8/a"]);
    denied(&["--as=client-id=pump7,username=ann", "subscribe", "commands/17/+"]);
    denied(&["--as=client-id=pump7,attributes.building=17", "subscribe", "commands/#"]);
    let text = denied(&["--as=client-id=pump7,username=ben", "connect"]);
    assert!(text.contains("no rule's principals include this client"), "{text}");
    // Without rules, too.
    let line = ["--listener=default/18832", "--as=client-id=a", "publish", "$SYS/a"];
    assert_eq!(said(&line).0, Decision::Denied);
    let line = ["--listener=default/18832", "--as=client-id=a", "publish", "a"];
    assert_eq!(said(&line).0, Decision::Allowed);
}

#[test]
fn what_cannot_be_said_is_not_guessed() {
    let ann = "--as=client-id=pump7,username=ann";
    let which = unsaid(RESOURCES, &[ann, "connect"]);
    assert_eq!(
        which,
        "it depends on the listener; name one with --listener: default/18831, default/18832, other/18833"
    );
    let which = unsaid(RESOURCES, &["--listener=default", ann, "connect"]);
    assert!(which.ends_with("--listener: default/18831, default/18832"), "{which}");
    assert!(
        unsaid(RESOURCES, &["--listener=none", ann, "connect"]).starts_with("there is no listener none; there are")
    );
    let listener = "--listener=other";
    assert!(unsaid(RESOURCES, &[listener, "--as=username=ann", "connect"]).contains("client-id is missing"));
    let twice = [listener, ann, "--as=username=ben", "connect"];
    assert_eq!(unsaid(RESOURCES, &twice), "--as: username is given twice");
    assert!(unsaid(RESOURCES, &[listener, ann, "publish", "a/#"]).starts_with("\"a/#\" is no topic: "));
    assert!(unsaid(RESOURCES, &[listener, ann, "subscribe", "a#"]).starts_with("\"a#\" is no topic filter: "));
    // What a broker would refuse decides nothing.
    let dangling = unsaid(&RESOURCES.replace("metadata: {name: plant}", "metadata: {name: mill}"), &[ann, "connect"]);
    assert!(dangling.contains("all.yaml:7") && dangling.contains("plant"), "{dangling}");
    let unknown = unsaid(&RESOURCES.replace("principal.clientId", "principal.id"), &[listener, ann, "connect"]);
    assert!(unknown.contains("authorizationPolicies.rules[0].brokerResources[1].topics[1]"), "{unknown}");
    let nowhere = asked(Path::new("/nowhere/at/all"), &[ann, "connect"]).unwrap();
    assert!(matches!(explain(nowhere).unwrap_err(), CannotSay::Refused(_)));
}

#[test]
fn one_listener_or_the_same_rules_everywhere_need_no_name() {
    let ann = "--as=client-id=pump7,username=ann";
    let folder = resources(&RESOURCES.replace("  - {port: 18832}\n", ""));
    assert_eq!(explain(asked(folder.path(), &[ann, "connect"]).unwrap()).unwrap().0, Decision::Allowed);
}

#[test]
fn claims_are_pairs_whose_values_may_have_commas() {
    let read = |texts: &[&str]| {
        let claims: Vec<Claims> = texts.iter().map(|text| text.parse().unwrap()).collect();
        Claims::principal(&claims).unwrap()
    };
    let principal = read(&["client-id=a,b,username=CN=x,O=y", "attributes.a.b=1=2,,attributes.c="]);
    let attributes = [("a.b".into(), "1=2,".into()), ("c".into(), "".into())].into();
    assert_eq!(principal, Principal { attributes, ..Principal::declared("a,b", Some("CN=x,O=y")) });
    for wrong in ["", "a", "id=a", "attributes.=a", "Username=a"] {
        wrong.parse::<Claims>().unwrap_err();
    }
}
