//! `serviceType` and `nodePort`: who can reach a port.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use causeway_tests::deadline::eventually;
use causeway_tests::stream::tcp;
use causeway_tests::{Resources, Settings, free_port};

use super::served::{Served, connected, refused_listener};

fn plant(service: &str, port: u16) -> String {
    format!("serviceType: {service}\nports:\n- port: {port}\n")
}

fn at(address: [u8; 4], port: u16) -> SocketAddr {
    (address, port).into()
}

/// Where other machines would come by, if this one has such an address.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: it only decides which way packets would take.
    socket.connect("192.0.2.1:9").ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback() && !own.is_unspecified()).then_some(own)
}

#[test]
pub fn service_type() {
    let served = Served::at(&plant("ClusterIp", 0));
    let inside = served.address("plant/0");
    assert_eq!(inside.ip().to_string(), "127.0.0.1");
    connected(inside).quiet();
    assert!(TcpStream::connect(at([127, 0, 0, 2], inside.port())).is_err(), "reachable by another address");
    // What is not said is the same.
    assert_eq!(Served::at("ports:\n- port: 0\n").address("plant/0").ip(), inside.ip());

    // The address changes, so who is there has to go.
    let mut client = served.client("plant/0");
    served.apply(|resources| resources.listener("plant", &plant("LoadBalancer", 0)));
    client.expect_disconnect(0x98);
    let open = served.address("plant/0");
    assert!(open.ip().is_unspecified());
    connected(at([127, 0, 0, 2], open.port())).quiet();
    match own_address() {
        Some(own) => connected((own, open.port()).into()).quiet(),
        None => println!("this machine has loopback alone"),
    }
    assert!(served.broker.log().contains("open to the network without authentication"));
}

/// A port that Kubernetes would give and nobody has.
fn free_node_port() -> u16 {
    let first = 30_000 + (std::process::id() % 2_700) as u16;
    let is_free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    (first..=32_767).find(is_free).expect("a free port for a node")
}

#[test]
pub fn node_port() {
    let (port, node) = (free_port(), free_node_port());
    let spec = format!("serviceType: NodePort\nports:\n- port: {port}\n  nodePort: {node}\n");
    let served = Served::at(&spec);
    assert_eq!(served.address(&format!("plant/{port}")), at([0, 0, 0, 0], node));
    connected(at([127, 0, 0, 2], node)).quiet();
    assert!(TcpStream::connect(at([127, 0, 0, 1], port)).is_err(), "bound at the port, too");
    // Another one is another address.
    let mut client = connected(at([127, 0, 0, 1], node));
    let other = free_node_port();
    served.apply(|resources| resources.listener("plant", &spec.replace(&node.to_string(), &other.to_string())));
    client.expect_disconnect(0x98);
    connected(at([127, 0, 0, 1], other)).quiet();
    // Without one it is the port.
    served.apply(|resources| resources.listener("plant", &plant("NodePort", port)));
    connected(at([127, 0, 0, 2], port)).quiet();

    for spec in
        ["serviceType: NodePort\nports:\n- port: 1\n  nodePort: 29999\n", "ports:\n- port: 1\n  nodePort: 30001\n"]
    {
        assert!(refused_listener(spec).contains("spec.ports[0].nodePort"), "{spec}");
    }
}

/// A pod has its own network: every service type is reached from outside, and nodes forward.
#[test]
fn in_a_pod_every_interface_is_bound() {
    let resources = Resources::new();
    resources.listener("inside", &plant("ClusterIp", 0));
    let (port, node) = (free_port(), free_node_port());
    resources.listener("nodes", &format!("serviceType: NodePort\nports:\n- port: {port}\n  nodePort: {node}\n"));
    let settings = Settings::new().mqtt("off").variable("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let served = Served::from(resources, settings);
    assert!(served.address("inside/0").ip().is_unspecified());
    assert_eq!(served.address(&format!("nodes/{port}")), at([0, 0, 0, 0], port));
}

/// What `--bind` says goes before the service type.
#[test]
fn bind_decides_against_the_service_type() {
    let resources = Resources::new();
    resources.listener("inside", &plant("ClusterIp", 0));
    resources.listener("everybody", &plant("LoadBalancer", 0));
    let served = Served::from(resources, Settings::new().mqtt("off").set("--bind", "127.0.0.5"));
    for name in ["inside/0", "everybody/0"] {
        assert_eq!(served.address(name).ip().to_string(), "127.0.0.5", "{name}");
        served.client(name).quiet();
    }
}

#[test]
pub fn port() {
    let (first, second) = (free_port(), free_port());
    let served = Served::at(&plant("ClusterIp", first));
    let mut client = connected(at([127, 0, 0, 1], first));
    // One more leaves the first alone.
    let both = format!("ports:\n- port: {second}\n- port: {first}\n");
    served.apply(|resources| resources.listener("plant", &both));
    connected(at([127, 0, 0, 1], second)).quiet();
    client.quiet();
    // One less ends its clients.
    served.apply(|resources| resources.listener("plant", &plant("ClusterIp", second)));
    client.expect_disconnect(0x98);
    eventually("the port is closed", || TcpStream::connect(at([127, 0, 0, 1], first)).is_err().then_some(()));
    drop(tcp(at([127, 0, 0, 1], second)));
    assert!(refused_listener("ports:\n- port: 65536\n").contains("spec.ports[0].port"));
    assert!(refused_listener("ports:\n- port: 1\n- port: 1\n").contains("spec.ports[1].port"));
}
