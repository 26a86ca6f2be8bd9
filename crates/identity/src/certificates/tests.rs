//! Listeners' certificates from preparation to renewal, with the thread running.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::{TempDir, tempdir};

use super::Certificates;
use crate::handshake::{TLS13, client, connect, shown};
use crate::renewal::{look, renew};
use crate::{
    ApplicationProtocol, Authority, AutomaticSettings, CertificateSource, CertificateStatus, IdentityError,
    KeyAlgorithm, KeyRotation, ServerNames, ServerTls,
};

const HOUR: Duration = Duration::from_secs(3600);
const DEADLINE: Duration = Duration::from_secs(30);

fn settings() -> AutomaticSettings {
    AutomaticSettings {
        folder: "default-8883".to_owned(),
        names: ServerNames::local(None),
        duration: HOUR * 3,
        renew_before: HOUR,
        algorithm: KeyAlgorithm::Ec256,
        rotation: KeyRotation::Always,
    }
}

struct Fixture {
    data: TempDir,
    certificates: Certificates,
    trusted: PathBuf,
    now: SystemTime,
}

impl Fixture {
    fn new() -> Self {
        let (data, now) = (tempdir().unwrap(), SystemTime::now());
        let certificates = Certificates::start(Authority::open(data.path(), now).unwrap()).unwrap();
        let trusted = certificates.ca_certificate();
        Self { data, certificates, trusted, now }
    }

    /// With no thread: the moments at which something is looked at are the test's.
    fn without_thread() -> Self {
        let mut fixture = Self::new();
        fixture.certificates.renewal.end();
        fixture
    }

    fn path(&self, name: &str) -> PathBuf {
        self.data.path().join("default-8883").join(name)
    }

    fn prepare(&self, source: CertificateSource) -> Result<super::Prepared, IdentityError> {
        self.certificates.prepare("default/8883", ApplicationProtocol::Mqtt, source, None, self.now)
    }

    fn publish(&self, settings: AutomaticSettings) -> ServerTls {
        self.prepare(CertificateSource::Automatic(settings)).unwrap().publish()
    }

    fn status(&self) -> CertificateStatus {
        let mut all = self.certificates.status()();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn stored(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path("tls.crt")).unwrap()
    }

    /// Does what the thread would at that moment.
    fn renew_at(&self, at: SystemTime) {
        for due in look(&self.certificates.desk, at) {
            renew(&self.certificates.desk, &due, at);
        }
    }

    fn wait_until(&self, what: &str, mut holds: impl FnMut(&CertificateStatus) -> bool) -> CertificateStatus {
        let begin = Instant::now();
        loop {
            let status = self.status();
            if holds(&status) {
                return status;
            }
            assert!(begin.elapsed() < DEADLINE, "{what}: {status:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A manual source made of what another machine's authority issued.
fn manual(names: &ServerNames) -> (CertificateSource, TempDir) {
    let data = tempdir().unwrap();
    let now = SystemTime::now();
    let other = Certificates::start(Authority::open(data.path(), now).unwrap()).unwrap();
    let source = CertificateSource::Automatic(AutomaticSettings { names: names.clone(), ..settings() });
    other.prepare("other", ApplicationProtocol::Mqtt, source, None, now).unwrap().publish();
    let folder = data.path().join("default-8883");
    let chain = [fs::read(folder.join("tls.crt")).unwrap(), fs::read(folder.join("ca.crt")).unwrap()].concat();
    let key_pem = fs::read(folder.join("tls.key")).unwrap();
    (CertificateSource::Manual { name: "my-certificate".to_owned(), chain_pem: chain, key_pem }, data)
}

#[test]
fn nothing_is_shown_or_stored_before_it_is_published() {
    let fixture = Fixture::new();
    let prepared = fixture.prepare(CertificateSource::Automatic(settings())).unwrap();
    assert!(fixture.certificates.status()().is_empty());
    assert!(!fixture.path("tls.crt").exists());
    let not_after = prepared.not_after();
    let tls = prepared.publish();
    assert_eq!(fixture.stored(), shown(&tls, &fixture.trusted));
    let expected = CertificateStatus { listener: "default/8883".to_owned(), not_after, renewals: 0, failures: 0 };
    assert_eq!(fixture.status(), expected);
    // Prepared and dropped, as when another part of a change is bad.
    let names = ServerNames::local(Some("other"));
    drop(fixture.prepare(CertificateSource::Automatic(AutomaticSettings { names, ..settings() })).unwrap());
    assert_eq!(fixture.stored(), shown(&tls, &fixture.trusted));
    assert_eq!(fixture.status(), expected);
}

#[test]
fn a_certificate_in_its_folder_is_taken_at_the_next_start() {
    let fixture = Fixture::new();
    let tls = fixture.publish(settings());
    let first = shown(&tls, &fixture.trusted);
    let Fixture { data, certificates, trusted, now } = fixture;
    certificates.stop();
    let certificates = Certificates::start(Authority::open(data.path(), now).unwrap()).unwrap();
    let fixture = Fixture { data, certificates, trusted, now };
    assert_eq!(shown(&fixture.publish(settings()), &fixture.trusted), first);
}

#[test]
fn another_source_goes_through_the_same_handle_and_back() {
    let fixture = Fixture::new();
    let tls = fixture.publish(settings());
    let first = shown(&tls, &fixture.trusted);
    let (source, theirs) = manual(&ServerNames::local(None));
    fixture.prepare(source).unwrap().publish();
    shown(&tls, &theirs.path().join("ca.crt"));
    fixture.publish(settings());
    assert_eq!(shown(&tls, &fixture.trusted), first);
}

#[test]
fn connections_live_through_a_change() {
    let fixture = Fixture::new();
    let tls = fixture.publish(settings());
    let config = Arc::new(client(&fixture.trusted, TLS13, &["mqtt"]));
    let (mut client, mut server) = connect(&tls, config, "localhost").unwrap();
    let (source, _theirs) = manual(&ServerNames::local(None));
    fixture.prepare(source).unwrap().publish();
    std::io::Write::write_all(&mut client.writer(), b"still here").unwrap();
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    assert_eq!(server.process_new_packets().unwrap().plaintext_bytes_to_read(), 10);
}

#[test]
fn a_bad_manual_certificate_is_refused_by_the_secrets_name_and_changes_nothing() {
    let fixture = Fixture::new();
    let tls = fixture.publish(settings());
    let first = shown(&tls, &fixture.trusted);
    let bad = || CertificateSource::Manual {
        name: "my-certificate".to_owned(),
        chain_pem: fs::read(fixture.path("tls.crt")).unwrap(),
        key_pem: b"no key".to_vec(),
    };
    let sentence = "secret my-certificate: tls.key holds no private key; it must hold one in PEM form (PKCS#8, PKCS#1 or \
                    SEC1), unencrypted";
    assert_eq!(bad().check(fixture.now).unwrap_err().to_string(), sentence);
    assert_eq!(fixture.prepare(bad()).unwrap_err().to_string(), sentence);
    assert_eq!(shown(&tls, &fixture.trusted), first);
}

#[test]
fn sources_show_no_key() {
    let (source, theirs) = manual(&ServerNames::local(None));
    assert_eq!(format!("{source:?}"), "Manual { name: \"my-certificate\", .. }");
    let key = fs::read_to_string(theirs.path().join("default-8883/tls.key")).unwrap();
    let line = key.lines().nth(1).unwrap();
    let fixture = Fixture::new();
    let prepared = fixture.prepare(source).unwrap();
    for shown in [format!("{prepared:?}"), format!("{:?}", fixture.certificates)] {
        assert!(!shown.contains(line) && !shown.contains("BEGIN"), "{shown}");
    }
}

#[test]
fn renewals_are_stored_shown_and_counted() {
    for (rotation, stays) in [(KeyRotation::Always, false), (KeyRotation::Never, true)] {
        let fixture = Fixture::without_thread();
        let key = || PrivateKeyDer::from_pem_file(fixture.path("tls.key")).unwrap();
        let tls = fixture.publish(AutomaticSettings { rotation, ..settings() });
        let (first, first_key) = (shown(&tls, &fixture.trusted), key());
        fixture.renew_at(fixture.now + HOUR);
        assert_eq!(fixture.status().renewals, 0);
        fixture.renew_at(fixture.now + HOUR * 2 + Duration::from_secs(1));
        assert_eq!((fixture.status().renewals, fixture.status().failures), (1, 0));
        let next = shown(&tls, &fixture.trusted);
        assert_ne!(next, first);
        assert_eq!(next, fixture.stored());
        assert_eq!(key() == first_key, stays);
    }
}

#[test]
fn a_renewal_that_cannot_be_stored_is_counted_and_tried_again() {
    let fixture = Fixture::without_thread();
    let tls = fixture.publish(settings());
    let first = shown(&tls, &fixture.trusted);
    let obstacle = fixture.path("tls.key.new/in the way");
    fs::create_dir_all(&obstacle).unwrap();
    let at = fixture.now + HOUR * 2 + Duration::from_secs(1);
    fixture.renew_at(at);
    assert_eq!((fixture.status().renewals, fixture.status().failures), (0, 1));
    assert_eq!(shown(&tls, &fixture.trusted), first);
    assert_eq!(fixture.stored(), first);
    fs::remove_dir_all(fixture.path("tls.key.new")).unwrap();
    fixture.renew_at(at + Duration::from_secs(1));
    assert_eq!((fixture.status().renewals, fixture.status().failures), (1, 1));
    assert_eq!(shown(&tls, &fixture.trusted), fixture.stored());
}

#[test]
fn a_certificate_that_cannot_be_stored_is_used_and_another_one_stored_soon() {
    let fixture = Fixture::new();
    let prepared = fixture.prepare(CertificateSource::Automatic(settings())).unwrap();
    fs::create_dir_all(fixture.path("tls.key.new/in the way")).unwrap();
    let tls = prepared.publish();
    shown(&tls, &fixture.trusted);
    assert!(fixture.status().failures >= 1);
    assert!(!fixture.path("tls.crt").exists());
    fs::remove_dir_all(fixture.path("tls.key.new")).unwrap();
    fixture.wait_until("stored after a failure", |status| status.renewals > 0);
    assert_eq!(shown(&tls, &fixture.trusted), fixture.stored());
}

#[test]
fn the_thread_renews_short_certificates_in_time() {
    let fixture = Fixture::new();
    // Nothing is due for a long time; what comes later is due earlier.
    let long = AutomaticSettings { folder: "long".to_owned(), ..settings() };
    let long = CertificateSource::Automatic(long);
    fixture.certificates.prepare("a", ApplicationProtocol::Mqtt, long, None, fixture.now).unwrap().publish();
    let short =
        AutomaticSettings { duration: Duration::from_secs(4), renew_before: Duration::from_secs(3), ..settings() };
    let source = CertificateSource::Automatic(short);
    let tls = fixture
        .certificates
        .prepare("b", ApplicationProtocol::Mqtt, source, None, SystemTime::now())
        .unwrap()
        .publish();
    let first = shown(&tls, &fixture.trusted);
    let (status, begin) = (fixture.certificates.status(), Instant::now());
    while status()[1].renewals < 2 {
        assert!(begin.elapsed() < DEADLINE, "{:?}", status());
        shown(&tls, &fixture.trusted);
        thread::sleep(Duration::from_millis(50));
    }
    assert_ne!(shown(&tls, &fixture.trusted), first);
    let status = status();
    assert_eq!((status[0].renewals, status[1].failures), (0, 0));
    fixture.certificates.forget("b");
    let left: Vec<String> = fixture.certificates.status()().into_iter().map(|status| status.listener).collect();
    assert_eq!(left, ["a"]);
    // The handle of a listener that is gone goes on.
    shown(&tls, &fixture.trusted);
    fixture.certificates.stop();
}

#[test]
fn the_authority_is_told_as_it_is_stored_and_an_example_looks_the_same() {
    let fixture = Fixture::new();
    let told = fixture.certificates.ca_pem();
    let told = CertificateDer::from_pem_slice(told.as_bytes()).unwrap();
    assert_eq!(told, CertificateDer::from_pem_file(&fixture.trusted).unwrap());
    let example = Authority::example(fixture.now).unwrap();
    let example = CertificateDer::from_pem_slice(example.as_bytes()).unwrap();
    assert!(example != told && crate::certificate::Inspected::parse(&example).is_ok());
}
