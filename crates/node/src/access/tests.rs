//! From resources to guards, and from whatever is wrong with them to words with a place.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use auth::Principal;
use auth::authentication::PasswordFile;
use auth::authorization::Action;
use config::{Host, Input, Object, ObjectKind, Plan, Text};
use rcgen::{BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod};
use rcgen::{KeyPair, KeyUsagePurpose, SerialNumber};
use serde_json::{Value, json};

use super::{Ground, Guards, problems};

/// Made once: a hash takes its time.
static USERS: LazyLock<String> = LazyLock::new(|| PasswordFile::put("", "ann", b"hunter2", None).unwrap());

const API: &str = "mqttbroker.iotoperations.azure.com/v1";

/// An authority and an empty revocation list of it, in PEM form.
fn authority() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).unwrap().pem();
    let list = CertificateRevocationListParams {
        this_update: time::OffsetDateTime::now_utc(),
        next_update: time::OffsetDateTime::now_utc() + time::Duration::days(1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&Issuer::new(params, key)).unwrap().pem().unwrap();
    (certificate, list)
}

/// Resources on their way to a plan.
#[derive(Clone)]
struct Written {
    methods: Value,
    rules: Value,
    configmaps: BTreeMap<(&'static str, &'static str), String>,
    secrets: BTreeMap<(&'static str, &'static str), String>,
}

impl Written {
    /// Every method, each without fault.
    fn good() -> Self {
        let (certificate, list) = authority();
        let methods = json!([
            {"method": "ServiceAccountToken", "serviceAccountTokenSettings":
                {"audiences": ["broker"], "offline": {"issuer": "https://cluster", "jwksConfigMap": "keys"}}},
            {"method": "ServiceAccountToken", "serviceAccountTokenSettings":
                {"audiences": ["broker"], "kubeconfigSecretRef": "cluster", "kubeconfigContext": "plant"}},
            {"method": "X509", "x509Settings": {"crlConfigMap": "revoked", "authorizationAttributes":
                {"root": {"subject": "CN = Contoso Root, C = US", "attributes": {"site": "north"}}}}},
            {"method": "Jwt", "jwtSettings": {"issuer": "https://issuer", "audiences": ["broker"],
                "jwksEndpoint": "https://issuer/keys", "caCertConfigMap": "client-ca"}},
            {"method": "Jwt", "jwtSettings": {"issuer": "https://other", "audiences": ["broker"], "hsSecretRef": "shared"}},
            {"method": "UserPassword", "userPasswordSettings": {"passwordSecretRef": "people"}},
            {"method": "Custom", "customSettings": {"endpoint": "https://auth.example",
                "caCertConfigMap": "azure-iot-operations-aio-ca-trust-bundle", "headers": {"x-key": "hunter2"}}},
        ]);
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
        let rules = json!([{
            "principals": {"usernames": ["ann"]},
            "brokerResources": [{"method": "Connect"}, {"method": "Publish", "topics": ["a/{principal.clientId}/#"]}]
        }]);
        Self {
            methods,
            rules,
            configmaps: BTreeMap::from([
                (("client-ca", "ca.crt"), certificate),
                (("revoked", "list.pem"), list),
                (("keys", "jwks.json"), keys.to_string()),
            ]),
            secrets: BTreeMap::from([
                (("cluster", "kubeconfig"), "apiVersion: v1\nkind: Config\n".to_owned()),
                (("shared", "secret"), "hunter2-hunter2-hunter2-hunter2-".to_owned()),
                (("people", "users"), USERS.clone()),
            ]),
        }
    }

    /// A port over TLS with all of it, one without anything.
    fn plan(&self) -> Plan {
        let resource = |kind: &str, name: &str, spec: Value| json!({"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": spec});
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            resource("BrokerListener", "plant", json!({"ports": [
                {"port": 1883},
                {"port": 8883, "authenticationRef": "ways", "authorizationRef": "rules", "tls":
                    {"mode": "Automatic", "certManagerCertificateSpec":
                        {"issuerRef": {"kind": "Issuer", "name": "azure-iot-operations-aio-certificate-issuer"}}}},
            ]})),
            resource("BrokerAuthentication", "ways", json!({"authenticationMethods": self.methods})),
            resource("BrokerAuthorization", "rules", json!({"authorizationPolicies": {"rules": self.rules}})),
        ]});
        let object = |kind, name: &str, key: &str, content: &str| Object {
            kind,
            name: name.to_owned(),
            path: format!("objects/{name}"),
            entries: BTreeMap::from([(key.to_owned(), content.as_bytes().to_vec())]),
        };
        let configmaps =
            self.configmaps.iter().map(|((name, key), content)| object(ObjectKind::ConfigMap, name, key, content));
        let secrets = self.secrets.iter().map(|((name, key), content)| object(ObjectKind::Secret, name, key, content));
        let text = Text { path: "plant.json".to_owned(), bytes: list.to_string().into_bytes() };
        let input = Input { texts: vec![text], objects: configmaps.chain(secrets).collect(), ..Input::default() };
        Plan::check(&input, &Host { cores: 2, remembered: None }).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn problems(&self) -> Vec<String> {
        problems(&self.plan()).iter().map(ToString::to_string).collect()
    }

    fn guards(&self, before: Option<&Guards>, ground: &Ground) -> Guards {
        Guards::compile(&self.plan(), before, ground).unwrap_or_else(|problems| panic!("{problems:?}"))
    }
}

#[test]
fn every_method_and_the_rules_reach_their_port() {
    let ground = Ground::example().unwrap();
    let guards = Written::good().guards(None, &ground);
    let open = guards.policy("plant/1883").unwrap();
    assert!(open.methods().is_none() && open.authorization().is_none() && guards.verifier("plant/1883").is_none());
    let guarded = guards.policy("plant/8883").unwrap();
    assert!(guarded.methods().is_some() && guards.verifier("plant/8883").is_some());
    let ann = Principal::declared("pump", Some("ann"));
    let said = guarded.explain(&ann, Action::Publish("a/pump/1")).to_string();
    assert!(said.contains("allowed: BrokerAuthorization rules"), "{said}");
    assert!(!guarded.explain(&ann, Action::Publish("a/other/1")).is_allowed());
    assert!(guards.policy("plant/1884").is_none() && guards.verifier("plant/1884").is_none());
}

#[test]
fn a_certificate_is_asked_for_where_it_is_a_way_in_and_required_where_it_is_the_only_one() {
    let ground = Ground::example().unwrap();
    let mut written = Written::good();
    assert!(!written.guards(None, &ground).verifier("plant/8883").unwrap().client_auth_mandatory());
    written.methods = json!([{"method": "X509"}]);
    assert!(written.guards(None, &ground).verifier("plant/8883").unwrap().client_auth_mandatory());
    written.methods = json!([{"method": "X509", "x509Settings":
        {"trustedClientCaCert": "azure-iot-operations-aio-ca-trust-bundle"}}]);
    assert!(written.guards(None, &ground).verifier("plant/8883").is_some());
    written.methods = json!([{"method": "UserPassword", "userPasswordSettings": {"passwordSecretRef": "people"}}]);
    assert!(written.guards(None, &ground).verifier("plant/8883").is_none());
}

#[test]
fn what_does_not_change_stays_the_very_same() {
    let ground = Ground::example().unwrap();
    let mut written = Written::good();
    let first = written.guards(None, &ground);
    let verifier = |guards: &Guards| guards.verifier("plant/8883").unwrap();
    let rules = |guards: &Guards| guards.policy("plant/8883").unwrap().authorization().unwrap().clone();

    // Another place in the file, another method beside it, other attributes: nobody trusts anybody else for it.
    written.methods.as_array_mut().unwrap().remove(0);
    written.methods[1]["x509Settings"]["authorizationAttributes"]["root"]["attributes"]["site"] = json!("south");
    let second = written.guards(Some(&first), &ground);
    assert!(Arc::ptr_eq(&verifier(&first), &verifier(&second)) && Arc::ptr_eq(&rules(&first), &rules(&second)));

    written.configmaps.insert(("client-ca", "ca.crt"), authority().0);
    written.configmaps.remove(&("revoked", "list.pem"));
    written.methods[1]["x509Settings"].as_object_mut().unwrap().remove("crlConfigMap");
    written.rules = json!([]);
    let third = written.guards(Some(&second), &ground);
    assert!(!Arc::ptr_eq(&verifier(&second), &verifier(&third)) && !Arc::ptr_eq(&rules(&second), &rules(&third)));
    // As the only method.
    written.methods = json!([{"method": "X509"}]);
    let fourth = written.guards(Some(&third), &ground);
    assert!(!Arc::ptr_eq(&verifier(&third), &verifier(&fourth)));
}

#[test]
fn nothing_is_wrong_with_good_ones() {
    assert_eq!(Written::good().problems(), Vec::<String>::new());
}

#[test]
fn what_is_wrong_is_told_at_its_field_with_its_listener_and_file() {
    type Spoil = fn(&mut Written);
    let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases: &[(Spoil, &str, &str)] = &[
        (
            |w| drop(w.configmaps.insert(("keys", "jwks.json"), "[]".to_owned())),
            "[0].serviceAccountTokenSettings.offline.jwksConfigMap ServiceAccountToken of listener plant/8883: ",
            "configmaps/keys/jwks.json: it is no JSON Web Key Set",
        ),
        (
            |w| drop(w.secrets.insert(("cluster", "kubeconfig"), "[hunter2".to_owned())),
            "[1].serviceAccountTokenSettings.kubeconfigSecretRef ServiceAccountToken of listener plant/8883: ",
            "secrets/cluster/kubeconfig cannot be read as a kubeconfig",
        ),
        (
            |w| drop(w.configmaps.insert(("revoked", "list.pem"), "no list".to_owned())),
            "[2].x509Settings.crlConfigMap X509 of listener plant/8883: ",
            "configmaps/revoked/list.pem is no certificate revocation list",
        ),
        (
            |w| {
                w.methods[2]["x509Settings"]["authorizationAttributes"]["root"]["subject"] = json!("Contoso");
            },
            "[2].x509Settings.authorizationAttributes.root.subject X509 of listener plant/8883: ",
            "\"Contoso\" has no `=`",
        ),
        (
            |w| drop(w.secrets.insert(("people", "users"), "ann:hunter2\n".to_owned())),
            "[5].userPasswordSettings.passwordSecretRef UserPassword of listener plant/8883: ",
            "secrets/people/users: ",
        ),
        (
            |w| w.methods[6]["customSettings"]["headers"] = json!({"host": "hunter2"}),
            "[6].customSettings.headers Custom of listener plant/8883: ",
            "the header host is the broker's own to write",
        ),
    ];
    for (spoil, place, words) in cases {
        let mut written = Written::good();
        spoil(&mut written);
        let told = match std::panic::catch_unwind(|| written.problems()) {
            Ok(told) => told,
            Err(_) => panic!("{place}: refused before it comes here"),
        };
        assert_eq!(told.len(), 1, "{place}: {told:?}");
        assert!(
            told[0].starts_with("plant.json:") && told[0].contains(&format!("authenticationMethods{place}")),
            "{told:?}"
        );
        assert!(told[0].contains(words) && !told[0].contains("hunter2"), "{told:?}");
    }
    let mut written = Written::good();
    written.configmaps.insert(("client-ca", "ca.crt"), garbled.to_owned());
    let told = written.problems();
    // It is whom X509 trusts, and whom Jwt trusts.
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("[2].x509Settings.trustedClientCaCert X509")
            && told[1].contains("[3].jwtSettings.caCertConfigMap")
    );
}

#[test]
fn everything_wrong_with_rules_is_told_at_once() {
    let mut written = Written::good();
    written.rules = json!([
        {"principals": {"usernames": ["{principal.user}"]}, "brokerResources": [{"method": "Connect"}]},
        {"principals": {"clientIds": ["a"]}, "brokerResources": [
            {"method": "Connect", "clientIds": ["a", "*b"]},
            {"method": "Subscribe", "topics": ["a", "b/#/c", "a-{principal.clientId}"]},
        ]},
    ]);
    let told = written.problems();
    let places = [
        "rules[0].principals.usernames[0] {principal.user}: ",
        "rules[1].brokerResources[1].topics[1] b/#/c: ",
        "rules[1].brokerResources[1].topics[2] a-{principal.clientId}: ",
    ];
    assert_eq!(told.len(), places.len(), "{told:#?}");
    for (told, place) in told.iter().zip(places) {
        assert!(
            told.starts_with("plant.json:") && told.contains(&format!("spec.authorizationPolicies.{place}")),
            "{told}"
        );
    }
}

#[test]
fn guards_of_no_port_are_checked_as_well() {
    let mut plan = Written::good().plan();
    plan.listeners.iter_mut().for_each(|listener| (listener.authentication, listener.authorization) = (None, None));
    assert!(problems(&plan).is_empty());
    let mut written = Written::good();
    written.secrets.insert(("people", "users"), "?".to_owned());
    let mut plan = written.plan();
    plan.listeners.iter_mut().for_each(|listener| (listener.authentication, listener.authorization) = (None, None));
    let told = problems(&plan)[0].to_string();
    assert!(told.contains("passwordSecretRef UserPassword: secrets/people/users: "), "{told}");
}

#[test]
fn a_name_that_leads_nowhere_lets_nobody_in() {
    let mut plan = Written::good().plan();
    plan.authentications.clear();
    let told = problems(&plan)[0].to_string();
    assert!(told.starts_with("listener plant/8883 BrokerAuthentication ways: there is none of this name"), "{told}");
}

#[test]
fn who_is_let_in_where_is_said_in_a_sentence() {
    let mut written = Written::good();
    written.methods = json!([{"method": "X509"}, written.methods[5]]);
    let said = super::summary(&written.plan());
    assert_eq!(
        said,
        [
            "listener plant/1883: everybody is let in, and allowed everything",
            "listener plant/8883: BrokerAuthentication ways lets in by X509, then UserPassword (a client certificate is asked \
             for, and not required), and allowed what BrokerAuthorization rules says (1 rule)",
        ]
    );
    written.methods = json!([{"method": "X509"}]);
    assert!(super::summary(&written.plan())[1].contains("by X509 (a client certificate is required), and"));
}
