//! Every field of BrokerAuthentication and BrokerAuthorization, and what comes of them.

use serde_json::{Value, json};

use super::fields::{Carried, Changed, Ignored, Refused, Row, assert_outcome, check};
use super::{explained, refused, resources, sound};
use crate::authentication::{KeyPlace, Keys, Method, TokenPlace, TokenVerification, TrustBundle};
use crate::authorization::{BrokerResource, StoreKeys};
use crate::{Input, Object, ObjectKind, Plan};

fn authentication() -> Value {
    json!({"authenticationMethods": [
        {
            "method": "ServiceAccountToken",
            "serviceAccountTokenSettings": {
                "audiences": ["aio-internal"], "kubeconfigSecretRef": "all-1", "kubeconfigContext": "plant"
            }
        },
        {
            "method": "ServiceAccountToken",
            "serviceAccountTokenSettings": {
                "audiences": ["aio-internal"],
                "offline": {
                    "issuer": "https://issuer.example", "jwksEndpoint": "https://keys.example/jwks",
                    "caCertConfigMap": "ca-1", "attributes": {"site": "claims.site"}, "leewaySeconds": 10
                }
            }
        },
        {
            "method": "ServiceAccountToken",
            "serviceAccountTokenSettings": {
                "audiences": ["aio-internal"], "offline": {"issuer": "issuer", "jwksConfigMap": "ca-1"}
            }
        },
        {
            "method": "X509",
            "x509Settings": {
                "trustedClientCaCert": "ca-1", "crlConfigMap": "ca-1", "additionalValidation": "None",
                "authorizationAttributes": {"NAME": {"subject": "CN = a", "attributes": {"site": "north"}}}
            }
        },
        {
            "method": "Custom",
            "customSettings": {
                "endpoint": "https://auth.example", "caCertConfigMap": "ca-1", "headers": {"key": "hunter2"},
                "auth": {"x509": {"secretRef": "pem-1"}}, "timeoutSeconds": 3
            }
        },
        {
            "method": "Jwt",
            "jwtSettings": {
                "issuer": "https://issuer.example", "audiences": ["mqtt"], "jwksEndpoint": "https://keys.example/jwks",
                "caCertConfigMap": "ca-1", "refreshSeconds": 60, "usernameClaim": "name",
                "attributes": {"site": "site"}, "leewaySeconds": 10, "tokenPlaces": ["Password"]
            }
        },
        {"method": "Jwt", "jwtSettings": {"issuer": "issuer", "audiences": ["mqtt"], "jwksConfigMap": "ca-1"}},
        {"method": "Jwt", "jwtSettings": {"issuer": "issuer", "audiences": ["mqtt"], "hsSecretRef": "all-1"}},
        {"method": "UserPassword", "userPasswordSettings": {"passwordSecretRef": "all-1"}}
    ]})
}

pub(super) fn authentication_rows() -> Vec<Row> {
    vec![
        ("authenticationMethods[8].method", json!("Password"), Refused),
        ("authenticationMethods[0].serviceAccountTokenSettings.audiences[0]", json!("other"), Changed),
        ("authenticationMethods[0].serviceAccountTokenSettings.kubeconfigSecretRef", json!("all-2"), Changed),
        ("authenticationMethods[0].serviceAccountTokenSettings.kubeconfigContext", json!("other"), Changed),
        ("authenticationMethods[1].serviceAccountTokenSettings.offline.issuer", json!("https://other"), Changed),
        ("authenticationMethods[2].serviceAccountTokenSettings.offline.jwksConfigMap", json!("ca-2"), Changed),
        ("authenticationMethods[1].serviceAccountTokenSettings.offline.jwksEndpoint", json!("https://other"), Changed),
        ("authenticationMethods[1].serviceAccountTokenSettings.offline.caCertConfigMap", json!("ca-2"), Changed),
        ("authenticationMethods[1].serviceAccountTokenSettings.offline.attributes.site", json!("place"), Changed),
        ("authenticationMethods[1].serviceAccountTokenSettings.offline.leewaySeconds", json!(11), Changed),
        ("authenticationMethods[3].x509Settings.trustedClientCaCert", json!("ca-2"), Changed),
        ("authenticationMethods[3].x509Settings.crlConfigMap", json!("ca-2"), Changed),
        ("authenticationMethods[3].x509Settings.additionalValidation", json!("AzureDeviceRegistry"), Refused),
        ("authenticationMethods[3].x509Settings.authorizationAttributes.NAME.subject", json!("CN = b"), Changed),
        ("authenticationMethods[3].x509Settings.authorizationAttributes.NAME.attributes.site", json!("south"), Changed),
        ("authenticationMethods[4].customSettings.endpoint", json!("https://other"), Changed),
        ("authenticationMethods[4].customSettings.caCertConfigMap", json!("ca-2"), Changed),
        ("authenticationMethods[4].customSettings.auth.x509.secretRef", json!("pem-2"), Changed),
        ("authenticationMethods[4].customSettings.headers", json!({"other": "hunter2"}), Changed),
        ("authenticationMethods[4].customSettings.timeoutSeconds", json!(4), Changed),
        ("authenticationMethods[5].jwtSettings.issuer", json!("https://other"), Changed),
        ("authenticationMethods[5].jwtSettings.audiences[0]", json!("other"), Changed),
        ("authenticationMethods[6].jwtSettings.jwksConfigMap", json!("ca-2"), Changed),
        ("authenticationMethods[5].jwtSettings.jwksEndpoint", json!("https://other"), Changed),
        ("authenticationMethods[7].jwtSettings.hsSecretRef", json!("all-2"), Changed),
        ("authenticationMethods[5].jwtSettings.caCertConfigMap", json!("ca-2"), Changed),
        ("authenticationMethods[5].jwtSettings.refreshSeconds", json!(61), Changed),
        ("authenticationMethods[5].jwtSettings.usernameClaim", json!("sub"), Changed),
        ("authenticationMethods[5].jwtSettings.attributes.site", json!("place"), Changed),
        ("authenticationMethods[5].jwtSettings.leewaySeconds", json!(11), Changed),
        ("authenticationMethods[5].jwtSettings.tokenPlaces[0]", json!("OAUTH2-JWT"), Changed),
        ("authenticationMethods[8].userPasswordSettings.passwordSecretRef", json!("all-2"), Changed),
        ("provisioningState", json!("Succeeded"), Ignored),
        ("healthState", json!("Available"), Ignored),
        ("status", json!({}), Ignored),
    ]
}

fn authorization() -> Value {
    json!({"authorizationPolicies": {
        "cache": "Enabled",
        "deniedPublish": "Acknowledge",
        "rules": [{
            "principals": {"usernames": ["ann"], "clientIds": ["a"], "attributes": [{"site": "north"}]},
            "brokerResources": [
                {"method": "Connect", "clientIds": ["a*"]},
                {"method": "Publish", "topics": ["a/#"]},
                {"method": "Subscribe", "topics": ["b/+"]}
            ],
            "stateStoreResources": [{"method": "Read", "keyType": "Pattern", "keys": ["a*"]}]
        }]
    }})
}

pub(super) fn authorization_rows() -> Vec<Row> {
    const STORE: &str = "authorizationPolicies.rules[0].stateStoreResources[0]";
    let store = |name: &str| &*format!("{STORE}.{name}").leak();
    vec![
        ("authorizationPolicies.cache", json!("Disabled"), Changed),
        ("authorizationPolicies.deniedPublish", json!("Disconnect"), Changed),
        ("authorizationPolicies.rules[0].principals.usernames[0]", json!("bob"), Changed),
        ("authorizationPolicies.rules[0].principals.clientIds[0]", json!("b"), Changed),
        ("authorizationPolicies.rules[0].principals.attributes[0].site", json!("south"), Changed),
        ("authorizationPolicies.rules[0].brokerResources[1].method", json!("Subscribe"), Changed),
        ("authorizationPolicies.rules[0].brokerResources[0].clientIds[0]", json!("b*"), Changed),
        ("authorizationPolicies.rules[0].brokerResources[1].topics[0]", json!("c/#"), Changed),
        (store("method"), json!("Write"), Carried),
        (store("keyType"), json!("String"), Carried),
        (store("keys[0]"), json!("b*"), Carried),
        ("provisioningState", json!("Succeeded"), Ignored),
        ("healthState", json!("Available"), Ignored),
        ("status", json!({}), Ignored),
    ]
}

#[test]
fn every_field_of_broker_authentication_has_its_effect() {
    for row in authentication_rows() {
        assert_outcome("BrokerAuthentication", &authentication(), row);
    }
}

#[test]
fn every_field_of_broker_authorization_has_its_effect() {
    for row in authorization_rows() {
        assert_outcome("BrokerAuthorization", &authorization(), row);
    }
}

fn methods(plan: &Plan) -> &[Method] {
    &plan.authentications["default"].methods
}

#[test]
fn methods_are_in_the_order_of_the_text_with_what_they_need() {
    let plan = check("BrokerAuthentication", &authentication()).unwrap();
    let [Method::ServiceAccountToken(by_kubeconfig), Method::ServiceAccountToken(by_keys), ..] = methods(&plan) else {
        panic!("{:?}", methods(&plan));
    };
    let TokenVerification::Kubeconfig { file, context } = &by_kubeconfig.verification else { panic!() };
    assert_eq!((file.name.as_str(), file.content.reveal()), ("secrets/all-1/kubeconfig", &b"{}"[..]));
    assert_eq!(context.as_deref(), Some("plant"));
    let TokenVerification::Offline(offline) = &by_keys.verification else { panic!() };
    let Keys::Remote(keys) = &offline.keys else { panic!() };
    assert_eq!(keys.place, KeyPlace::Address("https://keys.example/jwks".to_owned()));
    assert_eq!((keys.refresh.as_secs(), offline.leeway.as_secs()), (3600, 10));
    let Some(TrustBundle::Files(files)) = &keys.authorities else { panic!() };
    // Only the key that holds certificates counts.
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["configmaps/ca-1/ca.crt"]);
    let [
        ..,
        Method::X509(x509),
        Method::Custom(custom),
        Method::Jwt(_),
        Method::Jwt(by_file),
        Method::Jwt(by_secret),
        _,
    ] = methods(&plan)
    else {
        panic!("{:?}", methods(&plan));
    };
    // Each key of revocation lists counts, also one that looks like none.
    assert_eq!(x509.revocation_lists.len(), 2);
    assert_eq!(custom.headers["key"].reveal(), "hunter2");
    assert_eq!(custom.deadline.as_secs(), 3);
    assert_eq!(custom.identity.as_ref().map(|pair| pair.name.as_str()), Some("secrets/pem-1"));
    assert!(matches!(&by_file.keys, Keys::File(file) if file.name == "configmaps/ca-1/jwks.json"));
    assert!(matches!(&by_secret.keys, Keys::Secret(secret) if secret.reveal().ends_with(b"-1")));
}

#[test]
fn what_is_left_out_is_at_its_default() {
    let spec = json!({"authenticationMethods": [
        {"method": "Jwt", "jwtSettings": {"issuer": "https://issuer.example", "audiences": ["mqtt"]}},
        {"method": "Custom", "customSettings": {"endpoint": "https://auth.example"}},
        {"method": "X509"}
    ]});
    let plan = check("BrokerAuthentication", &spec).unwrap();
    let [Method::Jwt(jwt), Method::Custom(custom), Method::X509(x509)] = methods(&plan) else { panic!() };
    let Keys::Remote(keys) = &jwt.keys else { panic!() };
    assert_eq!((&keys.place, &keys.authorities, keys.refresh.as_secs()), (&KeyPlace::Discovery, &None, 3600));
    assert_eq!((jwt.leeway.as_secs(), jwt.username_claim.as_str(), jwt.attributes.len()), (60, "sub", 0));
    let enhanced = |name: &str| TokenPlace::Enhanced(name.to_owned());
    assert_eq!(jwt.places, [enhanced("OAUTH2-JWT"), enhanced("CUSTOM-JWT"), TokenPlace::Password]);
    assert_eq!((custom.deadline.as_secs(), &custom.authorities, &custom.identity), (5, &None, &None));
    let TrustBundle::Files(files) = &x509.authorities else { panic!() };
    assert_eq!(files[0].name, "configmaps/client-ca/ca.crt");
    let path = "BrokerAuthentication/default authenticationMethods[2].x509Settings.trustedClientCaCert";
    assert_eq!(explained(&plan, path), "client-ca (default)");
    let path = "BrokerAuthentication/default authenticationMethods[0].jwtSettings.usernameClaim";
    assert_eq!(explained(&plan, path), "sub (default)");
    let authorization = json!({"authorizationPolicies": {}});
    let plan = check("BrokerAuthorization", &authorization).unwrap();
    assert!(plan.authorizations["default"].rules.is_empty());
    let told: Vec<String> = plan.notices.iter().map(ToString::to_string).collect();
    assert!(told.iter().any(|told| told.contains("nobody may do anything")), "{told:?}");
}

#[test]
fn no_secret_is_printed_or_explained() {
    let plan = check("BrokerAuthentication", &authentication()).unwrap();
    let values: Vec<String> = plan.values.iter().map(|value| format!("{value:?}")).collect();
    let told = format!("{plan:?}{values:?}");
    for secret in ["hunter2", "0123456789abcdef", "-----BEGIN", "# nobody"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    let path = "BrokerAuthentication/default authenticationMethods[4].customSettings.headers.key";
    assert!(explained(&plan, path).starts_with("(not shown) ("));
}

fn resource(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

#[test]
fn the_own_authority_is_trusted_by_the_name_that_the_model_gives_it() {
    let x509 = "{authenticationMethods: [{method: X509, x509Settings: \
                {trustedClientCaCert: azure-iot-operations-aio-ca-trust-bundle}}]}";
    let input = resources(&[&resource("BrokerAuthentication", "default", x509)]);
    let trusted = |input: &Input| {
        let plan = sound(input);
        let [Method::X509(x509)] = methods(&plan) else { panic!() };
        x509.authorities.clone()
    };
    assert_eq!(trusted(&input), TrustBundle::Own);
    let bundle = Object {
        kind: ObjectKind::ConfigMap,
        name: "azure-iot-operations-aio-ca-trust-bundle".to_owned(),
        path: "configmaps/bundle".to_owned(),
        entries: [("ca.crt".to_owned(), b"-----BEGIN CERTIFICATE-----".to_vec())].into(),
    };
    let defined = Input { objects: vec![bundle.clone()], ..input.clone() };
    assert!(matches!(trusted(&defined), TrustBundle::Files(_)));
    // One that is there and empty is no reason to trust another.
    let empty = Input { objects: vec![Object { entries: Default::default(), ..bundle }], ..input };
    assert!(refused(&empty).to_string().contains("is empty"));
}

#[test]
fn in_a_pod_the_cluster_is_asked_elsewhere_one_has_to_be_named() {
    let spec = "{authenticationMethods: [{method: ServiceAccountToken, \
                serviceAccountTokenSettings: {audiences: [aio-internal]}}]}";
    let input = resources(&[&resource("BrokerAuthentication", "default", spec)]);
    assert!(
        refused(&input).to_string().contains("kubeconfigSecretRef is missing, as is offline: ")
            || refused(&input).to_string().contains("kubeconfigSecretRef: is missing, as is offline")
    );
    let plan = sound(&Input { in_pod: true, ..input });
    let [Method::ServiceAccountToken(sat)] = methods(&plan) else { panic!() };
    assert_eq!(sat.verification, TokenVerification::InCluster);
}

#[test]
fn a_shared_secret_ends_where_its_text_does() {
    let spec =
        "{authenticationMethods: [{method: Jwt, jwtSettings: {issuer: a, audiences: [b], hsSecretRef: shared}}]}";
    let text = resource("BrokerAuthentication", "default", spec);
    let with = |secret: &[u8]| {
        let objects = vec![Object {
            kind: ObjectKind::Secret,
            name: "shared".to_owned(),
            path: "secrets/shared".to_owned(),
            entries: [("secret".to_owned(), secret.to_vec())].into(),
        }];
        Plan::check(&Input { objects, ..resources(&[&text]) }, &super::HOST)
    };
    let length = |secret: &[u8]| {
        let plan = with(secret).unwrap_or_else(|problems| panic!("{problems}"));
        let [Method::Jwt(jwt)] = methods(&plan) else { panic!() };
        let Keys::Secret(secret) = &jwt.keys else { panic!() };
        secret.reveal().len()
    };
    assert_eq!(length(&[b'a'; 32]), 32);
    assert_eq!(length(&[&[b'a'; 32][..], b"\r\n"].concat()), 32);
    assert_eq!(length(&[&[0xff; 31][..], b"\n"].concat()), 32);
    assert!(with(&[&[b'a'; 31][..], b"\n"].concat()).is_err());
}

#[test]
fn rules_are_numbered_and_decoded_as_they_stand() {
    let spec = json!({"authorizationPolicies": {"rules": [
        {"principals": {"usernames": ["a"]}, "brokerResources": [{"method": "Connect", "topics": []}]},
        {
            "principals": {"clientIds": ["b"]},
            "brokerResources": [{"method": "Publish", "topics": ["#"], "clientIds": []}],
            "stateStoreResources": [
                {"method": "ReadWrite", "keyType": "Binary", "keys": ["AAEC"]},
                {"method": "Read", "keyType": "String", "keys": ["k*"]}
            ]
        }
    ]}});
    let plan = check("BrokerAuthorization", &spec).unwrap();
    let authorization = &plan.authorizations["default"];
    assert_eq!(authorization.rules[0].broker, [BrokerResource::Connect { client_ids: Vec::new() }]);
    assert_eq!(authorization.rules[1].broker, [BrokerResource::Publish { topics: vec!["#".to_owned()] }]);
    let keys: Vec<&StoreKeys> = authorization.rules[1].state_store.iter().map(|resource| &resource.keys).collect();
    assert_eq!(keys, [&StoreKeys::Exact(vec![vec![0, 1, 2]]), &StoreKeys::Exact(vec![b"k*".to_vec()])]);
    let place = "authorizationPolicies.rules[1].brokerResources[0].topics[0]";
    assert_eq!(authorization.place.of(place), format!("r.json:1 spec.{place}"));
}
