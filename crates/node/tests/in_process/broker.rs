//! The broker under test.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU16;
use std::sync::Arc;

use auth::Policy;
use auth::authentication::{Counters, Gate, GateSettings, GateThread, Methods};
use backend::{Backend, Durability, Hosting};
use frontend::{
    Framing, Frontend, Limits, Listener, NearPartitions, PartitionLink, Partitions, Protocol, Settings, SysSettings,
};
use link::mailbox;

pub struct Broker {
    pub address: SocketAddr,
    running: Option<(Frontend, Backend)>,
    _gate: GateThread,
    _dir: tempfile::TempDir,
}

impl Broker {
    /// One worker, two partitions, these authentication methods.
    pub fn start(methods: Option<Arc<Methods>>) -> Self {
        let (gate, gate_thread) =
            Gate::start(&GateSettings::default(), &Arc::new(Counters::default())).expect("a gate");
        let dir = tempfile::tempdir().expect("a directory");
        let (sender, answers) = mailbox::channel();
        let backend = Backend::start(backend::Settings {
            dir: dir.path().to_owned(),
            partitions: 2,
            durability: Durability::Async,
            hosting: Hosting::Near { workers: vec![sender] },
            inbox_bytes: 16 << 20,
        });
        let backend = backend.expect("a backend");
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("a socket that does not block");
        let address = socket.local_addr().expect("its address");
        let frontend = Frontend::start(Settings {
            listeners: vec![Listener {
                name: "mqtt".into(),
                socket,
                protocol: Protocol { framing: Framing::Mqtt, tls: None },
                policy: Arc::new(Policy::new(methods, None)),
            }],
            limits: Limits {
                session_expiry: u32::MAX,
                message_expiry: None,
                packet_size: 4 << 20,
                client_receive_maximum: NonZeroU16::MAX,
                receive_maximum: NonZeroU16::MIN.saturating_add(99),
                keep_alive: None,
                topic_alias_maximum: 10,
                queue_length: 0,
            },
            back_pressure_bytes: 48 << 20,
            sys: SysSettings { interval: None, version: String::new() },
            spans: None,
            gate,
            denials: None,
            partitions: Partitions::Near(NearPartitions {
                links: backend.links().map(|(inbox, routes)| PartitionLink { inbox, routes }).collect(),
                answers: vec![answers],
                counters: Box::new(backend.counters()),
            }),
        });
        Self { address, running: Some((frontend.expect("a frontend"), backend)), _gate: gate_thread, _dir: dir }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some((frontend, backend)) = self.running.take() {
            frontend.stop();
            backend.stop();
        }
    }
}
