//! Changes of a running broker: which listeners are open afterwards, and who stays connected.

mod guarded;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use auth::authentication::Counters;
use config::{Change, Given, Host, Input, Plan, Problem, Request};
use identity::{Authority, Certificates};
use partition::SlotTable;

use super::admin_seat::AdminSeat;
use super::broker::{Broker, Drained, Parts, Place};
use super::doors::{self, Doors};
use super::follower::Follower;
use super::gate_seat::GateSeat;
use super::running::Running;
use super::shown::Shown;
use crate::admin::AdminSettings;
use crate::audit::Audit;
use crate::data_dir::DataDir;
use crate::dataflows::{Dataflows, LocalBroker, Share};
use crate::logging::Logging;
use crate::self_check::{SelfCheck, SelfCheckResults, Surroundings};
use crate::sockets::{Socket, Wanted};
use crate::traces::Collector;

const PATIENCE: Duration = Duration::from_secs(20);

/// CONNECT of MQTT 3.1.1 with clean session and an empty client id, and the CONNACK that accepts it.
const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];

/// A plan with these addresses.
fn plan(data_dir: &Path, mqtt: &str, ws: &str, admin: &str) -> Plan {
    let flag = |name: &str, text: &str| Some(Given::flag(name, text.to_owned()));
    let flags = Request {
        data_dir: Some(data_dir.to_owned()),
        mqtt: flag("--mqtt", mqtt),
        mqtts: flag("--mqtts", "off"),
        ws: flag("--ws", ws),
        admin: flag("--admin", admin),
        ..Request::default()
    };
    let host = Host { cores: 2, remembered: None };
    Plan::check(&Input { flags, ..Input::default() }, &host).unwrap()
}

fn start(plan: Plan) -> Running {
    let data_dir = DataDir::open(&plan.data_dir).unwrap();
    let sockets = Socket::bind_all(&Wanted::of(&plan)).unwrap();
    let authority = Authority::open(&data_dir.tls(), SystemTime::now()).unwrap();
    let mut seat = AdminSeat::new(AdminSettings::default());
    doors::open_admin(&mut seat, &sockets, &plan).unwrap();
    let counters = Arc::<Counters>::default();
    let certificates = Certificates::start(authority).unwrap();
    let doors = Doors::new(&plan, sockets, certificates, seat, Arc::clone(&counters)).unwrap();
    let listeners = plan.listeners.iter().map(|listener| doors.frontend_listener(listener).unwrap()).collect();
    let state_dir = data_dir.partitions();
    let gate = GateSeat::start(&plan, &counters).unwrap();
    let audit = Audit::open(&data_dir.audit(), plan.audit).unwrap();
    let (partitions, denials) = (Place::Here(&state_dir), audit.sink());
    let parts = Parts { plan: &plan, partitions, listeners, spans: None, gate: gate.gate(), denials };
    let broker = Broker::start(parts).unwrap();
    let traces = Collector::default();
    let slots = SlotTable::even(plan.partitions.get());
    let surroundings = Surroundings { door: broker.door(), slots, traces: traces.clone(), ordinal: None };
    let self_check = SelfCheck::start(None, None, surroundings, SelfCheckResults::default()).unwrap();
    let logging = Logging::start(plan.log_level);
    let shown = Shown::default();
    let local = LocalBroker::inside(broker.client_door(), doors.certificates.ca_pem());
    let dataflows = Dataflows::new("0123456789abcdef".to_owned(), local, Share::All);
    let cluster = None;
    let running =
        Running { plan, broker, dataflows, doors, gate, audit, logging, traces, self_check, shown, data_dir, cluster };
    running.announce().unwrap();
    running
}

fn become_what(new: Plan, running: &mut Running) -> Result<(), Vec<Problem>> {
    let change = Change::between(running.plan(), &new);
    running.apply(new, &change)
}

fn address(running: &Running, name: &str) -> SocketAddr {
    running.doors.addresses()[name]
}

fn connected(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(CONNECT).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, CONNACK);
    stream
}

fn is_alive(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 2];
    stream.write_all(&[0xc0, 0]).and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer == [0xd0, 0]
}

fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// The same port at another of this machine's addresses.
fn elsewhere(address: SocketAddr, ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), address.port())
}

fn end(running: Running) {
    assert_eq!(running.end(Instant::now() + PATIENCE), Drained::Whole);
}

const ANY: &str = "127.0.0.1:0";

#[test]
fn a_listener_that_is_altered_ends_its_connections_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = start(plan(dir.path(), ANY, ANY, "off"));
    let (mqtt, ws) = (address(&running, "mqtt"), address(&running, "ws"));
    let mut client = connected(mqtt);
    become_what(plan(dir.path(), ANY, "off", ANY), &mut running).unwrap();
    assert!(is_refused(ws) && is_alive(&mut client));
    TcpStream::connect(address(&running, "admin")).unwrap();

    let every = elsewhere(mqtt, "0.0.0.0");
    become_what(plan(dir.path(), &every.to_string(), "off", "off"), &mut running).unwrap();
    assert!(!is_alive(&mut client));
    assert!(is_alive(&mut connected(mqtt)) && is_alive(&mut connected(elsewhere(mqtt, "127.0.0.9"))));
    let announced = std::fs::read_to_string(dir.path().join("listeners.json")).unwrap();
    assert_eq!(announced, format!("{{\"mqtt\":\"{every}\"}}\n"));
    end(running);
}

#[test]
fn two_listeners_change_places() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = start(plan(dir.path(), ANY, ANY, "off"));
    let (mqtt, ws) = (address(&running, "mqtt"), address(&running, "ws"));
    become_what(plan(dir.path(), &ws.to_string(), &mqtt.to_string(), "off"), &mut running).unwrap();
    assert_eq!((address(&running, "mqtt"), address(&running, "ws")), (ws, mqtt));
    assert!(is_alive(&mut connected(ws)));
    end(running);
}

#[test]
fn what_cannot_be_opened_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = start(plan(dir.path(), ANY, ANY, "off"));
    let (mqtt, ws) = (address(&running, "mqtt"), address(&running, "ws"));
    let mut client = connected(mqtt);
    let taken = TcpListener::bind(ANY).unwrap();
    let taken_at = taken.local_addr().unwrap().to_string();
    let problems = become_what(plan(dir.path(), &taken_at, "off", ANY), &mut running).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].to_string().starts_with(&format!("listener mqtt {taken_at}: another program uses the port")));
    assert!(is_alive(&mut client) && !is_refused(ws));
    assert!(!running.doors.addresses().contains_key("admin"));
    drop(taken);
    become_what(plan(dir.path(), &taken_at, "off", ANY), &mut running).unwrap();
    assert!(!is_alive(&mut client) && is_refused(mqtt) && is_refused(ws));
    end(running);
}

#[test]
fn a_listener_that_made_way_in_vain_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut running = start(plan(dir.path(), ANY, ANY, "off"));
    let (mqtt, ws) = (address(&running, "mqtt"), address(&running, "ws"));
    // Every interface is not to be had while another program has the port at one of them.
    let blocker = TcpListener::bind(elsewhere(mqtt, "127.0.0.8")).unwrap();
    let every = elsewhere(mqtt, "0.0.0.0").to_string();
    become_what(plan(dir.path(), &every, "off", "off"), &mut running).unwrap_err();
    assert_eq!((address(&running, "mqtt"), address(&running, "ws")), (mqtt, ws));
    assert!(is_alive(&mut connected(mqtt)) && !is_refused(ws));
    drop(blocker);
    become_what(plan(dir.path(), &every, "off", "off"), &mut running).unwrap();
    assert!(is_alive(&mut connected(elsewhere(mqtt, "127.0.0.8"))) && is_refused(ws));
    end(running);
}
