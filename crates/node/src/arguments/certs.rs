//! Errands about the internal certificates of a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use config::{ClusterRequest, ClusterRole, Given, Request};
use identity::internal::TokenUse;

use super::AdminAddress;
use super::listeners::given;
use crate::reading::Reading;
use crate::sources::Sources;

/// Where a process of a cluster answers unless it is told.
const ADMIN: &str = "http://127.0.0.1:9600";

#[derive(Debug, Args)]
pub(crate) struct Certs {
    #[command(subcommand)]
    pub(crate) errand: CertsErrand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CertsErrand {
    /// Makes the authority of a cluster before its first start, and a join token for each role
    ///
    /// DATA-DIR is to be that of the first backend, which must not be running. The tokens are written there too, in
    /// frontend.token and backend.token, for their owner only: give the first to all frontends and the other to all other
    /// backends, as --join-token-file. An authority that is there already stays, and only the tokens are made anew.
    Init(CertsInit),
    /// Makes a join token, with which a process gets its first certificate, and prints it
    ///
    /// It is for one cluster and one role, and secret. The first backend is asked, which holds the authority.
    Token(CertsToken),
    /// Tells how the certificate of a process is, and, of the first backend, how the authority is
    Status(CertsStatus),
    /// Takes a process's standing in the cluster away: its certificate is refused from then on
    ///
    /// The first backend is asked, which holds the authority. It refuses the process at once and ends the links that it has made;
    /// the others do within ten seconds, as soon as they hear of it. With a join token the process may come in anew.
    Remove(CertsRemove),
    /// Has a process renew its certificate now, or the first backend replace the authority
    ///
    /// Clients notice nothing. A new authority is trusted by everybody before it issues, and the old one is trusted until its
    /// last certificate has ended.
    Rotate(CertsRotate),
}

#[derive(Debug, Args)]
pub(crate) struct CertsInit {
    /// The cluster's name
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) cluster: String,
    /// The data directory of the first backend; made if missing
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// How long the tokens let somebody in, 1m to 8760h; every process of their role may use them
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = validity)]
    pub(crate) valid: Duration,
    #[command(flatten)]
    pub(crate) resources: CertsResources,
}

/// How internal certificates are to be.
#[derive(Debug, Clone, Default, Args)]
#[group(requires = "data_dir")]
pub(crate) struct CertsResources {
    /// The resources of the cluster, for its internalCerts: a file or a folder; may be given several times
    #[arg(long, value_name = "PATH")]
    resources: Vec<PathBuf>,
    /// The properties of the Broker resource alone, as JSON, as `az iot ops create --broker-config-file` takes it
    #[arg(long, value_name = "FILE")]
    broker_config_file: Option<PathBuf>,
    /// What internal certificates may last at the least, 1s to 1m
    #[arg(long, value_name = "DURATION", hide = true)]
    shortest_internal_duration: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CertsToken {
    /// What the process that joins is to be
    #[arg(long, value_name = "frontend|backend", value_parser = role)]
    pub(crate) role: ClusterRole,
    /// How long it lets somebody in, 1m to 8760h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = validity)]
    pub(crate) valid: Duration,
    /// How many processes it lets in: one, or any until it ends
    #[arg(long, value_name = "1|any", default_value = "1", value_parser = uses)]
    pub(crate) uses: TokenUse,
    #[command(flatten)]
    pub(crate) place: CertsPlace,
}

#[derive(Debug, Args)]
pub(crate) struct CertsStatus {
    #[command(flatten)]
    pub(crate) place: CertsPlace,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CertsRemove {
    /// What the process is
    #[arg(long, value_name = "frontend|backend", value_parser = role)]
    pub(crate) role: ClusterRole,
    /// Its name, as frontend-0
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) place: CertsPlace,
}

#[derive(Debug, Args)]
pub(crate) struct CertsRotate {
    /// Replace the authority, at the first backend
    #[arg(long)]
    pub(crate) ca: bool,
    #[command(flatten)]
    pub(crate) place: CertsPlace,
    #[command(flatten)]
    pub(crate) resources: CertsResources,
}

/// A process that runs, or the data directory of one that does not.
#[derive(Debug, Clone, Args)]
pub(crate) struct CertsPlace {
    /// The admin endpoint of a process that runs [default: http://127.0.0.1:9600]
    #[arg(long, value_name = "URL", conflicts_with_all = ["data_dir", "cluster"])]
    admin: Option<String>,
    /// A file with the endpoint's token, if it asks for one
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    token_file: Option<PathBuf>,
    /// The data directory of the first backend, where that does not run
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The cluster's name, with --data-dir [default: default]
    #[arg(long, value_name = "NAME", requires = "data_dir")]
    cluster: Option<String>,
}

/// Where an errand is done.
#[derive(Debug)]
pub(crate) enum Place {
    /// Over the admin endpoint.
    Running(AdminAddress),
    /// In a data directory, of the cluster of that name.
    Resting(PathBuf, String),
}

impl CertsInit {
    /// What the resources say, as the first backend would read it.
    pub(crate) fn reading(&self) -> Reading {
        self.resources.reading(&self.data_dir, &self.cluster)
    }

    /// Whether there are any: without, nothing is said about certificates.
    pub(crate) fn has_resources(&self) -> bool {
        let CertsResources { resources, broker_config_file, .. } = &self.resources;
        !resources.is_empty() || broker_config_file.is_some()
    }
}

impl CertsResources {
    pub(crate) fn reading(&self, data_dir: &Path, cluster: &str) -> Reading {
        let flag = |flag: &str, text: &str| Given::flag(flag, text.to_owned());
        let cluster = ClusterRequest {
            role: ClusterRole::Backend,
            name: flag("--name", "backend-0"),
            cluster: Some(flag("--cluster", cluster)),
            internal: None,
            backends: flag("--backends", "backend-0=127.0.0.1:7883"),
            // Others than the first backend are not known here.
            redundancy_factor: Some(flag("--redundancy-factor", "1")),
            join_token_file: None,
            shortest_internal_duration: given("--shortest-internal-duration", self.shortest_internal_duration.clone()),
        };
        let flags = Request {
            data_dir: Some(data_dir.to_owned()),
            admin: given("--admin", Some("off".to_owned())),
            cluster: Some(cluster),
            ..Request::default()
        };
        let sources = Sources { resources: self.resources.clone(), broker_config: self.broker_config_file.clone() };
        Reading { flags, sources }
    }
}

impl CertsPlace {
    pub(crate) fn place(self) -> Place {
        let Self { admin, token_file, data_dir, cluster } = self;
        match data_dir {
            Some(data_dir) => Place::Resting(data_dir, cluster.unwrap_or_else(|| "default".to_owned())),
            None => {
                let admin = admin.unwrap_or_else(|| ADMIN.to_owned());
                Place::Running(AdminAddress { admin, token_file, json: false })
            }
        }
    }
}

fn role(text: &str) -> Result<ClusterRole, String> {
    [ClusterRole::Frontend, ClusterRole::Backend]
        .into_iter()
        .find(|role| role.as_str() == text)
        .ok_or_else(|| "give frontend or backend".to_owned())
}

fn uses(text: &str) -> Result<TokenUse, String> {
    match text {
        "1" => Ok(TokenUse::Once),
        "any" => Ok(TokenUse::UntilItEnds),
        _ => Err("give 1, or any for as many as come until it ends".to_owned()),
    }
}

fn validity(text: &str) -> Result<Duration, String> {
    const RANGE: std::ops::RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(8760 * 3600);
    let duration = config::duration(text).filter(|duration| RANGE.contains(duration));
    duration.ok_or_else(|| "give hours, minutes and seconds, such as 1h30m; 1m to 8760h".to_owned())
}
