//! The agent of Azure Arc: whoever can read the file that it names gets a token.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::{Mint, TOKEN_PATH, resource, trouble};
use crate::fresh;
use crate::https_server::{ANY, Answered, Seen, Server};

/// The one folder in which the agent puts its keys.
pub const KEYS: &str = "/var/opt/azcmagent/tokens";

/// Where it is unless a variable says otherwise.
const USUAL: &str = "127.0.0.1:40342";

/// What is named to who asks for a token for this resource.
type Naming = dyn Fn(&str) -> PathBuf + Send + Sync;

/// An agent; ends with this value, its keys with it.
pub struct Arced {
    pub server: Server,
    agent: Arc<Agent>,
}

struct Agent {
    mint: Arc<Mint>,
    /// Without, a new file each time.
    naming: Option<Box<Naming>>,
    /// Every key there ever was, with its file.
    keys: Mutex<Vec<(PathBuf, String)>>,
    numbers: AtomicU32,
    name: String,
}

impl Arced {
    /// As it is: each challenge names a new file in [`KEYS`], which is gone when its key has been shown.
    pub fn start(mint: &Arc<Mint>) -> Self {
        Arced::with(ANY, mint, None)
    }

    /// The same where agents are, as no variable says.
    pub fn start_where_it_belongs(mint: &Arc<Mint>) -> Self {
        Arced::with(USUAL, mint, None)
    }

    /// As somebody else might be who listens there: names files, by the resource that a token is asked for, and puts
    /// nothing there.
    pub fn naming(mint: &Arc<Mint>, naming: impl Fn(&str) -> PathBuf + Send + Sync + 'static) -> Self {
        Arced::with(ANY, mint, Some(Box::new(naming)))
    }

    fn with(address: &str, mint: &Arc<Mint>, naming: Option<Box<Naming>>) -> Self {
        fs::create_dir_all(KEYS).expect("the folder of the agent: these tests run as root");
        let agent = Arc::new(Agent {
            mint: Arc::clone(mint),
            naming,
            keys: Mutex::default(),
            numbers: AtomicU32::new(0),
            name: fresh(&format!("causeway-{}", std::process::id())),
        });
        let answering = Arc::clone(&agent);
        Arced { server: Server::http_at(address, move |seen| answering.answer(seen)), agent }
    }

    /// What the agent has the environment of a process say.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let endpoint = self.server.endpoint();
        [("IDENTITY_ENDPOINT", format!("{endpoint}{TOKEN_PATH}")), ("IMDS_ENDPOINT", endpoint)]
    }

    /// Every key there ever was.
    pub fn keys(&self) -> Vec<String> {
        self.agent.keys.lock().expect("the keys").iter().map(|(_, key)| key.clone()).collect()
    }

    /// Requests that showed something.
    pub fn told(&self) -> usize {
        self.server.seen().iter().filter(|seen| seen.header("authorization").is_some()).count()
    }
}

impl Agent {
    fn answer(&self, seen: &Seen) -> Answered {
        let resource = match resource(seen, "2020-06-01") {
            Ok(resource) => resource,
            Err(refused) => return refused,
        };
        match seen.header("authorization") {
            None => self.challenge(&resource),
            Some(shown) if self.is_key(shown) => self.mint.granted(&resource, shown),
            Some(_) => trouble(401, "unauthorized_client", "Invalid Basic Authorization header"),
        }
    }

    fn challenge(&self, resource: &str) -> Answered {
        let file = self.naming.as_ref().map_or_else(|| self.new_key(), |naming| naming(resource));
        let realm = format!("Basic realm={}", file.display());
        let error = r#"{"error":"unauthorized_client","error_description":"Missing Basic Authorization header"}"#;
        Answered::Headed(401, ("WWW-Authenticate", realm), error.to_owned())
    }

    /// A key in a new file.
    fn new_key(&self) -> PathBuf {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let file = Path::new(KEYS).join(format!("{}-{number}.key", self.name));
        let key = format!("{}-key-of-the-agent-{number}", self.name);
        fs::write(&file, &key).expect("a key of the agent");
        self.keys.lock().expect("the keys").push((file.clone(), key));
        file
    }

    /// Whether it is the key of a file that is still there; it will not be any more.
    fn is_key(&self, shown: &str) -> bool {
        let keys = self.keys.lock().expect("the keys");
        let found = keys.iter().find(|(file, key)| shown == format!("Basic {key}") && file.exists());
        found.is_some_and(|(file, _)| fs::remove_file(file).is_ok())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        for (file, _) in self.keys.get_mut().expect("the keys") {
            let _ = fs::remove_file(file);
        }
    }
}
