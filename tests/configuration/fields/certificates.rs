//! `tls.certManagerCertificateSpec`: what the certificate that the broker makes says.

use std::path::Path;
use std::time::{Duration, SystemTime};

use causeway_tests::deadline::{patience, within};
use causeway_tests::leaf::Leaf;
use causeway_tests::resources::resource;
use causeway_tests::{Resources, Settings, tls};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::served::{Served, refused_listener};

/// A port with that certificate.
fn port(spec: &str) -> String {
    let lines: String = spec.lines().map(|line| format!("      {line}\n")).collect();
    format!("- port: 0\n  tls:\n    mode: Automatic\n    certManagerCertificateSpec:\n{ISSUER}{lines}")
}

const ISSUER: &str = "      issuerRef: {kind: ClusterIssuer, name: azure-iot-operations-aio-certificate-issuer}\n";

fn one(spec: &str) -> String {
    format!("ports:\n{}", port(spec))
}

fn shown(served: &Served, name: &str) -> Leaf {
    let chain = tls::shown(served.address(name), &served.broker.ca_file()).expect("a handshake");
    Leaf::read(&chain[0])
}

#[test]
pub fn duration() {
    let before = SystemTime::now();
    let served = Served::at(&one("duration: 1h30m\nrenewBefore: 10m\n"));
    let lasts = |leaf: &Leaf, from: SystemTime, duration: Duration| {
        // Certificates have whole seconds.
        let latest = SystemTime::now() + duration + Duration::from_secs(2);
        assert!((from + duration..latest).contains(&leaf.not_after), "{:?}", leaf.not_after);
    };
    let first = shown(&served, "plant/0");
    lasts(&first, before, Duration::from_secs(5400));
    let (mut client, before) = (secured(&served), SystemTime::now());
    served.apply(|resources| resources.listener("plant", &one("duration: 48h\nrenewBefore: 10m\n")));
    let second = shown(&served, "plant/0");
    lasts(&second, before, Duration::from_secs(48 * 3600));
    assert_ne!(first.serial, second.serial);
    client.quiet();
    // And without a word: 90 days.
    let before = SystemTime::now();
    lasts(&shown(&Served::at(&one("")), "plant/0"), before, Duration::from_secs(2160 * 3600));
    let told = refused_listener(&one("duration: 59s\n"));
    assert!(told.contains("spec.ports[0].tls.certManagerCertificateSpec.duration"), "{told}");
}

fn secured(served: &Served) -> causeway_tests::Client {
    let config = tls::config(&served.broker.ca_file(), rustls::ALL_VERSIONS, &[]);
    let stream = tls::connect(served.address("plant/0"), config, "localhost").expect("a handshake");
    let mut client = causeway_tests::Client::over(Box::new(stream), super::served::V);
    assert_eq!(client.connect(&causeway_tests::Connect::fresh(super::served::V)).code, 0);
    client
}

#[test]
pub fn secret_name() {
    let served = Served::at(&one("secretName: plant-tls\n"));
    let tls = served.broker.data_dir().join("tls");
    let stored = |folder: &str| {
        let file = tls.join(folder).join("tls.crt");
        CertificateDer::from_pem_file(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())).to_vec()
    };
    assert_eq!(stored("plant-tls"), shown(&served, "plant/0").der);
    let ca = std::fs::read(tls.join("plant-tls/ca.crt")).expect("the authority beside it");
    assert_eq!(ca, std::fs::read(served.broker.ca_file()).expect("the authority"));
    assert!(tls.join("plant-tls/tls.key").exists());
    let mut client = secured(&served);
    served.apply(|resources| resources.listener("plant", &one("secretName: other-tls\n")));
    assert_eq!(stored("other-tls"), shown(&served, "plant/0").der);
    client.quiet();
    // Left out it is the listener with its port.
    served.apply(|resources| resources.listener("plant", &one("")));
    assert_eq!(stored("plant-0"), shown(&served, "plant/0").der);
    let told = refused_listener(&format!("{}{}", one("secretName: twice\n"), port("secretName: twice\n")));
    assert!(told.contains("spec.ports[1].tls.certManagerCertificateSpec.secretName"), "{told}");
}

/// The built-in issuer by either kind; any other is a reference to nothing.
#[test]
pub fn issuer_ref() {
    let with = |issuer: &str| {
        format!(
            "ports:\n- port: 0\n  tls:\n    mode: Automatic\n    certManagerCertificateSpec:\n      issuerRef: {{{issuer}}}\n"
        )
    };
    const NAME: &str = "name: azure-iot-operations-aio-certificate-issuer";
    for issuer in [format!("kind: Issuer, {NAME}"), format!("kind: ClusterIssuer, {NAME}, group: cert-manager.io")] {
        let served = Served::at(&with(&issuer));
        shown(&served, "plant/0");
        let kind = served.in_effect("BrokerListener/plant ports[0].tls.certManagerCertificateSpec.issuerRef.kind");
        assert!(issuer.contains(&format!("kind: {},", kind.expect("a kind"))), "{issuer}");
    }
    let refused = |issuer: &str, field: &str| {
        let told = refused_listener(&with(issuer));
        let field = format!("spec.ports[0].tls.certManagerCertificateSpec.issuerRef{field}");
        assert!(told.contains(&field), "{issuer}: {told}");
    };
    refused(&format!("kind: Authority, {NAME}"), ".kind");
    refused("kind: Issuer, name: letsencrypt", ".name");
    refused(&format!("kind: Issuer, {NAME}, group: other.io"), ".group");
    refused("kind: Issuer", " name: is missing");
    refused(NAME, " kind: is missing");
}

#[test]
pub fn alternative_names() {
    let served =
        Served::at(&one("san:\n  dns: [broker.plant.example, '*.plant.example']\n  ip: [192.0.2.7, 'fd00::7']\n"));
    let leaf = shown(&served, "plant/0");
    for name in ["broker.plant.example", "*.plant.example", "localhost"] {
        assert!(leaf.names.iter().any(|n| n == name), "{name}: {:?}", leaf.names);
    }
    for address in ["192.0.2.7", "fd00::7", "127.0.0.1"] {
        assert!(leaf.addresses.iter().any(|a| a.to_string() == address), "{address}: {:?}", leaf.addresses);
    }
    // A client that asks for such a name is served.
    let config = tls::config(&served.broker.ca_file(), rustls::ALL_VERSIONS, &[]);
    for name in ["broker.plant.example", "any.plant.example", "192.0.2.7"] {
        tls::connect(served.address("plant/0"), config.clone(), name).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    assert!(tls::connect(served.address("plant/0"), config, "elsewhere.example").is_err());
    served.apply(|resources| resources.listener("plant", &one("san:\n  dns: [other.example]\n")));
    let leaf = shown(&served, "plant/0");
    assert!(leaf.names.contains(&"other.example".into()) && !leaf.names.contains(&"broker.plant.example".into()));
    assert!(!leaf.addresses.iter().any(|address| address.to_string() == "192.0.2.7"));
    let told = refused_listener(&one("san:\n  dns: ['a b']\n  ip: [300.1.1.1]\n"));
    assert!(told.contains(".san.dns[0]") && told.contains(".san.ip[0]"), "{told}");
}

/// The Service's names, in the resource's namespace.
#[test]
pub fn service_name() {
    let names = |service: &str, namespace: &str| {
        let resources = Resources::new();
        let text = resource("BrokerListener", "plant", &format!("{service}{}", one("")));
        resources.write("plant.yaml", &text.replace("  name: plant\n", &format!("  name: plant\n{namespace}")));
        let served = Served::from(resources, Settings::new().mqtt("off"));
        shown(&served, "plant/0").names
    };
    let has = |names: &[String], service: &str, namespace: &str| {
        let short = format!("{service}.{namespace}");
        let all = [service.to_string(), short.clone(), format!("{short}.svc"), format!("{short}.svc.cluster.local")];
        all.iter().all(|name| names.contains(name))
    };
    let usual = names("", "");
    assert!(has(&usual, "plant", "azure-iot-operations"), "{usual:?}");
    let named = names("serviceName: aio-broker\n", "  namespace: factory\n");
    assert!(has(&named, "aio-broker", "factory") && !named.contains(&"plant".to_string()), "{named:?}");
    // And it changes under who is connected.
    let served = Served::at(&one(""));
    let mut client = secured(&served);
    served.apply(|resources| resources.listener("plant", &format!("serviceName: other\n{}", one(""))));
    let other = shown(&served, "plant/0").names;
    assert!(has(&other, "other", "azure-iot-operations") && !other.contains(&"plant".to_string()), "{other:?}");
    client.quiet();
    assert!(refused_listener("serviceName: No_Name\nports:\n- port: 0\n").contains("spec.serviceName"));
}

fn algorithms(names: &[&str]) -> String {
    let ports: Vec<String> = names.iter().map(|name| port(&format!("privateKey:\n  algorithm: {name}\n"))).collect();
    format!("ports:\n{}", ports.concat())
}

#[test]
pub fn algorithm() {
    const QUICK: [&str; 5] = ["Ec256", "Ec384", "Ec521", "Ed25519", "Rsa2048"];
    let served = Served::at(&algorithms(&QUICK));
    for (number, name) in QUICK.iter().enumerate() {
        let listener = if number == 0 { "plant/0".to_string() } else { format!("plant/0-{}", number + 1) };
        assert_eq!(shown(&served, &listener).algorithm, *name);
    }
    assert_eq!(shown(&Served::at(&one("")), "plant/0").algorithm, "Ec256");
    let told = refused_listener(&algorithms(&["Dsa"]));
    assert!(told.contains("certManagerCertificateSpec.privateKey.algorithm"), "{told}");
}

/// What a broker shows that is asked for one kind of key, which is to stay, and finds one of another or of the same.
fn with_key(asked: &str, found: &str) -> String {
    let (data, resources) = (Resources::new(), Resources::new());
    let folder = data.path().join("tls/plant-0");
    std::fs::create_dir_all(&folder).expect("a folder for the key");
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/identity/src/automatic").join(found);
    std::fs::copy(&key, folder.join("tls.key")).unwrap_or_else(|e| panic!("{}: {e}", key.display()));
    resources.listener("plant", &one(&format!("privateKey: {{algorithm: {asked}, rotationPolicy: Never}}\n")));
    let served = Served::from(resources, Settings::new().mqtt("off").data_dir(data.path()));
    secured(&served).quiet();
    shown(&served, "plant/0").algorithm
}

/// Finding such keys takes up to minutes, so they are there already; one of another kind would not be taken.
#[test]
pub fn algorithm_long_rsa() {
    assert_eq!(with_key("Rsa8192", "rsa_8192.key"), "Rsa8192");
    assert_eq!(with_key("Rsa4096", "rsa_4096.key"), "Rsa4096");
    assert_eq!(with_key("Ec256", "rsa_8192.key"), "Ec256");
}

/// The broker serves with what it has until such a key is found.
#[test]
fn long_rsa_keys_are_made() {
    if std::env::var_os("CAUSEWAY_TEST_LONG").is_none() {
        println!("skipped, because it takes minutes: set CAUSEWAY_TEST_LONG to run it");
        return;
    }
    let served = Served::at(&algorithms(&["Ec256"]));
    for name in ["Rsa4096", "Rsa8192"] {
        served.resources.listener("plant", &algorithms(&[name]));
        served.broker.signal(libc::SIGHUP);
        within(patience() * 30, "the key is made", || (shown(&served, "plant/0").algorithm == name).then_some(()));
        secured(&served).quiet();
    }
}
