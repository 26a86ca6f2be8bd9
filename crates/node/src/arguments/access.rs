//! Errands about who is let in and what they may do.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use crate::authz::Claims;

#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The file: key `users` of the Secret that passwordSecretRef names, secrets/NAME/users; made if missing, for its owner only
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The username, as clients give it in CONNECT
    #[arg(value_name = "USER", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: String,
    /// Delete the user
    #[arg(long, conflicts_with_all = ["password_stdin", "attribute"])]
    pub(crate) delete: bool,
    /// Take the password from standard input, all of it but the end of the last line, and ask nobody
    #[arg(long)]
    pub(crate) password_stdin: bool,
    /// An attribute, for the rules of a BrokerAuthorization; may be given several times. Those given replace all that the user
    /// has; without any, a known user keeps them
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute)]
    pub(crate) attribute: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct Authz {
    #[command(subcommand)]
    pub(crate) errand: AuthzErrand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthzErrand {
    /// Prints what a client may do by resource files, and the rule that decides
    ///
    /// No broker need run: the files are read, and decided by, as a broker does. Ends with 0 if it is allowed, 1 if it is
    /// denied, and 2 if that cannot be said.
    Explain(ExplainAccess),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainAccess {
    /// Resources to read: a file, or a folder whose *.yaml, *.yml and *.json are read; may be given several times
    #[arg(long, value_name = "PATH", required = true)]
    pub(crate) resources: Vec<PathBuf>,
    /// The listener that the client comes by, NAME/PORT, or NAME alone if it has one port [default: any, if all have the same rules]
    #[arg(long, value_name = "NAME/PORT")]
    pub(crate) listener: Option<String>,
    /// Who the client is, as authentication would find out: client-id=ID,username=NAME,attributes.building=17; may be given
    /// several times. The client identifier is needed
    #[arg(long = "as", value_name = "WHAT=VALUE,...", required = true)]
    pub(crate) claims: Vec<Claims>,
    /// What it wants to do
    #[command(subcommand)]
    pub(crate) action: ActionAsked,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum ActionAsked {
    /// To connect with its client identifier
    Connect,
    /// To publish
    Publish {
        #[arg(value_name = "TOPIC")]
        topic: String,
    },
    /// To subscribe
    Subscribe {
        /// A topic filter, $share/GROUP/ understood
        #[arg(value_name = "FILTER")]
        filter: String,
    },
}

fn attribute(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("give NAME=VALUE".to_owned()),
    }
}
