//! `causeway certs`: makes the authority and tokens, asks and tells how certificates are, has them renewed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use config::{ClusterRole, Encryption, Host};
use identity::internal::{
    AuthoritySettings, ClusterName, InternalAuthority, InternalError, JoinToken, MemberName, Role, TokenUse,
};
use serde_json::{Value, json};

use super::{CertsError, document, folder, settings, table};
use crate::arguments::{
    AdminAddress, Certs, CertsErrand, CertsInit, CertsRemove, CertsRotate, CertsStatus, CertsToken, Place,
};
use crate::asking;
use crate::data_dir::DataDir;
use crate::host;
use crate::moment::rfc3339;

/// Where a running process tells of its certificates.
const PATH: &str = "/api/v1/internal-certificates";

/// Does the errand; returns what is to be printed.
///
/// # Errors
/// It is not done.
pub(crate) fn run(asked: Certs) -> Result<String, CertsError> {
    match asked.errand {
        CertsErrand::Init(asked) => init(&asked),
        CertsErrand::Token(asked) => token(asked),
        CertsErrand::Status(asked) => status(asked),
        CertsErrand::Remove(asked) => remove(asked),
        CertsErrand::Rotate(asked) => rotate(asked),
    }
}

fn init(asked: &CertsInit) -> Result<String, CertsError> {
    let plan = asked.reading().plan(&Host { cores: host::cores(), remembered: None }).1?;
    if plan.internal.encryption == Encryption::Disabled {
        return Err(CertsError::NotEncrypted);
    }
    let data_dir = DataDir::open(&asked.data_dir)?;
    let roles = [ClusterRole::Frontend, ClusterRole::Backend];
    let leaves = match asked.has_resources() {
        true => AuthoritySettings::for_leaves(&settings::of(&plan.internal.certificates)),
        false => settings::of_no_effect(),
    };
    let tokens = initiate(&data_dir, (&asked.cluster, leaves), &roles, asked.valid)?;
    let mut text = String::new();
    for (role, path) in tokens {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}  for each {role}: --join-token-file", path.display());
    }
    let until = rfc3339(SystemTime::now() + asked.valid);
    let _ = writeln!(text, "both let processes into cluster {} until {until}; who has one can join", asked.cluster);
    if !asked.has_resources() {
        let _ = writeln!(
            text,
            "how long certificates last is for the resources of the first backend to say: give them there"
        );
    }
    Ok(text)
}

/// Makes the authority in a data directory that no process has, unless it is there, and a token for each role; returns the
/// files of the tokens.
///
/// # Errors
/// A file cannot be read or written; another cluster's authority is there.
pub(crate) fn initiate(
    data_dir: &DataDir,
    (cluster, leaves): (&str, AuthoritySettings),
    roles: &[ClusterRole],
    valid: Duration,
) -> Result<Vec<(ClusterRole, PathBuf)>, CertsError> {
    let now = SystemTime::now();
    let authority =
        InternalAuthority::open(&folder::authority(data_dir.path()), ClusterName::new(cluster)?, leaves, now)?;
    let make = |role: &ClusterRole| {
        let token = authority.token(member_role(*role), TokenUse::UntilItEnds, valid, now)?;
        let text = token.to_text();
        Ok((*role, data_dir.hand_over(&format!("{role}.token"), &text)?))
    };
    roles.iter().map(make).collect()
}

fn token(asked: CertsToken) -> Result<String, CertsError> {
    let CertsToken { role, valid, uses, place } = asked;
    match place.place() {
        Place::Resting(data_dir, cluster) => {
            let authority = resting(&data_dir, &cluster, settings::of_no_effect())?;
            let token: JoinToken = authority.token(member_role(role), uses, valid, SystemTime::now())?;
            Ok(format!("{}\n", token.to_text().as_str()))
        }
        Place::Running(admin) => {
            let uses = match uses {
                TokenUse::Once => "Once",
                TokenUse::UntilItEnds => "UntilItEnds",
            };
            let body = json!({ "role": role.as_str(), "validSeconds": valid.as_secs(), "uses": uses });
            let made = asking::command(&admin, &format!("{PATH}/tokens"), &body)?;
            let token = made["token"].as_str().ok_or_else(|| asking::strange(&admin, "it gives no token"))?;
            Ok(format!("{token}\n"))
        }
    }
}

fn status(asked: CertsStatus) -> Result<String, CertsError> {
    let told = match asked.place.place() {
        Place::Resting(data_dir, cluster) => document::of(&resting(&data_dir, &cluster, settings::of_no_effect())?),
        Place::Running(admin) => asking::document(&admin, PATH)?,
    };
    Ok(match asked.json {
        true => format!("{told:#}\n"),
        false => table::status(&told),
    })
}

fn remove(asked: CertsRemove) -> Result<String, CertsError> {
    let CertsRemove { role, name, place } = asked;
    let told = match place.place() {
        Place::Resting(data_dir, cluster) => {
            let authority = resting(&data_dir, &cluster, settings::of_no_effect())?;
            authority.remove(member_role(role), &MemberName::new(&name)?, SystemTime::now())?;
            document::of(&authority)
        }
        Place::Running(admin) => {
            asking::command(&admin, &format!("{PATH}/remove"), &json!({ "role": role.as_str(), "name": name }))?
        }
    };
    Ok(table::status(&told))
}

fn rotate(asked: CertsRotate) -> Result<String, CertsError> {
    let (ca, resources) = (asked.ca, asked.resources);
    let told = match asked.place.place() {
        Place::Resting(_, _) if !ca => return Err(CertsError::Resting),
        Place::Resting(data_dir, cluster) => {
            let plan =
                resources.reading(&data_dir, &cluster).plan(&Host { cores: host::cores(), remembered: None }).1?;
            let leaves = AuthoritySettings::for_leaves(&settings::of(&plan.internal.certificates));
            let authority = resting(&data_dir, &cluster, leaves)?;
            authority.rotate(SystemTime::now())?;
            document::of(&authority)
        }
        Place::Running(admin) => rotate_running(&admin, ca)?,
    };
    Ok(table::status(&told))
}

fn rotate_running(admin: &AdminAddress, ca: bool) -> Result<Value, CertsError> {
    let what = if ca { "rotate-authority" } else { "rotate" };
    Ok(asking::command(admin, &format!("{PATH}/{what}"), &json!({}))?)
}

/// The authority in the data directory of a first backend that does not run.
pub(super) fn resting(
    data_dir: &Path,
    cluster: &str,
    settings: AuthoritySettings,
) -> Result<InternalAuthority, CertsError> {
    let folder = folder::authority(data_dir);
    // Looked at before, since opening would make one.
    if !folder.join("authority").is_file() {
        return Err(CertsError::NoAuthority { path: data_dir.to_owned() });
    }
    match InternalAuthority::open(&folder, ClusterName::new(cluster)?, settings, SystemTime::now()) {
        Err(InternalError::InUse { .. }) => Err(CertsError::Running { path: data_dir.to_owned() }),
        opened => Ok(opened?),
    }
}

fn member_role(role: ClusterRole) -> Role {
    match role {
        ClusterRole::Frontend => Role::Frontend,
        ClusterRole::Backend => Role::Backend,
    }
}
