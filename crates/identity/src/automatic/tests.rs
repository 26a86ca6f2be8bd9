//! Which certificates are kept and which are issued anew, and handshakes with every kind of key.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tempfile::{TempDir, tempdir};

use super::{AutomaticSettings, Obtained, obtain};
use crate::certificate::Inspected;
use crate::handshake::{TLS12, TLS13, client, connect, terms};
use crate::leaf::Leaf;
use crate::server_tls::Configurations;
use crate::{Authority, IdentityError, KeyAlgorithm, KeyRotation, ServerNames, ServerTls};

/// Made beforehand: making the longer one takes half a minute and more, the other up to ten seconds.
const RSA_4096: &str = include_str!("rsa_4096.key");
const RSA_8192: &str = include_str!("rsa_8192.key");

const HOUR: Duration = Duration::from_secs(3600);

fn settings() -> AutomaticSettings {
    AutomaticSettings {
        folder: "default-8883".to_owned(),
        names: ServerNames::local(Some("gateway")),
        duration: HOUR * 24 * 90,
        renew_before: HOUR * 24 * 30,
        algorithm: KeyAlgorithm::Ec256,
        rotation: KeyRotation::Always,
    }
}

struct Fixture {
    data: TempDir,
    authority: Authority,
    now: SystemTime,
}

impl Fixture {
    fn new() -> Self {
        let (data, now) = (tempdir().unwrap(), SystemTime::now());
        let authority = Authority::open(data.path(), now).unwrap();
        Self { data, authority, now }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data.path().join("default-8883").join(name)
    }

    fn obtain_at(&self, settings: &AutomaticSettings, now: SystemTime) -> Result<Obtained, IdentityError> {
        let folder = settings.pair_folder(&self.authority);
        let found = folder.open(self.authority.certificate(), self.authority.provider())?;
        let obtained = obtain(&self.authority, settings, found, now)?;
        if let Obtained::Issued(leaf) = &obtained {
            folder.store(&leaf.key, &leaf.certificate)?;
        }
        Ok(obtained)
    }

    fn issued(&self, settings: &AutomaticSettings) -> Leaf {
        match self.obtain_at(settings, self.now).unwrap() {
            Obtained::Issued(leaf) => leaf,
            Obtained::Kept(_) => panic!("kept a certificate that does not fit"),
        }
    }

    fn kept_at(&self, settings: &AutomaticSettings, now: SystemTime) -> Leaf {
        match self.obtain_at(settings, now).unwrap() {
            Obtained::Kept(leaf) => leaf,
            Obtained::Issued(_) => panic!("issued a certificate although one is there"),
        }
    }

    fn key_text(&self) -> String {
        fs::read_to_string(self.path("tls.key")).unwrap()
    }
}

fn check_handshakes(algorithm: KeyAlgorithm, key: Option<&str>) {
    let fixture = Fixture::new();
    let rotation = if key.is_some() { KeyRotation::Never } else { KeyRotation::Always };
    let settings = AutomaticSettings { algorithm, rotation, ..settings() };
    if let Some(key) = key {
        fs::create_dir(fixture.path("")).unwrap();
        fs::write(fixture.path("tls.key"), key).unwrap();
    }
    let leaf = fixture.issued(&settings);
    assert!(leaf.key.kind().unwrap().is(algorithm));
    assert_eq!(fixture.kept_at(&settings, fixture.now).certificate, leaf.certificate);
    let provider = fixture.authority.provider();
    let shown = Configurations::new(provider, terms(), leaf.certified()).unwrap();
    let tls = ServerTls::new(shown);
    for versions in [TLS12, TLS13] {
        for name in ["localhost", "gateway", "127.0.0.1", "::1"] {
            let config = Arc::new(client(fixture.authority.ca_certificate(), versions, &["mqtt"]));
            connect(&tls, config, name).unwrap_or_else(|e| panic!("{algorithm:?} {name}: {e}"));
        }
    }
}

#[test]
fn elliptic_keys_of_every_kind_work() {
    for algorithm in [KeyAlgorithm::Ec256, KeyAlgorithm::Ec384, KeyAlgorithm::Ec521, KeyAlgorithm::Ed25519] {
        check_handshakes(algorithm, None);
    }
}

#[test]
fn rsa_keys_of_2048_bits_work() {
    check_handshakes(KeyAlgorithm::Rsa2048, None);
}

#[test]
fn rsa_keys_of_4096_bits_work() {
    check_handshakes(KeyAlgorithm::Rsa4096, Some(RSA_4096));
}

#[test]
fn rsa_keys_of_8192_bits_work() {
    check_handshakes(KeyAlgorithm::Rsa8192, Some(RSA_8192));
}

#[test]
#[ignore = "takes half a minute and more"]
fn long_rsa_keys_are_made() {
    check_handshakes(KeyAlgorithm::Rsa4096, None);
    check_handshakes(KeyAlgorithm::Rsa8192, None);
}

#[test]
fn a_certificate_that_fits_is_kept_until_it_is_due() {
    let fixture = Fixture::new();
    let leaf = fixture.issued(&settings());
    let kept = fixture.kept_at(&settings(), fixture.now + HOUR * 24 * 59);
    assert_eq!(kept.certificate, leaf.certificate);
    for days in [61, 1000] {
        let next = fixture.obtain_at(&settings(), fixture.now + HOUR * 24 * days).unwrap();
        assert!(matches!(next, Obtained::Issued(_)), "after {days} days");
    }
}

#[test]
fn other_settings_mean_another_certificate() {
    let base = settings();
    let names = base.names.clone().and_dns_name("*.plant.example").unwrap().and_address([192, 168, 1, 20].into());
    let others = [
        AutomaticSettings { algorithm: KeyAlgorithm::Ec384, ..base.clone() },
        AutomaticSettings { names, ..base.clone() },
        // Names that are no longer wanted go.
        AutomaticSettings { names: ServerNames::local(None), ..base.clone() },
        AutomaticSettings { duration: HOUR * 24 * 91, ..base.clone() },
        AutomaticSettings { duration: HOUR * 24 * 89, ..base.clone() },
        AutomaticSettings {
            renew_before: base.duration - Duration::from_nanos(1),
            duration: base.duration,
            ..base.clone()
        },
    ];
    for other in &others[..5] {
        let fixture = Fixture::new();
        fixture.issued(&base);
        let leaf = fixture.issued(other);
        fixture.kept_at(other, fixture.now);
        let (dns, addresses) = Inspected::parse(&leaf.certificate).unwrap().alternative_names();
        assert!(other.names.are(&dns, &addresses));
    }
    // Renewed earlier than before: due at once, or when its time comes.
    let fixture = Fixture::new();
    fixture.issued(&base);
    fixture.kept_at(&AutomaticSettings { renew_before: HOUR, ..base.clone() }, fixture.now);
    fixture.obtain_at(&others[5], fixture.now + HOUR).map(|o| assert!(matches!(o, Obtained::Issued(_)))).unwrap();
}

#[test]
fn the_key_is_kept_or_replaced_as_the_rotation_says() {
    for (rotation, stays) in [(KeyRotation::Always, false), (KeyRotation::Never, true)] {
        let fixture = Fixture::new();
        let settings = AutomaticSettings { rotation, ..settings() };
        let leaf = fixture.issued(&settings);
        let key = fixture.key_text();
        // At a renewal while it runs, at a start when it is due, and when only the certificate is gone.
        let next = settings.renew(&fixture.authority, &leaf, fixture.now).unwrap();
        assert_ne!(next.certificate, leaf.certificate);
        assert_eq!(*next.key.to_pem() == key, stays);
        fixture.obtain_at(&settings, fixture.now + HOUR * 24 * 61).unwrap();
        assert_eq!(fixture.key_text() == key, stays);
        fs::remove_file(fixture.path("tls.crt")).unwrap();
        fixture.issued(&settings);
        assert_eq!(fixture.key_text() == key, stays);
        // Another kind of key is another key.
        fixture.issued(&AutomaticSettings { algorithm: KeyAlgorithm::Ed25519, ..settings });
        assert_ne!(fixture.key_text(), key);
    }
}

#[test]
fn what_is_damaged_or_foreign_is_replaced() {
    let damages: &[(&str, &str)] =
        &[("tls.crt", ""), ("tls.crt", "no pem"), ("tls.key", ""), ("tls.key", "no pem"), ("tls.key", RSA_8192)];
    for (name, text) in damages {
        let fixture = Fixture::new();
        fixture.issued(&settings());
        fs::write(fixture.path(name), text).unwrap();
        fixture.issued(&settings());
        fixture.kept_at(&settings(), fixture.now);
    }
    let (fixture, other) = (Fixture::new(), Fixture::new());
    fixture.issued(&settings());
    other.issued(&settings());
    for name in ["tls.crt", "tls.key"] {
        fs::copy(other.path(name), fixture.path(name)).unwrap();
    }
    fixture.issued(&settings());
}

#[test]
fn a_key_that_is_to_stay_is_not_replaced_when_it_is_damaged() {
    let fixture = Fixture::new();
    let settings = AutomaticSettings { rotation: KeyRotation::Never, ..settings() };
    fixture.issued(&settings);
    fs::write(fixture.path("tls.key"), "no pem").unwrap();
    let error = fixture.obtain_at(&settings, fixture.now).unwrap_err().to_string();
    let expected = format!(
        "{} does not hold a private key in PEM form (there is none in it); restore it, or delete tls.crt and tls.key, and new ones \
         are made",
        fixture.path("tls.key").display()
    );
    assert_eq!(error, expected);
    fs::remove_file(fixture.path("tls.key")).unwrap();
    fs::create_dir(fixture.path("tls.key")).unwrap();
    let error = fixture.obtain_at(&settings, fixture.now).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "cannot read {}: it is not a file; make it readable for the user that runs causeway",
            fixture.path("tls.key").display()
        )
    );
}

#[test]
fn a_new_authority_means_new_certificates() {
    let mut fixture = Fixture::new();
    let leaf = fixture.issued(&settings());
    for name in ["ca.crt", "ca.key"] {
        fs::remove_file(fixture.data.path().join(name)).unwrap();
    }
    fixture.authority = Authority::open(fixture.data.path(), fixture.now).unwrap();
    assert_ne!(fixture.issued(&settings()).certificate, leaf.certificate);
    let beside = CertificateDer::from_pem_file(fixture.path("ca.crt")).unwrap();
    assert_eq!(&beside, fixture.authority.certificate());
}

#[test]
fn a_certificate_cut_short_by_the_authority_is_kept_to_its_end() {
    let fixture = Fixture::new();
    let at = fixture.authority.not_after() - HOUR * 24 * 10;
    let Obtained::Issued(leaf) = fixture.obtain_at(&settings(), at).unwrap() else {
        panic!("there was none");
    };
    assert_eq!(leaf.not_after, fixture.authority.not_after());
    assert_eq!(leaf.due(&settings(), &fixture.authority), None);
    fixture.kept_at(&settings(), at + HOUR * 24 * 9);
    let error = fixture.obtain_at(&settings(), at + HOUR * 24 * 11).unwrap_err();
    assert!(matches!(error, IdentityError::AuthorityUnusable { .. }), "{error}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let refusal = |settings: AutomaticSettings| settings.check().unwrap_err().to_string();
    for folder in ["", ".", "..", ".hidden", "a/b", "ca.crt", "ca.key", "a\nb"] {
        assert_eq!(
            refusal(AutomaticSettings { folder: folder.to_owned(), ..settings() }),
            format!(
                "{folder:?} is no name for a certificate's folder; take one without / that does not begin with a dot"
            )
        );
    }
    assert_eq!(
        refusal(AutomaticSettings { names: ServerNames::default(), ..settings() }),
        "a certificate needs at least one DNS name or address"
    );
    assert_eq!(
        refusal(AutomaticSettings { duration: HOUR, renew_before: HOUR, ..settings() }),
        "renewBefore is 3600 seconds, duration 3600; renewBefore must be shorter"
    );
    settings().check().unwrap();
}
