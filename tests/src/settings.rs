//! The settings a test starts the broker with.

/// Listeners a test asks for; each is given a free port on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listeners {
    /// Plain MQTT and admin.
    Plain,
    /// MQTT, TLS, WebSocket and admin.
    All,
}

/// Whether options of the run are added to those of the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    Added,
    LeftOut,
}

/// Command-line options of the broker under test, by name.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listeners: Listeners,
    pub options: Vec<(String, String)>,
    /// Where the data goes; a fresh directory by default.
    pub data_dir: Option<std::path::PathBuf>,
    /// Where plain MQTT listens; any free port by default.
    pub mqtt: String,
    /// Runs the broker as user nobody, who may write nowhere.
    pub nobody: bool,
    /// Where the admin endpoint is, whatever resources say; without it, they decide.
    pub admin: Option<String>,
    /// Variables of the broker's environment.
    pub environment: Vec<(String, String)>,
    /// Whether `CAUSEWAY_TEST_ARGS` adds its options.
    pub extra: Extra,
    /// What its calls to sync files go through.
    pub sync_gate: Option<crate::sync_gate::SyncGate>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listeners: Listeners::Plain,
            options: Vec::new(),
            data_dir: None,
            mqtt: "127.0.0.1:0".into(),
            nobody: false,
            admin: Some("127.0.0.1:0".into()),
            environment: Vec::new(),
            extra: Extra::Added,
            sync_gate: None,
        }
    }
}

impl Settings {
    pub fn new() -> Self {
        Settings::default()
    }

    pub fn all_listeners() -> Self {
        Settings { listeners: Listeners::All, ..Settings::default() }
    }

    /// Sets `--name value`.
    pub fn set(mut self, name: &str, value: impl ToString) -> Self {
        self.options.retain(|(n, _)| n != name);
        self.options.push((name.into(), value.to_string()));
        self
    }

    pub fn data_dir(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Takes its configuration from these files.
    pub fn resources(self, resources: &crate::Resources) -> Self {
        self.set("--resources", resources.path().display())
    }

    pub fn mqtt(mut self, address: &str) -> Self {
        self.mqtt = address.into();
        self
    }

    /// Leaves the admin endpoint to the resources.
    pub fn admin_by_resources(mut self) -> Self {
        self.admin = None;
        self
    }

    /// Sets a variable of the broker's environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Leaves out the options of the run: flags would go before what the resources of this test say.
    pub fn as_written(mut self) -> Self {
        self.extra = Extra::LeftOut;
        self
    }

    /// Has the broker sync its files through this gate.
    pub fn sync_gate(mut self, gate: &crate::sync_gate::SyncGate) -> Self {
        self.sync_gate = Some(gate.clone());
        self
    }

    pub fn as_nobody(mut self) -> Self {
        self.nobody = true;
        self
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The command line after the program's name. `CAUSEWAY_TEST_ARGS` adds options to every broker of a run, so that the
    /// suites can be run with another number of workers or partitions; what a test sets itself wins.
    pub fn arguments(&self, data_dir: &std::path::Path) -> Vec<String> {
        let rest = if self.listeners == Listeners::All { "127.0.0.1:0" } else { "off" };
        let mut arguments: Vec<String> = vec!["--data-dir".into(), data_dir.display().to_string()];
        let listeners = [("--mqtt", self.mqtt.as_str()), ("--mqtts", rest), ("--ws", rest)];
        for (name, value) in listeners.into_iter().chain(self.admin.as_deref().map(|admin| ("--admin", admin))) {
            arguments.extend([name.to_string(), value.to_string()]);
        }
        let extra = if self.extra == Extra::Added { extra() } else { Vec::new() };
        for (name, value) in extra.iter().filter(|(name, _)| self.value(name).is_none()).chain(&self.options) {
            arguments.extend([name.clone(), value.clone()]);
        }
        arguments
    }
}

fn extra() -> Vec<(String, String)> {
    let words: Vec<String> =
        std::env::var("CAUSEWAY_TEST_ARGS").unwrap_or_default().split_whitespace().map(String::from).collect();
    words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}
