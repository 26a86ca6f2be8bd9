//! The flags of a process that runs dataflows, and of those that ask about them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use config::{Given, Request};

use crate::reading::Reading;
use crate::sources::Sources;

/// Where a bridge keeps its state unless it is told.
const DATA_DIR: &str = "./causeway-bridge-data";
/// Where its admin endpoint is unless it is told: the port is the profile's.
const ADMIN: &str = "127.0.0.1:0";

#[derive(Debug, Clone, Args)]
pub(crate) struct BridgeFlags {
    /// Resources to read: a file, or a folder whose *.yaml, *.yml and *.json are read. Secrets may lie beside them as
    /// folders, secrets/NAME/KEY. Changes apply while the bridge runs; may be given several times
    #[arg(long, value_name = "PATH", required = true)]
    resources: Vec<PathBuf>,
    /// Where the bridge keeps what it has to know again, not the broker's; made if missing [default: ./causeway-bridge-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Run the dataflows of this profile alone, with its log level and its metrics port [default: run all, with those of the
    /// profile `default`]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) local: LocalFlags,
    /// Health, metrics and the API over HTTP; loopback only unless a resource gives it a token [default: 127.0.0.1 and the
    /// profile's port, 9600 unless it names another]
    #[arg(long, value_name = "ADDR:PORT|off")]
    admin: Option<String>,
    /// What the log on stderr tells; JSON lines unless stderr is a terminal [default: the profile's, else info]
    #[arg(long, value_name = "error|warn|info|debug|trace")]
    log_level: Option<String>,
}

/// The broker of this installation, for who is not in its process.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LocalFlags {
    /// Where the broker of this installation is [default: where the resources say, aio-broker:18883]
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    pub(crate) local: Option<(String, u16)>,
    /// The authority that signs its certificate, in PEM form: tls/ca.crt in its data directory [default: the ConfigMap that the
    /// endpoint refers to]
    #[arg(long, value_name = "FILE")]
    pub(crate) local_ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DataflowErrands {
    #[command(subcommand)]
    pub(crate) errand: DataflowErrand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataflowErrand {
    /// Lists the dataflows of a running process and how they are doing
    List(DataflowList),
    /// Shows a dataflow of a running process: both ends, what failed last, what it has carried
    Show(DataflowShow),
    /// Connects to the endpoints of dataflows from here, step by step, without moving data
    ///
    /// Name, TCP, TLS, credential, CONNECT and SUBSCRIBE are tried as a dataflow would, with a client identifier of its own
    /// and a session that ends at once; running dataflows are not disturbed. Ends with 0 if every step passed, 1 if one
    /// failed, and 2 if it cannot be tried.
    Test(DataflowTest),
}

#[derive(Debug, Args)]
pub(crate) struct DataflowList {
    #[command(flatten)]
    pub(crate) admin: AdminAddress,
}

#[derive(Debug, Args)]
pub(crate) struct DataflowShow {
    /// The dataflow
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) admin: AdminAddress,
}

/// Where a running process answers.
#[derive(Debug, Args)]
pub(crate) struct AdminAddress {
    /// The admin endpoint of the broker, or of the bridge
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9600")]
    pub(crate) admin: String,
    /// A file with the endpoint's token, if it asks for one
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print the answer as JSON, as the endpoint gave it
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DataflowTest {
    /// The dataflow whose two endpoints are tried [default: every one that is enabled]
    #[arg(value_name = "NAME", conflicts_with = "endpoint")]
    pub(crate) name: Option<String>,
    /// Try this endpoint, up to CONNECT, whether a dataflow uses it or not
    #[arg(long, value_name = "NAME")]
    pub(crate) endpoint: Option<String>,
    /// Resources to read: a file, or a folder whose *.yaml, *.yml and *.json are read; may be given several times
    #[arg(long, value_name = "PATH", required = true)]
    pub(crate) resources: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) local: LocalFlags,
    /// Print what came of it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl BridgeFlags {
    /// What the command line asks for. What a broker would listen on besides is nothing to a bridge.
    pub(crate) fn reading(&self) -> Reading {
        let flag = |flag: &str, text: &str| Some(Given::flag(flag, text.to_owned()));
        let flags = Request {
            data_dir: Some(self.data_dir.clone().unwrap_or_else(|| DATA_DIR.into())),
            admin: flag("--admin", self.admin.as_deref().unwrap_or(ADMIN)),
            log_level: self.log_level.as_deref().and_then(|level| flag("--log-level", level)),
            ..Request::default()
        };
        Reading { flags, sources: Sources { resources: self.resources.clone(), broker_config: None } }
    }

    /// Whether these say what the log tells, so that the profile's level does not count.
    pub(crate) fn names_log_level(&self) -> bool {
        self.log_level.is_some()
    }

    /// Whether these say where the admin endpoint is, so that the profile's port does not count.
    pub(crate) fn names_admin(&self) -> bool {
        self.admin.is_some()
    }
}

impl DataflowTest {
    pub(crate) fn reading(&self) -> Reading {
        let sources = Sources { resources: self.resources.clone(), broker_config: None };
        let flags = Request { admin: Some(Given::flag("--admin", "off".to_owned())), ..Request::default() };
        Reading { flags, sources }
    }
}

/// `HOST:PORT`; an IPv6 address in brackets, which are not part of the host.
fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let expected = || "give HOST:PORT, such as localhost:8883 or [::1]:8883".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let port = port.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(expected)?;
    match bare.unwrap_or(host) {
        "" => Err(expected()),
        host if bare.is_none() && host.contains([':', '/']) => Err(expected()),
        host => Ok((host.to_owned(), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn hosts_have_ports() {
        for (text, host, port) in [("a:1", "a", 1), ("[::1]:8883", "::1", 8883), ("10.0.0.1:65535", "10.0.0.1", 65535)]
        {
            assert_eq!(host_and_port(text).unwrap(), (host.to_owned(), port), "{text}");
        }
        for text in ["", "a", ":1", "a:", "a:0", "a:65536", "::1:1", "mqtt://a:1", "a:1/b", "[]:1"] {
            assert!(host_and_port(text).is_err(), "{text}");
        }
    }
}
