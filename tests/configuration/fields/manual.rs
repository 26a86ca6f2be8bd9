//! `tls.manual.secretRef`: the certificate that somebody else puts there.

use std::os::unix::fs::symlink;
use std::path::Path;

use causeway_tests::deadline::eventually;
use causeway_tests::leaf::Leaf;
use causeway_tests::pki::{Pair, TestAuthority};
use causeway_tests::{Client, Connect, Resources, Settings, tls};

use super::served::{Served, V, refused_listener};

fn plant(secret: &str) -> String {
    format!("ports:\n- port: 0\n  tls:\n    mode: Manual\n    manual:\n      secretRef: {secret}\n")
}

/// A Secret as Kubernetes mounts it: all of it changes with one link.
fn mount(resources: &Resources, version: &str, pair: &Pair) {
    let secrets = resources.path().join("secrets");
    let folder = secrets.join(format!("..{version}"));
    std::fs::create_dir_all(&folder).expect("a folder for a certificate");
    std::fs::write(folder.join("tls.crt"), &pair.chain).expect("a certificate");
    std::fs::write(folder.join("tls.key"), &pair.key).expect("a key");
    let next = secrets.join("..next");
    symlink(&folder, &next).expect("a link");
    std::fs::rename(&next, secrets.join("server")).expect("the link in its place");
}

/// A certificate with the one of the intermediate authority that signed it.
fn chain(below: &TestAuthority, name: &str) -> Pair {
    let Pair { chain, key } = below.server(name);
    Pair { chain: chain + &below.certificate, key }
}

fn shown(served: &Served, ca: &Path) -> Vec<Leaf> {
    let chain = tls::shown(served.address("plant/0"), ca).expect("a handshake");
    chain.iter().map(|certificate| Leaf::read(certificate)).collect()
}

#[test]
pub fn secret_ref() {
    let (root, resources) = (TestAuthority::new("root"), Resources::new());
    let below = root.intermediate("below the root");
    let ca = resources.path().join("root.pem");
    std::fs::write(&ca, &root.certificate).expect("a CA file");
    mount(&resources, "first", &chain(&below, "first"));
    resources.listener("plant", &plant("server"));
    let served = Served::from(resources, Settings::new().mqtt("off"));
    // Who trusts the root alone needs the whole chain.
    let first = shown(&served, &ca);
    assert_eq!(first.len(), 2);
    assert_eq!((first[0].subject.as_str(), first[1].subject.as_str()), ("CN=first", "CN=below the root"));

    let config = tls::config(&ca, rustls::ALL_VERSIONS, &[]);
    let stream = tls::connect(served.address("plant/0"), config, "localhost").expect("a handshake");
    let mut client = Client::over(Box::new(stream), V);
    assert_eq!(client.connect(&Connect::fresh(V)).code, 0);
    // Nobody says so, and nobody is sent away.
    mount(&served.resources, "second", &chain(&below, "second"));
    eventually("the new certificate is shown", || (shown(&served, &ca)[0].subject == "CN=second").then_some(()));
    client.quiet();

    // A key that is another's changes nothing.
    let wrong = Pair { chain: below.server("third").chain, key: below.server("fourth").key };
    mount(&served.resources, "third", &wrong);
    let rejected = || served.metric("causeway_configuration_rejected", "");
    eventually("it is refused", || (rejected() == Some(1.0)).then_some(()));
    assert_eq!(shown(&served, &ca)[0].subject, "CN=second");
    assert!(!served.broker.log().contains("PRIVATE KEY"));

    // Another Secret is another certificate.
    let pair = root.server("other");
    let entries = [("tls.crt", pair.chain.as_bytes()), ("tls.key", pair.key.as_bytes())];
    served.apply(|resources| {
        resources.secret("other", &entries);
        resources.listener("plant", &plant("other"));
    });
    assert_eq!(shown(&served, &ca)[0].subject, "CN=other");
    client.quiet();
    let told = refused_listener(&plant("nowhere"));
    assert!(told.contains("spec.ports[0].tls.manual.secretRef") && told.contains("nowhere"), "{told}");
}

/// As a manifest, too.
#[test]
fn a_secret_may_be_a_manifest() {
    let (root, resources) = (TestAuthority::new("root"), Resources::new());
    let ca = resources.path().join("root.pem");
    std::fs::write(&ca, &root.certificate).expect("a CA file");
    let pair = root.server("written");
    let text = |pem: &str| pem.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let manifest = format!(
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: server\nstringData:\n  tls.crt: |\n{}  tls.key: |\n{}",
        text(&pair.chain),
        text(&pair.key)
    );
    resources.write("secret.yaml", &manifest);
    resources.listener("plant", &plant("server"));
    let served = Served::from(resources, Settings::new().mqtt("off"));
    assert_eq!(shown(&served, &ca)[0].subject, "CN=written");
}
