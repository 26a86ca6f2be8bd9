//! `renewBefore` and `privateKey.rotationPolicy`: when a certificate is renewed, and whether its key is another one then.

use causeway_tests::deadline::eventually;
use causeway_tests::leaf::Leaf;
use causeway_tests::{Client, Connect, tls};

use super::served::{Served, V, refused_listener};

fn port(fields: &str) -> String {
    format!(
        "- port: 0\n  tls:\n    mode: Automatic\n    certManagerCertificateSpec:\n      duration: 1h\n      issuerRef: \
         {{kind: Issuer, name: azure-iot-operations-aio-certificate-issuer}}\n{fields}"
    )
}

/// Renewed two seconds after it was made.
const SOON: &str = "      renewBefore: 59m58s\n";
const LATE: &str = "      renewBefore: 1m\n";

fn policy(policy: &str) -> String {
    format!("      privateKey: {{rotationPolicy: {policy}}}\n")
}

fn shown(served: &Served, name: &str) -> Leaf {
    let chain = tls::shown(served.address(name), &served.broker.ca_file()).expect("a handshake");
    Leaf::read(&chain[0])
}

fn renewals(served: &Served, name: &str) -> Option<f64> {
    served.metric("causeway_certificate_renewals_total", &format!("listener=\"{name}\""))
}

#[test]
pub fn renew_before() {
    let served = Served::at(&format!("ports:\n{}{}", port(SOON), port(LATE)));
    let (soon, late) = (shown(&served, "plant/0"), shown(&served, "plant/0-2"));
    let config = tls::config(&served.broker.ca_file(), rustls::ALL_VERSIONS, &[]);
    let stream = tls::connect(served.address("plant/0"), config, "localhost").expect("a handshake");
    let mut client = Client::over(Box::new(stream), V);
    assert_eq!(client.connect(&Connect::fresh(V)).code, 0);
    eventually("it is renewed again and again", || (renewals(&served, "plant/0") >= Some(2.0)).then_some(()));
    assert_ne!(shown(&served, "plant/0").serial, soon.serial);
    assert_eq!((shown(&served, "plant/0-2").serial, renewals(&served, "plant/0-2")), (late.serial, Some(0.0)));
    client.quiet();
    // Another moment is the same certificate, if that has not come.
    let calm = shown(&served, "plant/0-2");
    served.apply(|resources| {
        resources.listener("plant", &format!("ports:\n{}{}", port(LATE), port("      renewBefore: 2m\n")));
    });
    assert_eq!(shown(&served, "plant/0-2").serial, calm.serial);
    client.quiet();
    for wrong in ["      renewBefore: 1h\n", "      renewBefore: 0s\n"] {
        let told = refused_listener(&format!("ports:\n{}", port(wrong)));
        assert!(told.contains("certManagerCertificateSpec.renewBefore"), "{told}");
    }
}

#[test]
pub fn rotation_policy() {
    let (always, never) = (port(&(SOON.to_string() + &policy("Always"))), port(&(SOON.to_string() + &policy("Never"))));
    let served = Served::at(&format!("ports:\n{always}{never}{}", port(SOON)));
    let renewed = |name: &str| {
        let before = shown(&served, name);
        let after = eventually("another certificate", || {
            let now = shown(&served, name);
            (now.serial != before.serial).then_some(now)
        });
        before.key == after.key
    };
    assert!(!renewed("plant/0"), "Always has kept the key");
    assert!(renewed("plant/0-2"), "Never has made another key");
    assert!(!renewed("plant/0-3"), "the default is Always");
    let told = refused_listener(&format!("ports:\n{}", port(&policy("Sometimes"))));
    assert!(told.contains("certManagerCertificateSpec.privateKey.rotationPolicy"), "{told}");
}

/// Also over a restart: what is stored is taken up, and its key stays where it is to stay.
#[test]
fn a_restart_takes_up_what_is_stored() {
    let never = port(&(LATE.to_string() + &policy("Never")));
    let mut served = Served::at(&format!("ports:\n{never}"));
    let first = shown(&served, "plant/0");
    served.broker.restart();
    assert_eq!(shown(&served, "plant/0"), first);
    // Another name needs another certificate, of the same key.
    served.resources.listener("plant", &format!("serviceName: other\nports:\n{never}"));
    served.broker.restart();
    let second = shown(&served, "plant/0");
    assert_eq!(second.key, first.key);
    assert_ne!(second.serial, first.serial);
}
