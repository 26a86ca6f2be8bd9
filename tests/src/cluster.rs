//! Frontends and backends as processes of their own, on loopback or each on a machine of a [`Network`].

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::deadline::{patience, within};
use crate::network::Machine;
use crate::node_process::NodeProcess;
use crate::{Client, Connect, Network, Version, errand, free_port, process};

/// Where each backend listens on a machine of its own.
const INTERNAL_PORT: u16 = 7883;

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Layout {
    pub frontends: usize,
    pub backends: usize,
    pub partitions: usize,
    /// Copies of each partition.
    pub redundancy: usize,
    /// Properties of the Broker resource beside its cardinality, as YAML below `spec`.
    pub broker: String,
    /// Flags of every backend, and of every frontend, beside those that make the cluster.
    pub backend_flags: Vec<String>,
    pub frontend_flags: Vec<String>,
    /// Where frontends and backends find each backend, if not at its own port: a proxy before it.
    pub found_at: Vec<Option<SocketAddr>>,
    /// Where each backend listens, if not at any free port.
    pub internal: Vec<Option<SocketAddr>>,
    /// Where each process gets a machine of its own, by its name.
    pub network: Option<Network>,
}

impl Default for Layout {
    fn default() -> Self {
        Layout {
            frontends: 1,
            backends: 1,
            partitions: 2,
            redundancy: 1,
            broker: String::new(),
            backend_flags: Vec::new(),
            frontend_flags: Vec::new(),
            found_at: Vec::new(),
            internal: Vec::new(),
            network: None,
        }
    }
}

impl Layout {
    pub fn of(frontends: usize, backends: usize, partitions: usize) -> Self {
        Layout { frontends, backends, partitions, ..Layout::default() }
    }

    /// Has each partition on so many backends.
    pub fn redundancy(mut self, copies: usize) -> Self {
        self.redundancy = copies;
        self
    }

    /// Adds properties of the Broker resource, as YAML below `spec`, without its cardinality.
    pub fn broker(mut self, spec: &str) -> Self {
        self.broker = spec.to_string();
        self
    }

    pub fn backend_flags(mut self, flags: &[&str]) -> Self {
        self.backend_flags.extend(flags.iter().map(|flag| (*flag).to_string()));
        self
    }

    /// Has each process on a machine of its own; clients are to be on one of the same network.
    pub fn on(mut self, network: &Network) -> Self {
        self.network = Some(network.clone());
        self
    }

    pub fn frontend_flags(mut self, flags: &[&str]) -> Self {
        self.frontend_flags.extend(flags.iter().map(|flag| (*flag).to_string()));
        self
    }
}

/// Running processes; end with this value.
pub struct Cluster {
    pub frontends: Vec<NodeProcess>,
    pub backends: Vec<NodeProcess>,
    list: String,
    root: PathBuf,
    network: Option<Network>,
}

impl Cluster {
    /// Starts it and waits until every process is ready.
    pub fn start(layout: &Layout) -> Self {
        let mut cluster = Cluster::prepare(layout);
        cluster.launch();
        cluster
    }

    /// Starts every process, again or for the first time, and waits until they are ready.
    pub fn launch(&mut self) {
        for processes in [&mut self.backends, &mut self.frontends] {
            // All at once: a backend may need the authority, which is the first one's.
            processes.iter_mut().for_each(NodeProcess::launch);
            processes.iter_mut().for_each(NodeProcess::wait_until_ready);
        }
    }

    /// Ends every process at once, as a power cut would.
    pub fn kill(&mut self) {
        self.frontends.iter_mut().chain(&mut self.backends).for_each(NodeProcess::kill);
    }

    /// Everything that has to be there before the first process starts: ports, tokens, resources.
    pub fn prepare(layout: &Layout) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("causeway-clusters-{}-{number}", std::process::id()));
        fs::create_dir_all(&root).expect("a temporary directory");
        process::sweep_directory(root.clone());
        let resources = root.join("resources");
        fs::create_dir_all(&resources).expect("a directory for resources");
        fs::write(resources.join("broker.yaml"), broker(layout)).expect("a resource file");

        let network = layout.network.clone();
        let place = |n: usize| match &network {
            Some(network) => SocketAddr::new(network.add(&format!("backend-{n}")).address(), INTERNAL_PORT),
            None => SocketAddr::from(([127, 0, 0, 1], free_port())),
        };
        let given = |n: usize| layout.internal.get(n).copied().flatten();
        let internal: Vec<SocketAddr> = (0..layout.backends).map(|n| given(n).unwrap_or_else(|| place(n))).collect();
        let found = |n: usize| layout.found_at.get(n).copied().flatten().unwrap_or(internal[n]);
        let list: Vec<String> = (0..layout.backends).map(|n| format!("backend-{n}={}", found(n))).collect();
        let mut cluster = Cluster { backends: Vec::new(), frontends: Vec::new(), list: list.join(","), root, network };
        if !layout.broker.contains("encryptInternalTraffic: Disabled") {
            cluster.init_certificates();
        }
        for (n, address) in internal.iter().enumerate() {
            let name = format!("backend-{n}");
            let mut arguments = cluster.arguments("backend", &name);
            arguments.extend(words(&["--internal", &address.to_string()]));
            arguments.extend(layout.backend_flags.iter().cloned());
            cluster.backends.push(NodeProcess::new(&name, &cluster.root, arguments).on(cluster.machine(&name)));
        }
        for n in 0..layout.frontends {
            let mut frontend = cluster.another_frontend(&format!("frontend-{n}"));
            frontend.arguments_mut().extend(layout.frontend_flags.iter().cloned());
            cluster.frontends.push(frontend);
        }
        cluster
    }

    /// Adds a backend at the end of the list, which is not started; the others have the longer list from their next start on.
    pub fn grow(&mut self) {
        let (name, port) = (format!("backend-{}", self.backends.len()), free_port());
        self.list = format!("{},{name}=127.0.0.1:{port}", self.list);
        for process in self.frontends.iter_mut().chain(&mut self.backends) {
            process.set("--backends", Some(&self.list));
        }
        let mut arguments = self.arguments("backend", &name);
        arguments.extend(words(&["--internal", &format!("127.0.0.1:{port}")]));
        self.backends.push(NodeProcess::new(&name, &self.root, arguments));
    }

    /// Has every process have so many copies of each partition from its next start on.
    pub fn set_redundancy(&mut self, copies: usize) {
        for process in self.frontends.iter_mut().chain(&mut self.backends) {
            process.set("--redundancy-factor", Some(&copies.to_string()));
        }
    }

    /// One more frontend, which is not started and not held here.
    pub fn another_frontend(&self, name: &str) -> NodeProcess {
        let mut arguments = self.arguments("frontend", name);
        let machine = self.machine(name);
        let address = machine.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |machine| machine.address());
        arguments.extend(words(&["--mqtt", &format!("{address}:0"), "--mqtts", "off", "--ws", "off"]));
        NodeProcess::new(name, &self.root, arguments).on(machine)
    }

    /// The machine of a process of that name, if it has one of its own.
    fn machine(&self, name: &str) -> Option<Arc<Machine>> {
        self.network.as_ref().map(|network| network.add(name))
    }

    /// Waits until each of so many partitions has one leader and so many copies, and none lags behind, as the backends'
    /// metrics tell.
    pub fn caught_up(&self, partitions: usize, copies: usize) {
        let sum = |name: &str, labels: &str| {
            self.backends.iter().map(|backend| backend.sum(name, labels).unwrap_or_default()).sum::<f64>()
        };
        // Each member tells how many there are; who has left a group may still tell of it.
        let voters = (copies * copies) as f64;
        within(patience() * 2, "every partition has one leader and all its copies", || {
            let mut each = (0..partitions).map(|partition| format!("partition=\"{partition}\""));
            let is_whole = |of: String| {
                sum("causeway_replication_voters", &of) >= voters && sum("causeway_replication_leader", &of) == 1.0
            };
            (each.all(is_whole) && sum("causeway_replication_missing", "") == 0.0).then_some(())
        });
    }

    /// Which backend leads a partition; waits until it is one of them.
    pub fn leader(&self, partition: usize) -> usize {
        let of = format!("partition=\"{partition}\"");
        let leads = |backend: &NodeProcess| backend.sum("causeway_replication_leader", &of) == Some(1.0);
        within(patience(), "a partition has a leader", || self.backends.iter().position(leads))
    }

    /// Takes away the Broker resource: flags and other resources say everything.
    pub fn without_broker(self) -> Self {
        fs::remove_file(self.root.join("resources/broker.yaml")).expect("a resource file to remove");
        self
    }

    /// Makes the authority in the first backend's data directory, and the tokens with which the others join.
    fn init_certificates(&self) {
        let [data_dir, resources] =
            [self.authority(), self.root.join("resources")].map(|path| path.display().to_string());
        let cluster = ["certs", "init", "--cluster", "tests", "--data-dir", &data_dir, "--resources", &resources];
        let outcome = errand::run(&[&cluster[..], &["--shortest-internal-duration", "1s"]].concat());
        assert_eq!(outcome.code, 0, "certs init: {}{}", outcome.stdout, outcome.stderr);
    }

    /// Role and flags of a process of this cluster.
    pub fn arguments(&self, role: &str, name: &str) -> Vec<String> {
        let mut arguments = words(&[role, "--name", name, "--cluster", "tests", "--backends", &self.list]);
        arguments.extend(words(&["--resources", &self.root.join("resources").display().to_string()]));
        if name != "backend-0" {
            let token = self.authority().join(format!("{role}.token"));
            arguments.extend(words(&["--join-token-file", &token.display().to_string()]));
        }
        arguments
    }

    /// The data directory of the backend that holds the cluster's authority.
    pub fn authority(&self) -> PathBuf {
        self.root.join("backend-0/data")
    }

    /// `--backends` of every process.
    pub fn list(&self) -> &str {
        &self.list
    }

    /// Where resources and the processes' directories are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A new client of a frontend, with a clean session.
    pub fn client(&self, frontend: usize, version: Version) -> Client {
        self.frontends[frontend].client(version)
    }

    /// Connects at a frontend; panics unless accepted.
    pub fn connect(&self, frontend: usize, connect: &Connect) -> Client {
        self.frontends[frontend].connect(connect)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Frontends first: their clients' sessions are not to be lost to a test's end that looks like a fault.
        self.frontends.clear();
        self.backends.clear();
        if !process::keep_directories() {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}

fn broker(layout: &Layout) -> String {
    let cardinality = format!(
        "cardinality:\n  frontend: {{replicas: {}, workers: 1}}\n  backendChain: {{partitions: {}, redundancyFactor: {}, workers: 1}}\n",
        layout.frontends.max(1),
        layout.partitions,
        layout.redundancy
    );
    crate::resources::resource("Broker", "default", &format!("{cardinality}{}", layout.broker))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_string()).collect()
}
