//! A running endpoint, and an HTTP client that is nothing but bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use config::{EffectiveValue, Origin, SecretText};
use identity::CertificateStatus;
use serde_json::Value;
use tempfile::TempDir;

use super::broker::{Broker, figures};
use super::crossing;
use crate::admin::{
    Admin, AdminSettings, AdminSource, BrokerFigures, BrokerSource, ClusterSource, Framing, ListenerStatus, Part,
    Purpose, TlsMode,
};
use crate::audit::{Audit, AuditCounted};
use crate::dataflows::DataflowsView;
use crate::self_check::SelfCheckResults;

pub(crate) struct Fixture {
    pub(crate) admin: Admin,
    pub(crate) address: SocketAddr,
    pub(crate) settings: AdminSettings,
    pub(crate) figures: Arc<Mutex<BrokerFigures>>,
    pub(crate) certificates: Arc<Mutex<Vec<CertificateStatus>>>,
    pub(crate) self_check: SelfCheckResults,
    pub(crate) dataflows: DataflowsView,
    pub(crate) audit: Audit,
    pub(crate) audited: Arc<Mutex<AuditCounted>>,
    pub(crate) folder: TempDir,
}

/// An answer, its header names in lower case.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

/// An endpoint before its broker runs.
pub(super) fn starting(token: Option<&str>) -> Fixture {
    let settings = AdminSettings {
        token: token.map(|token| SecretText::new(token.to_owned())),
        machine: Some("Edge-7".to_owned()),
        ..AdminSettings::default()
    };
    start(settings)
}

/// An endpoint with a running broker.
pub(crate) fn running() -> Fixture {
    let fixture = starting(None);
    fixture.settings.configuration.started(SystemTime::UNIX_EPOCH);
    fixture.run(Broker::default());
    crossing::show(&fixture.dataflows, crossing::well());
    fixture
}

fn start(settings: AdminSettings) -> Fixture {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bounds = config::Audit { max_bytes: 1 << 20, files: 2 };
    Fixture {
        admin: Admin::start(listener, settings.clone()).unwrap(),
        address,
        settings,
        figures: Arc::new(Mutex::new(figures())),
        certificates: Arc::default(),
        self_check: SelfCheckResults::default(),
        dataflows: DataflowsView::default(),
        audited: Arc::new(Mutex::new(audited())),
        audit: Audit::open(folder.path(), Some(bounds)).unwrap(),
        folder,
    }
}

impl Fixture {
    pub(super) fn run(&self, broker: Broker) {
        let (figures, certificates) = (Arc::clone(&self.figures), Arc::clone(&self.certificates));
        self.provide(Some(BrokerSource {
            part: Part::Whole,
            view: Box::new(broker),
            figures: Box::new(move || figures.lock().unwrap().clone()),
            self_check: self.self_check.clone(),
            listeners: Box::new(listeners),
            certificates: Box::new(move || certificates.lock().unwrap().clone()),
        }));
    }

    /// Runs as a broker with dataflows, or without one as a bridge.
    pub(super) fn provide(&self, broker: Option<BrokerSource>) {
        self.provide_member(broker, None);
    }

    /// Runs as a process of a cluster, or alone.
    pub(super) fn provide_member(&self, broker: Option<BrokerSource>, cluster: Option<ClusterSource>) {
        let audited = Arc::clone(&self.audited);
        self.settings.source.provide(AdminSource {
            broker,
            cluster,
            dataflows: self.dataflows.clone(),
            audit: self.audit.recorder(),
            audited: Box::new(move || *audited.lock().unwrap()),
            effective: Box::new(effective),
        });
        self.settings.health.set_ready(Purpose::Broker, || true);
    }

    pub(super) fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // A server that refuses a request early may close before all of it is written.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// A request with these header lines, each with its line end.
    pub(super) fn ask(&self, method: &str, target: &str, headers: &str) -> Answer {
        self.ask_with(method, target, headers, "")
    }

    /// The same with a body, whose length the headers say.
    pub(super) fn ask_with(&self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let answer = self.raw(&format!("{method} {target} HTTP/1.1\r\n{headers}\r\n{body}"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(super) fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, "Host: localhost\r\n")
    }

    pub(super) fn delete(&self, target: &str) -> Answer {
        self.ask("DELETE", target, "Host: localhost\r\n")
    }

    /// Ends the endpoint and the audit log. Returns what is written there, without the times and the peer's port.
    pub(super) fn audited(self) -> Vec<Value> {
        self.admin.stop();
        self.audit.stop();
        let text = std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default();
        let line = |line: &str| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let fields = line.as_object_mut().unwrap();
            fields.remove("time").unwrap();
            let peer = fields.remove("peer").unwrap();
            assert!(peer.as_str().unwrap().starts_with("127.0.0.1:"), "{peer}");
            line
        };
        text.lines().map(line).collect()
    }

    /// What is answered with 200.
    pub(super) fn json(&self, target: &str) -> Value {
        let answer = self.get(target);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{answer:?}");
        answer.json()
    }

    /// What is refused with this status.
    pub(super) fn problem(&self, target: &str, status: u16) -> Value {
        self.get(target).problem(status)
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks that it is problem details with this status.
    pub(super) fn problem(&self, status: u16) -> Value {
        assert_eq!((self.status, self.header("content-type")), (status, Some("application/problem+json")), "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["type"]), (&status.into(), &"about:blank".into()));
        assert!(!problem["title"].as_str().unwrap().is_empty() && !problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}

/// Figures of which no two are the same.
fn audited() -> AuditCounted {
    AuditCounted { written: 70, crowded_out: 71, unwritable: 72, is_failing: false }
}

fn listeners() -> Vec<ListenerStatus> {
    let listener = |name: &str, port: u16, framing, tls| {
        let address = ([127, 0, 0, 1], port).into();
        let (authentication, authorization) = (Some("people".to_owned()), None);
        ListenerStatus { name: name.to_owned(), address, framing, tls, authentication, authorization }
    };
    vec![
        listener("default/18883", 18883, Framing::Mqtt, TlsMode::Automatic),
        listener("own/8883", 8883, Framing::Mqtt, TlsMode::Manual),
        listener("ws", 8083, Framing::WebSockets, TlsMode::None),
    ]
}

fn effective() -> Vec<EffectiveValue> {
    let (path, value) = ("Broker memoryProfile".to_owned(), "Medium".to_owned());
    vec![EffectiveValue { path, value, origin: Origin::Default, note: None }]
}
