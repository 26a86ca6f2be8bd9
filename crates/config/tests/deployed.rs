//! The resources that are delivered as examples: each file is a whole configuration, and all that is said beside it to be
//! there makes it complete.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use config::authentication::{Method, TokenVerification};
use config::dataflow::Credentials;
use config::{Host, Input, Object, ObjectKind, Plan, Text};

const HOST: Host = Host { cores: 4, remembered: None };

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/resources")
}

/// The files of a folder, by name, not those of folders in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn text(path: &Path) -> Text {
    Text { path: path.file_name().unwrap().to_str().unwrap().to_owned(), bytes: fs::read(path).unwrap() }
}

/// What the comments tell to make, where they tell to put it.
fn made() -> Vec<Object> {
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n";
    [
        (ObjectKind::ConfigMap, "configmaps/client-ca", &[("plant.crt", CERTIFICATE)][..]),
        (ObjectKind::ConfigMap, "configmaps/client-crl", &[("plant.crl", "-----BEGIN X509 CRL-----")]),
        (ObjectKind::ConfigMap, "configmaps/auth-server-ca", &[("ca.crt", CERTIFICATE)]),
        (ObjectKind::Secret, "secrets/auth-server-client", &[("tls.crt", CERTIFICATE), ("tls.key", KEY)]),
        (ObjectKind::ConfigMap, "configmaps/headquarters-ca", &[("root_ca.crt", CERTIFICATE)]),
        (ObjectKind::ConfigMap, "configmaps/upstream-ca", &[("root_ca.crt", CERTIFICATE)]),
        (
            ObjectKind::Secret,
            "secrets/headquarters-client",
            &[("client_cert.pem", CERTIFICATE), ("client_key.pem", KEY)],
        ),
        (ObjectKind::Secret, "secrets/headquarters-login", &[("username", "plant-7"), ("password", "hunter2")]),
        (ObjectKind::Secret, "secrets/clients", &[("users", "# nobody yet\n")]),
    ]
    .map(|(kind, path, entries)| Object {
        kind,
        name: path.rsplit('/').next().unwrap().to_owned(),
        path: path.to_owned(),
        entries: entries.iter().map(|(key, content)| ((*key).to_owned(), content.as_bytes().to_vec())).collect(),
    })
    .into()
}

fn sound(texts: Vec<Text>, objects: Vec<Object>) -> Plan {
    let input = Input { texts, objects, in_pod: true, ..Input::default() };
    let plan = Plan::check(&input, &HOST).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(plan.notices.is_empty(), "{:?}", plan.notices);
    plan
}

#[test]
fn the_folder_is_a_configuration() {
    let plan = sound(files(&folder()).iter().map(|path| text(path)).collect(), Vec::new());
    assert_eq!(plan.listeners.len(), 3);
}

#[test]
fn each_method_has_an_example_that_is_complete() {
    let mut shown = BTreeSet::new();
    for path in files(&folder().join("authentication")) {
        let plan = sound(vec![text(&path)], made());
        let [listener] = &plan.listeners[..] else { panic!("{}", path.display()) };
        assert!(listener.tls.is_some(), "{}", path.display());
        let authentication = &plan.authentications[listener.authentication.as_ref().unwrap()];
        for method in &authentication.methods {
            shown.insert(match method {
                Method::ServiceAccountToken(token) => match token.verification {
                    TokenVerification::InCluster => "tokens, asked about",
                    TokenVerification::Kubeconfig { .. } => "tokens, asked about elsewhere",
                    TokenVerification::Offline(_) => "tokens, checked",
                },
                Method::X509(_) => "certificates",
                Method::Custom(_) => "a server",
                Method::Jwt(_) => "JSON Web Tokens",
                Method::UserPassword(_) => "passwords",
            });
        }
    }
    let all = ["JSON Web Tokens", "a server", "certificates", "passwords", "tokens, asked about", "tokens, checked"];
    assert_eq!(shown, BTreeSet::from(all));
}

#[test]
fn authorization_has_an_example_that_is_complete() {
    for path in files(&folder().join("authorization")) {
        let plan = sound(vec![text(&path)], made());
        let name = plan.listeners[0].authorization.as_ref().unwrap();
        assert!(plan.authorizations[name].rules.iter().all(|rule| !rule.broker.is_empty()), "{}", path.display());
    }
}

#[test]
fn each_credential_of_dataflows_has_an_example_that_is_complete() {
    let mut shown = BTreeSet::new();
    for path in files(&folder().join("dataflows")) {
        let plan = sound(vec![text(&path)], made());
        for dataflow in plan.dataflows.values() {
            let ends = [&dataflow.source, &dataflow.destination];
            let remote = ends.into_iter().find(|name| *name != "default").unwrap();
            shown.insert(match &plan.endpoints[remote].credentials {
                Credentials::Anonymous => "nobody",
                Credentials::ServiceAccountToken(_) => "a token",
                Credentials::X509(_) => "a certificate",
                Credentials::SystemAssignedManagedIdentity(_) => "this machine",
                Credentials::UserAssignedManagedIdentity(_) => "an identity",
                Credentials::UsernamePassword(_) => "a password",
            });
        }
    }
    let all = ["nobody", "a token", "a certificate", "this machine", "an identity", "a password"];
    assert_eq!(shown, BTreeSet::from(all));
}

#[test]
fn without_what_has_to_be_made_the_problem_names_it() {
    for (file, missing) in [
        ("authentication/x509.yaml", "configmaps/client-ca"),
        ("authentication/custom.yaml", "secrets/auth-server-client"),
        ("authentication/user-password.yaml", "secrets/clients"),
        ("authorization/telemetry.yaml", "secrets/clients"),
        ("dataflows/x509.yaml", "secrets/headquarters-client"),
        ("dataflows/x509.yaml", "configmaps/headquarters-ca"),
        ("dataflows/username-password-websockets.yaml", "secrets/headquarters-login"),
    ] {
        let input = Input { texts: vec![text(&folder().join(file))], ..Input::default() };
        let problems = Plan::check(&input, &HOST).unwrap_err().to_string();
        assert!(problems.contains(&format!("directory {missing} ")), "{file}: {problems}");
    }
}
