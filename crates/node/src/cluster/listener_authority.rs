//! How a frontend comes by the authority of its listeners' certificates: from the first backend, where every frontend has it
//! from, so that a client which trusts one trusts them all.

use std::path::Path;
use std::time::{Duration, Instant};

use config::BackendAddress;
use identity::AuthorityPair;
use identity::internal::{Credentials, MemberName, Role};
use link::wire::ask_stranger;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::dial::{Unsecured, secure};
use super::errand::{Errand, Reply};
use super::membership::{Membership, MembershipError};
use crate::signals::{Signals, Wish};

/// For the connection, the handshake and the answer.
const ATTEMPT: Duration = Duration::from_secs(3);

const PAUSE: Duration = Duration::from_millis(500);

/// After which the same trouble is logged again.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Asks for the authority, until it has come, where `folder` has none yet; `tell` is told what is in the way. Returns the
/// signal by which the process was told to end meanwhile.
///
/// # Errors
/// What has come is no authority, or cannot be stored.
pub(crate) fn fetch(
    membership: &Membership,
    folder: &Path,
    signals: &Signals,
    mut tell: impl FnMut(&str),
) -> Result<Option<&'static str>, MembershipError> {
    let (Some(ours), Some(authority)) = (membership.protection.credentials(), membership.plan.authority()) else {
        tracing::warn!(
            "encryptInternalTraffic is Disabled: the listeners' authority is one that this frontend makes itself"
        );
        return Ok(None);
    };
    if AuthorityPair::is_in(folder) {
        return Ok(None);
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut said: Option<(String, Instant)> = None;
    loop {
        let asked = runtime.block_on(async { timeout(ATTEMPT, ask(authority, ours)).await });
        let trouble = match asked {
            Ok(Ok(pair)) => {
                pair.store(folder)?;
                tracing::info!(from = authority.name, "has the authority of the cluster's listeners");
                return Ok(None);
            }
            Ok(Err(trouble)) => trouble,
            Err(_) => format!("no answer within {} s", ATTEMPT.as_secs()),
        };
        tell(&format!("the listeners' authority from {} at {authority}: {trouble}", authority.name));
        if said.as_ref().is_none_or(|(before, at)| *before != trouble || at.elapsed() >= SAY_AGAIN) {
            tracing::warn!(trouble, "no authority of the listeners yet; trying again");
            said = Some((trouble, Instant::now()));
        }
        match signals.wait(PAUSE) {
            Some(Wish::End(signal)) => return Ok(Some(signal)),
            Some(Wish::Reload) => tracing::warn!("nothing is read again before there is an authority of the listeners"),
            None => {}
        }
    }
}

async fn ask(to: &BackendAddress, ours: &Credentials) -> Result<AuthorityPair, String> {
    let name = MemberName::new(&to.name).map_err(|error| error.to_string())?;
    let configuration = ours.asker_to(Role::Backend, name).map_err(|error| error.to_string())?;
    let mut stream = secure(to, configuration).await.map_err(|unsecured| match unsecured {
        Unsecured::Broken(error) => error.to_string(),
        Unsecured::Refused(refusal) => refusal.to_string(),
    })?;
    let question = Errand::ListenerAuthority.to_bytes();
    let answer = ask_stranger(&mut stream, &question, ATTEMPT).await.map_err(|error| error.to_string())?;
    match Reply::from_bytes(&answer).map_err(|error| error.to_string())? {
        Reply::ListenerAuthority(pair) => Ok(pair),
        Reply::Refused(reason) => Err(reason),
        _ => Err("it answered something else".to_owned()),
    }
}
