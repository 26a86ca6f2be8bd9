//! Ports that get guards, change them and lose them while clients are connected.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use auth::authentication::PasswordFile;
use config::{Given, Host, Input, Object, ObjectKind, Plan, Request, Text};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::running::Running;
use super::{PATIENCE, address, become_what, connected, end, is_alive, is_refused, start};

/// CONNACK of MQTT 3.1.1.
const ACCEPTED: u8 = 0;
const BAD_PASSWORD: u8 = 4;
const NOT_AUTHORIZED: u8 = 5;

/// What is written down for one broker, in a data directory of its own.
struct Site {
    dir: TempDir,
    bind: &'static str,
    /// Of the one listener, `plant`.
    port: Value,
    methods: Value,
    rules: Value,
    users: String,
    authorities: Vec<String>,
}

impl Site {
    /// A port that lets everybody in.
    fn open() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            bind: "127.0.0.1",
            port: json!({"port": 0}),
            methods: json!([{"method": "UserPassword", "userPasswordSettings": {"passwordSecretRef": "people"}}]),
            rules: json!([{"principals": {"usernames": ["ann"]}, "brokerResources": [{"method": "Connect"}]}]),
            users: with_password("", "ann", "good"),
            authorities: Vec::new(),
        }
    }

    /// A port that asks for a password.
    fn guarded() -> Self {
        let mut site = Self::open();
        site.port["authenticationRef"] = json!("ways");
        site
    }

    /// A port that asks for certificates, of these authorities.
    fn certified(authorities: &[&ClientAuthority]) -> Self {
        let mut site = Self::guarded();
        site.port["tls"] = json!({"mode": "Automatic", "certManagerCertificateSpec":
            {"issuerRef": {"kind": "Issuer", "name": "azure-iot-operations-aio-certificate-issuer"}}});
        site.methods = json!([{"method": "X509"}]);
        site.trust(authorities);
        site
    }

    fn trust(&mut self, authorities: &[&ClientAuthority]) {
        self.authorities = authorities.iter().map(|authority| authority.pem.clone()).collect();
    }

    fn plan(&self) -> Plan {
        let resource = |kind: &str, name: &str, spec: Value| {
            json!({"apiVersion": "mqttbroker.iotoperations.azure.com/v1", "kind": kind, "metadata": {"name": name},
                "spec": spec})
        };
        let list = json!({"apiVersion": "v1", "kind": "List", "items": [
            resource("BrokerListener", "plant", json!({"ports": [self.port]})),
            resource("BrokerAuthentication", "ways", json!({"authenticationMethods": self.methods})),
            resource("BrokerAuthorization", "rules", json!({"authorizationPolicies": {"rules": self.rules}})),
        ]});
        let object = |kind, name: &str, entries: BTreeMap<String, Vec<u8>>| Object {
            kind,
            name: name.to_owned(),
            path: name.to_owned(),
            entries,
        };
        let users = BTreeMap::from([("users".to_owned(), self.users.clone().into_bytes())]);
        let mut objects = vec![object(ObjectKind::Secret, "people", users)];
        if !self.authorities.is_empty() {
            let named =
                self.authorities.iter().enumerate().map(|(n, pem)| (format!("{n}.crt"), pem.clone().into_bytes()));
            objects.push(object(ObjectKind::ConfigMap, "client-ca", named.collect()));
        }
        let flag = |name: &str, text: &str| Some(Given::flag(name, text.to_owned()));
        let flags = Request {
            data_dir: Some(self.dir.path().to_owned()),
            bind: flag("--bind", self.bind),
            admin: flag("--admin", "off"),
            ..Request::default()
        };
        let text = Text { path: "plant.json".to_owned(), bytes: list.to_string().into_bytes() };
        let input = Input { flags, texts: vec![text], objects, ..Input::default() };
        Plan::check(&input, &Host { cores: 2, remembered: None }).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn apply(&self, running: &mut Running) {
        become_what(self.plan(), running).unwrap_or_else(|problems| panic!("{problems:?}"));
    }
}

fn with_password(users: &str, username: &str, password: &str) -> String {
    PasswordFile::put(users, username, password.as_bytes(), None).unwrap()
}

/// The one listener that is open.
fn plant(running: &Running) -> SocketAddr {
    let addresses = running.doors.addresses();
    assert_eq!(addresses.len(), 1, "{addresses:?}");
    *addresses.values().next().unwrap()
}

/// CONNECT of MQTT 3.1.1 with a clean session and this name and password.
fn connect_packet(login: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x02\x00\x00\x00\x00".to_vec();
    if let Some((username, password)) = login {
        body[7] |= 0xc0;
        for text in [username, password] {
            body.extend((text.len() as u16).to_be_bytes());
            body.extend(text.as_bytes());
        }
    }
    [&[0x10, body.len() as u8], &*body].concat()
}

/// What CONNACK says.
fn logged_in(stream: &mut (impl Read + Write), login: Option<(&str, &str)>) -> io::Result<u8> {
    stream.write_all(&connect_packet(login))?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer[..3], [0x20, 2, 0]);
    Ok(answer[3])
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn answer(address: SocketAddr, login: Option<(&str, &str)>) -> u8 {
    logged_in(&mut tcp(address), login).unwrap()
}

fn client(address: SocketAddr, login: (&str, &str)) -> TcpStream {
    let mut stream = tcp(address);
    assert_eq!(logged_in(&mut stream, Some(login)).unwrap(), ACCEPTED);
    stream
}

/// A port at which nobody listens on any of this machine's addresses.
fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn who_has_not_said_who_he_is_leaves_a_port_that_begins_to_ask() {
    let mut site = Site::open();
    let mut running = start(site.plan());
    let plant = plant(&running);
    let mut anybody = connected(plant);
    site.port["authenticationRef"] = json!("ways");
    site.apply(&mut running);
    assert!(!is_alive(&mut anybody));
    assert_eq!(answer(plant, None), NOT_AUTHORIZED);
    assert_eq!(answer(plant, Some(("ann", "bad"))), BAD_PASSWORD);
    let mut ann = client(plant, ("ann", "good"));

    site.users = with_password(&site.users, "ben", "his own");
    site.apply(&mut running);
    assert!(is_alive(&mut ann) && is_alive(&mut client(plant, ("ben", "his own"))));

    site.port["authorizationRef"] = json!("rules");
    site.apply(&mut running);
    assert!(is_alive(&mut ann));
    assert_eq!(answer(plant, Some(("ben", "his own"))), NOT_AUTHORIZED);

    site.port = json!({"port": 0});
    site.apply(&mut running);
    assert!(is_alive(&mut ann) && is_alive(&mut connected(plant)));
    end(running);
}

#[test]
fn a_guard_that_cannot_be_leaves_everything_as_it_was() {
    let mut site = Site::guarded();
    let mut running = start(site.plan());
    let plant = plant(&running);
    let mut ann = client(plant, ("ann", "good"));
    let good = std::mem::replace(&mut site.users, "?".to_owned());
    site.rules = json!([{"principals": {"usernames": ["{principal.x}"]}, "brokerResources": [{"method": "Connect"}]}]);
    // What would be good alone waits with the rest.
    site.bind = "127.0.0.5";
    let problems = become_what(site.plan(), &mut running).unwrap_err();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(
        problems[0].contains(
            "userPasswordSettings.passwordSecretRef UserPassword of listener plant/0: secrets/people/users: "
        )
    );
    assert!(problems[1].contains("rules[0].principals.usernames[0] {principal.x}: "), "{problems:?}");
    assert_eq!((problems.len(), self::plant(&running)), (2, plant));
    assert!(is_alive(&mut ann) && is_alive(&mut client(plant, ("ann", "good"))));
    (site.users, site.rules, site.bind) = (good, json!([]), "127.0.0.1");
    site.apply(&mut running);
    assert!(is_alive(&mut ann));
    end(running);
}

#[test]
fn a_port_that_moves_is_guarded_by_the_new_rules_and_by_the_old_ones_if_it_comes_back() {
    let mut site = Site::guarded();
    let port = free_port();
    site.port["port"] = json!(port);
    let mut running = start(site.plan());
    let name = format!("plant/{port}");
    let here = address(&running, &name);
    let everywhere = TcpListener::bind(SocketAddr::new("127.0.0.8".parse().unwrap(), port)).unwrap();
    (site.bind, site.users) = ("0.0.0.0", with_password("", "ann", "newer"));
    become_what(site.plan(), &mut running).unwrap_err();
    assert_eq!(address(&running, &name), here);
    assert_eq!(answer(here, Some(("ann", "newer"))), BAD_PASSWORD);
    let mut ann = client(here, ("ann", "good"));

    drop(everywhere);
    site.apply(&mut running);
    assert!(!is_alive(&mut ann));
    assert_eq!(answer(here, Some(("ann", "good"))), BAD_PASSWORD);
    assert!(is_alive(&mut client(here, ("ann", "newer"))));

    site.bind = "127.0.0.6";
    site.port.as_object_mut().unwrap().remove("authenticationRef");
    site.apply(&mut running);
    let there = address(&running, &name);
    assert!(is_refused(here) && is_alive(&mut connected(there)));
    end(running);
}

/// An authority for clients' certificates.
struct ClientAuthority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl ClientAuthority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self { pem: params.self_signed(&key).unwrap().pem(), issuer: Issuer::new(params, key) }
    }

    /// How a client with a certificate of it connects to a broker that keeps its state in `data_dir`.
    fn client(&self, data_dir: &Path) -> Arc<ClientConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "ann");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(data_dir.join("tls/ca.crt")).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()));
        Arc::new(config.unwrap())
    }
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A client that was let in; otherwise what CONNACK or the end of the handshake said.
fn secure(address: SocketAddr, client: &Arc<ClientConfig>, login: Option<(&str, &str)>) -> Result<TlsStream, String> {
    let name = ServerName::from(address.ip());
    let connection = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut stream = StreamOwned::new(connection, tcp(address));
    match logged_in(&mut stream, login) {
        Ok(ACCEPTED) => Ok(stream),
        Ok(code) => Err(format!("code {code}")),
        Err(error) => Err(error.to_string()),
    }
}

fn is_secure_alive(stream: &mut TlsStream) -> bool {
    let mut answer = [0; 2];
    stream.write_all(&[0xc0, 0]).and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer == [0xd0, 0]
}

#[test]
fn trust_that_changes_lets_the_new_in_and_sends_the_old_away() {
    let (one, two) = (ClientAuthority::new("one"), ClientAuthority::new("two"));
    let mut site = Site::certified(&[&one]);
    let mut running = start(site.plan());
    let plant = plant(&running);
    let (by_one, by_two) = (one.client(site.dir.path()), two.client(site.dir.path()));
    let mut first = secure(plant, &by_one, None).unwrap();
    assert!(secure(plant, &by_two, None).unwrap_err().contains("UnknownCA"));

    site.trust(&[&one, &two]);
    site.apply(&mut running);
    let mut second = secure(plant, &by_two, None).unwrap();
    assert!(is_secure_alive(&mut first) && is_secure_alive(&mut second));
    drop(secure(plant, &by_one, None).unwrap());

    // Nobody resumes the session that the old trust let in.
    site.trust(&[&two]);
    site.apply(&mut running);
    assert!(!is_secure_alive(&mut first) && is_secure_alive(&mut second));
    assert!(secure(plant, &by_one, None).unwrap_err().contains("UnknownCA"));

    // Nobody's certificate is asked for any more, and the one that let a client in is no way in.
    site.methods = Site::open().methods;
    site.apply(&mut running);
    assert!(!is_secure_alive(&mut second));
    assert_eq!(secure(plant, &by_one, None).unwrap_err(), format!("code {NOT_AUTHORIZED}"));
    drop(secure(plant, &by_one, Some(("ann", "good"))).unwrap());
    end(running);
}

#[test]
fn who_may_come_in_by_the_old_rules_and_by_the_new_ones_is_never_refused() {
    let one = ClientAuthority::new("one");
    let mut site = Site::certified(&[&one]);
    let mut running = start(site.plan());
    let plant = plant(&running);
    let client = one.client(site.dir.path());
    let done = Arc::new(AtomicBool::new(false));
    let counts: [Arc<AtomicU64>; 2] = Default::default();
    let comings = counts.clone().map(|count| {
        let (done, client) = (Arc::clone(&done), Arc::clone(&client));
        thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                secure(plant, &client, Some(("ann", "good"))).unwrap();
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let by_certificate = site.methods.clone();
    let by_password = Site::open().methods;
    let either = json!([by_certificate[0], by_password[0]]);
    for methods in [&by_password, &either, &by_certificate].repeat(3) {
        site.methods = methods.clone();
        site.apply(&mut running);
        // Whose handshake began before is through.
        let before = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        let begin = Instant::now();
        while (0..2).any(|n| counts[n].load(Ordering::Relaxed) < before[n] + 2)
            && !comings.iter().any(|c| c.is_finished())
        {
            assert!(begin.elapsed() < PATIENCE);
            thread::yield_now();
        }
    }
    done.store(true, Ordering::Relaxed);
    for coming in comings {
        coming.join().unwrap();
    }
    end(running);
}
