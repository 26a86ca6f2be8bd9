//! Resource files as a user keeps them: a directory of YAML with its secrets beside it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The group and version of the broker's resources.
const API: &str = "mqttbroker.iotoperations.azure.com/v1";

/// A directory for `--resources`; removed with this value.
pub struct Resources {
    dir: PathBuf,
}

impl Default for Resources {
    fn default() -> Self {
        Resources::new()
    }
}

impl Resources {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("causeway-resources-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory for resources");
        Resources { dir }
    }

    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Writes a file whole, or not at all, as editors and deployment tools do.
    pub fn write(&self, name: &str, text: &str) {
        let hidden = self.dir.join(format!(".{name}.new"));
        fs::write(&hidden, text).expect("a resource file");
        fs::rename(&hidden, self.dir.join(name)).expect("a resource file in its place");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.dir.join(name)).expect("a resource file to remove");
    }

    /// The Broker with these properties, as YAML below `spec`.
    pub fn broker(&self, spec: &str) {
        self.write("broker.yaml", &resource("Broker", "default", spec));
    }

    /// A BrokerListener in a file of its own, with these properties.
    pub fn listener(&self, name: &str, spec: &str) {
        self.write(&format!("{name}.yaml"), &resource("BrokerListener", name, spec));
    }

    /// A secret as a directory with one file a key.
    pub fn secret(&self, name: &str, entries: &[(&str, &[u8])]) {
        let dir = self.dir.join("secrets").join(name);
        fs::create_dir_all(&dir).expect("a directory for a secret");
        for (key, value) in entries {
            let hidden = dir.join(format!(".{key}.new"));
            fs::write(&hidden, value).expect("a key of a secret");
            fs::rename(&hidden, dir.join(key)).expect("a key of a secret in its place");
        }
    }
}

impl Drop for Resources {
    fn drop(&mut self) {
        if !crate::process::keep_directories() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// One document; `spec` is indented as it stands in a file of its own.
pub fn resource(kind: &str, name: &str, spec: &str) -> String {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let spec = if spec.trim().is_empty() { " {}\n".to_string() } else { format!("\n{indented}") };
    format!("apiVersion: {API}\nkind: {kind}\nmetadata:\n  name: {name}\nspec:{spec}")
}

/// A port on loopback that nobody listens on now. It is none of those that the system gives to connections and to port 0,
/// so that it can be taken again after a restart.
pub fn free_port() -> u16 {
    const PORTS: std::ops::Range<u16> = 12_000..32_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Tests are processes: each begins somewhere else.
    let begin = std::process::id().wrapping_mul(7_919);
    let ports = u32::from(PORTS.end - PORTS.start);
    let candidates = (0..ports).map(|_| begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % ports);
    let mut candidates = candidates.map(|offset| PORTS.start + offset as u16);
    candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
