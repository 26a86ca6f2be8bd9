//! Chains and keys as people bring them: the ones that work, and the exact words about the others.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm,
};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::OffsetDateTime;

use super::ManualChain;
use crate::handshake::{TLS12, TLS13, client_of, connect, terms};
use crate::server_tls::Configurations;
use crate::{ManualError, ServerTls, pem};

const HOUR: Duration = Duration::from_secs(3600);
type Algorithm = &'static SignatureAlgorithm;

/// A certificate and what can sign with it.
struct Made {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Made {
    fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (at(-1), at(1000));
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn at(hours: i32) -> OffsetDateTime {
    OffsetDateTime::from(SystemTime::now()) + time::Duration::hours(hours.into())
}

fn root(params: CertificateParams, algorithm: Algorithm) -> Made {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Made { pem, issuer: Issuer::new(params, key) }
}

fn issued(params: CertificateParams, algorithm: Algorithm, by: &Made) -> Made {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let pem = params.signed_by(&key, &by.issuer).unwrap().pem();
    Made { pem, issuer: Issuer::new(params, key) }
}

/// Root, intermediate and server, all of one kind of key.
fn three(algorithm: Algorithm) -> [Made; 3] {
    let root = root(authority("root"), algorithm);
    let between = issued(authority("between"), algorithm, &root);
    let server = issued(params("server"), algorithm, &between);
    [root, between, server]
}

fn read(chain: &[&Made], key: &str) -> Result<ManualChain, ManualError> {
    let chain: String = chain.iter().map(|made| made.pem.as_str()).collect();
    read_text(&chain, key)
}

fn read_text(chain: &str, key: &str) -> Result<ManualChain, ManualError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    ManualChain::read(chain.as_bytes(), key.as_bytes(), &provider, SystemTime::now())
}

fn refusal(chain: &[&Made], key: &str) -> String {
    read(chain, key).unwrap_err().to_string()
}

fn check_handshakes(chain: ManualChain, trusted: &Made) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let shown = Configurations::new(&provider, terms(), chain.certified).unwrap();
    let tls = ServerTls::new(shown);
    let trusted = CertificateDer::from_pem_slice(trusted.pem.as_bytes()).unwrap();
    for versions in [TLS12, TLS13] {
        connect(&tls, Arc::new(client_of(trusted.clone(), versions, &[])), "localhost").unwrap();
    }
}

#[test]
fn whole_chains_work_with_and_without_the_root() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519, &PKCS_RSA_SHA256] {
        let [root, between, server] = three(algorithm);
        for chain in [&[&server, &between][..], &[&server, &between, &root]] {
            let read = read(chain, &server.key()).unwrap();
            assert!(read.remarks.is_empty());
            check_handshakes(read, &root);
        }
        read(&[&server], &server.key()).unwrap();
    }
}

#[test]
fn elliptic_kinds_may_be_mixed() {
    let root = root(authority("root"), &PKCS_ECDSA_P384_SHA384);
    let server = issued(params("server"), &PKCS_ED25519, &root);
    check_handshakes(read(&[&server, &root], &server.key()).unwrap(), &root);
}

/// The bytes within the last element of a PKCS#8 key: PKCS#1 for RSA, SEC1 for EC.
fn inner_key(key: &KeyPair) -> Vec<u8> {
    fn element(bytes: &[u8]) -> (&[u8], &[u8]) {
        let (length, rest) = match bytes[1] {
            0x82 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), &bytes[4..]),
            0x81 => (usize::from(bytes[2]), &bytes[3..]),
            short => (usize::from(short), &bytes[2..]),
        };
        rest.split_at(length)
    }
    let (contents, _) = element(key.serialized_der());
    let (_, after_version) = element(contents);
    let (_, after_algorithm) = element(after_version);
    element(after_algorithm).0.to_vec()
}

#[test]
fn keys_may_be_pkcs_8_pkcs_1_and_sec_1() {
    for (algorithm, label) in [(&PKCS_RSA_SHA256, "RSA PRIVATE KEY"), (&PKCS_ECDSA_P256_SHA256, "EC PRIVATE KEY")] {
        let [root, between, server] = three(algorithm);
        let inner = pem::encode(label, &inner_key(server.issuer.key()));
        // OpenSSL writes the parameters of EC keys before them, and some tools the certificate.
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        for key in [server.key(), inner.clone(), format!("{parameters}{inner}"), format!("{}{inner}", server.pem)] {
            check_handshakes(read(&[&server, &between], &key).unwrap(), &root);
        }
    }
}

#[test]
fn line_ends_and_text_between_sections_do_not_matter() {
    let [root, between, server] = three(&PKCS_ECDSA_P256_SHA256);
    let chain = format!("subject=CN = server\n{}\nissuer\n{}", server.pem, between.pem).replace("\r\n", "\n");
    for chain in [chain.clone(), chain.replace('\n', "\r\n")] {
        check_handshakes(read_text(&chain, &server.key().replace('\n', "\r\n")).unwrap(), &root);
    }
}

#[test]
fn texts_that_hold_no_certificates_are_refused() {
    let server = root(params("server"), &PKCS_ECDSA_P256_SHA256);
    let refusal = |chain: &str| read_text(chain, &server.key()).unwrap_err().to_string();
    let none = "tls.crt holds no certificate; it must hold the server's in PEM form, followed by those between it and the authority";
    assert_eq!(refusal(""), none);
    assert_eq!(refusal("no pem"), none);
    assert_eq!(refusal(&server.key()), none);
    let half = &server.pem[..server.pem.len() / 2];
    assert_eq!(
        refusal(&format!("{}{half}", server.pem)),
        "tls.crt is not PEM (a section has no END line) after certificate 1; write each certificate as a whole PEM section"
    );
    let damaged = server.pem.replace("\nMI", "\n!!");
    assert_eq!(
        refusal(&damaged),
        "tls.crt is not PEM (a section is not base64) after certificate 0; write each certificate as a whole PEM section"
    );
    assert_eq!(
        refusal(&pem::encode("CERTIFICATE", b"\x30\x03abc")).split(" (").next(),
        Some("certificate 1 of tls.crt cannot be read")
    );
}

#[test]
fn texts_that_hold_no_usable_key_are_refused() {
    let server = root(params("server"), &PKCS_ECDSA_P256_SHA256);
    let refusal = |key: &str| refusal(&[&server], key);
    let none = "tls.key holds no private key; it must hold one in PEM form (PKCS#8, PKCS#1 or SEC1), unencrypted";
    assert_eq!(refusal(""), none);
    assert_eq!(refusal(&server.pem), none);
    assert_eq!(
        refusal(&format!("{0}{0}", server.key())),
        "tls.key holds more than one private key; leave only the one of the server's certificate"
    );
    let encrypted = "tls.key is encrypted; decrypt it first (openssl pkey -in tls.key -out plain.key)";
    assert_eq!(
        refusal("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
        encrypted
    );
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,73CE\n\nAAAA\n\
                  -----END RSA PRIVATE KEY-----\n";
    assert_eq!(refusal(legacy), encrypted);
    assert_eq!(
        refusal(&pem::encode("PRIVATE KEY", b"abc")),
        "the private key in tls.key cannot be used (failed to parse private key as RSA, ECDSA, or EdDSA); supported are RSA of 2048 to \
         8192 bits, EC on P-256, P-384 and P-521, and Ed25519"
    );
}

#[test]
fn a_key_that_does_not_belong_to_the_first_certificate_is_refused() {
    let [root, between, server] = three(&PKCS_ECDSA_P256_SHA256);
    let other = KeyPair::generate().unwrap().serialize_pem();
    assert_eq!(
        refusal(&[&server, &between], &other),
        "tls.key does not belong to certificate 1 of tls.crt; take the key that certificate was made for"
    );
    assert_eq!(
        refusal(&[&root, &between, &server], &server.key()),
        "tls.key belongs to certificate 3 of tls.crt; put that one first, then the one that signed it, and so on"
    );
}

#[test]
fn a_chain_out_of_order_is_refused() {
    let [root, between, server] = three(&PKCS_ECDSA_P256_SHA256);
    assert_eq!(
        refusal(&[&server, &root, &between], &server.key()),
        "certificate 1 of tls.crt was issued by \"CN=between\", but the one after it is \"CN=root\"; each must be followed by the one \
         that signed it"
    );
    assert_eq!(
        refusal(&[&server, &between, &between], &server.key()),
        "certificate 2 of tls.crt was issued by \"CN=root\", but the one after it is \"CN=between\"; each must be followed by the one \
         that signed it"
    );
    let namesake = self::root(authority("between"), &PKCS_ECDSA_P256_SHA256);
    assert_eq!(
        refusal(&[&server, &namesake], &server.key()),
        "certificate 1 of tls.crt names the one after it as its issuer, but was not signed with that one's key; take the issuer's \
         present certificate"
    );
    let no_authority = self::root(params("plain"), &PKCS_ECDSA_P256_SHA256);
    let server = issued(params("server"), &PKCS_ECDSA_P256_SHA256, &no_authority);
    assert_eq!(
        refusal(&[&server, &no_authority], &server.key()),
        "certificate 2 of tls.crt may not sign others (it is not marked as a CA); take the issuer's own in its place"
    );
}

#[test]
fn a_chain_of_two_kinds_of_key_is_refused() {
    for (one, other, found, expected) in
        [(&PKCS_ECDSA_P256_SHA256, &PKCS_RSA_SHA256, "RSA", "EC"), (&PKCS_RSA_SHA256, &PKCS_ED25519, "EC", "RSA")]
    {
        let root = root(authority("root"), other);
        let server = issued(params("server"), one, &root);
        assert_eq!(
            refusal(&[&server, &root], &server.key()),
            format!(
                "certificate 2 of tls.crt has an {found} key, the server's an {expected} key; the whole chain must be of one kind"
            )
        );
        read(&[&server], &server.key()).unwrap();
    }
}

#[test]
fn keys_and_signatures_that_clients_refuse_are_refused() {
    let supported = "supported are RSA of 2048 to 8192 bits, EC on P-256, P-384 and P-521, and Ed25519";
    for (text, key) in [
        (include_str!("rsa_1024.pem"), "RSA key of 1024 bits"),
        (include_str!("secp256k1.pem"), "key of kind 1.3.132.0.10"),
    ] {
        assert_eq!(
            read_text(text, text).unwrap_err().to_string(),
            format!("certificate 1 of tls.crt has an unsupported {key}; {supported}")
        );
    }
    let weak = include_str!("sha1.pem");
    assert_eq!(
        read_text(weak, weak).unwrap_err().to_string(),
        "certificate 1 of tls.crt is signed with 1.2.840.113549.1.1.5, which TLS clients refuse; have it issued with SHA-256 or better"
    );
}

#[test]
fn a_certificate_that_has_ended_is_refused() {
    let mut over = params("server");
    over.not_after = time::Date::from_calendar_date(2020, time::Month::March, 4).unwrap().midnight().assume_utc();
    over.not_before = over.not_after - time::Duration::hours(1);
    let [root, between, _] = three(&PKCS_ECDSA_P256_SHA256);
    let server = issued(over.clone(), &PKCS_ECDSA_P256_SHA256, &between);
    let ended =
        |n| format!("certificate {n} of tls.crt ended on 2020-03-04 00:00:00 UTC; put a renewed one in its place");
    assert_eq!(refusal(&[&server, &between], &server.key()), ended(1));
    over.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let between = issued(over, &PKCS_ECDSA_P256_SHA256, &root);
    let server = issued(params("server"), &PKCS_ECDSA_P256_SHA256, &between);
    assert_eq!(refusal(&[&server, &between], &server.key()), ended(2));
}

#[test]
fn a_certificate_that_has_not_begun_is_taken() {
    let [_, between, _] = three(&PKCS_ECDSA_P256_SHA256);
    let mut early = params("server");
    early.not_before = at(10);
    let server = issued(early, &PKCS_ECDSA_P256_SHA256, &between);
    let read = read(&[&server, &between], &server.key()).unwrap();
    assert!(read.not_before > SystemTime::now() + HOUR * 9);
    assert!(read.not_after > SystemTime::now() + HOUR * 990);
}

#[test]
fn a_certificate_for_clients_is_refused() {
    let root = root(authority("root"), &PKCS_ECDSA_P256_SHA256);
    let mut for_clients = params("server");
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let server = issued(for_clients, &PKCS_ECDSA_P256_SHA256, &root);
    assert_eq!(
        refusal(&[&server, &root], &server.key()),
        "certificate 1 of tls.crt is not for servers (its extended key usage lacks serverAuth); have one issued for TLS servers"
    );
}

#[test]
fn what_else_a_client_would_refuse_is_refused() {
    let mut narrow = authority("root");
    narrow.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = root(authority("root"), &PKCS_ECDSA_P256_SHA256);
    let narrow = issued(narrow, &PKCS_ECDSA_P256_SHA256, &root);
    let between = issued(authority("between"), &PKCS_ECDSA_P256_SHA256, &narrow);
    let server = issued(params("server"), &PKCS_ECDSA_P256_SHA256, &between);
    let sentence = refusal(&[&server, &between, &narrow, &root], &server.key());
    assert!(sentence.starts_with("a TLS client would refuse the chain in tls.crt ("), "{sentence}");
}

#[test]
fn certificates_that_only_some_clients_take_are_remarked_on() {
    let own = root(authority("own"), &PKCS_ECDSA_P256_SHA256);
    let read_own = read(&[&own], &own.key()).unwrap();
    assert_eq!(read_own.remarks, ["it is marked as a CA, and many clients take no such certificate as a server's"]);
    let old = include_str!("version_1.pem");
    assert_eq!(
        read_text(old, old).unwrap().remarks,
        [
            "it has no subject alternative names, and many clients look at nothing else",
            "it is an X.509 certificate of version 1, and many clients take only those of version 3"
        ]
    );
    let mut unable = params("server");
    unable.key_usages = vec![rcgen::KeyUsagePurpose::KeyEncipherment];
    let server = issued(unable, &PKCS_ECDSA_P256_SHA256, &own);
    let read_unable = read(&[&server, &own], &server.key()).unwrap();
    assert_eq!(read_unable.remarks, ["its key usage lacks digitalSignature, which every handshake here needs"]);
    let mut nameless = CertificateParams::default();
    nameless.distinguished_name.push(DnType::CommonName, "localhost");
    let server = issued(nameless, &PKCS_ECDSA_P256_SHA256, &own);
    let read = read(&[&server, &own], &server.key()).unwrap();
    assert_eq!(read.remarks, ["it has no subject alternative names, and many clients look at nothing else"]);
}
