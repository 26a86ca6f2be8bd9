//! The agent of a machine that Azure Arc connects: it hands out tokens to who can read a file that it names.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use hyper::Uri;
use hyper::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use zeroize::Zeroizing;

use super::{address, imds};
use crate::credentials::error::{CredentialError, FileProblem};
use crate::credentials::files;
use crate::credentials::https::{Answer, Https, Patience, is_loopback, place};
use crate::credentials::presented::Presented;

const API_VERSION: &str = "2020-06-01";
const LARGEST_KEY: usize = 4096;
const SILENT: &str = "start the Azure Arc agent (systemctl start himds), or see azcmagent show";

/// An agent on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Agent {
    endpoint: Uri,
    keys: PathBuf,
}

impl Agent {
    /// Only plain HTTP to this machine: what is sent there opens the identity.
    pub fn new(field: &'static str, endpoint: &str, keys: &Path) -> Result<Self, CredentialError> {
        let uri = address(field, endpoint)?;
        if !uri.host().is_some_and(is_loopback) {
            let expected = "an address of this machine, like http://127.0.0.1:40342/metadata/identity/oauth2/token";
            return Err(CredentialError::Setting { field, value: endpoint.to_owned(), expected });
        }
        Ok(Self { endpoint: uri, keys: keys.to_owned() })
    }

    #[cfg(test)]
    pub fn endpoint(&self) -> &Uri {
        &self.endpoint
    }

    /// Asks, reads the file that the agent names, and asks again with what it holds.
    pub async fn token(
        &self,
        https: &Https,
        resource: &str,
        deadline: Duration,
        now: SystemTime,
    ) -> Result<Presented, CredentialError> {
        let patience = Patience { deadline, remedy: SILENT };
        let answer = https.send(imds::request(&self.endpoint, API_VERSION, resource)?, patience).await?;
        match answer.status {
            401 => {}
            200 => return Err(self.unanswered("the agent gave a token to who had not answered its challenge")),
            _ => return Err(refused(&answer, &[])),
        }
        let key = self.key(&answer)?;
        let mut request = imds::request(&self.endpoint, API_VERSION, resource)?;
        let basic = Zeroizing::new([b"Basic ", key.as_slice()].concat());
        let mut value = HeaderValue::from_bytes(&basic).map_err(|_| self.unanswered("the key has line ends in it"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
        let answer = https.send(request, patience).await?;
        if answer.status == 200 { answer.token(now) } else { Err(refused(&answer, &key)) }
    }

    /// The content of the file that a challenge names, which must be where the agent puts such files: whoever else
    /// listened there would get any file of this process.
    fn key(&self, challenge: &Answer) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
        let named = challenge.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let path = named.filter_map(realm).next();
        let path = path.ok_or_else(|| self.unanswered("it has no header WWW-Authenticate: Basic realm=FILE"))?;
        let path = Path::new(path);
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !plain || path.parent() != Some(&self.keys) {
            return Err(self.unanswered(&format!(
                "it names {}, not a file in {}",
                path.display(),
                self.keys.display()
            )));
        }
        if path.extension().is_none_or(|extension| extension != "key") {
            return Err(self.unanswered(&format!("it names {}, whose name does not end in .key", path.display())));
        }
        let file = |problem| CredentialError::File {
            place: path.display().to_string(),
            problem,
            expected: "the Azure Arc agent's key, which members of the group himds may read",
        };
        let there = fs::symlink_metadata(path).map_err(|error| file(FileProblem::Unreadable(error.to_string())))?;
        // A link may lead out of the folder.
        if !there.is_file() {
            return Err(file(FileProblem::NotRegular));
        }
        files::read(path, LARGEST_KEY).map_err(file)
    }

    fn unanswered(&self, reason: &str) -> CredentialError {
        CredentialError::Challenge { endpoint: place(&self.endpoint), reason: reason.to_owned() }
    }
}

/// The file of `Basic realm=FILE`, in quotes or not.
fn realm(header: &str) -> Option<&str> {
    let (scheme, rest) = header.trim().split_once(' ')?;
    let (name, value) = rest.trim().split_once('=')?;
    let known = scheme.eq_ignore_ascii_case("basic") && name.trim().eq_ignore_ascii_case("realm");
    known.then(|| value.trim().trim_matches('"'))
}

fn refused(answer: &Answer, key: &[u8]) -> CredentialError {
    let said = answer.said(&[key]);
    let remedy = match answer.status {
        401 | 403 => "the agent does not take its own key; see azcmagent show, and restart himds",
        404 | 408 | 410 | 429 | 500.. => "it is asked again; see azcmagent show",
        _ => "see azcmagent show, and the audience of the endpoint",
    };
    answer.refused(&said, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_realm_is_a_path() {
        for (header, expected) in [
            ("Basic realm=/var/opt/azcmagent/tokens/a.key", Some("/var/opt/azcmagent/tokens/a.key")),
            ("basic Realm=\"/x y/a.key\"", Some("/x y/a.key")),
            ("Basic realm=", Some("")),
            ("Bearer realm=/x", None),
            ("Basic", None),
            ("Basic file=/x", None),
            ("", None),
        ] {
            assert_eq!(realm(header), expected, "{header}");
        }
    }
}
