//! Those who hand out tokens for the identity of a machine or a pod: the metadata service of an Azure virtual machine,
//! the agent of Azure Arc, and the token host of Microsoft Entra. Each with the requests it insists on, its answers to
//! the letter, its challenge and its errors.

mod arc;
mod entra;
mod imds;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::https_server::{Answered, Seen};
use crate::token::{Signer, now_seconds};

pub use arc::{Arced, KEYS};
pub use entra::{Entra, Trusted, refusal};
pub use imds::{ADDRESS as IMDS_ADDRESS, imds};

/// Who signs the tokens.
pub const ISSUER: &str = "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/";
/// Whom they are about.
pub const SUBJECT: &str = "5b7a9c1e-0f2d-4e3a-8b6c-7d8e9f0a1b2c";
/// A path of every machine's endpoint.
const TOKEN_PATH: &str = "/metadata/identity/oauth2/token";

/// What makes the tokens, and decides whether there are any.
pub struct Mint {
    pub signer: Signer,
    state: Mutex<State>,
}

struct State {
    lifetime: u64,
    next: VecDeque<Answered>,
    outage: Option<Outage>,
    made: Vec<String>,
}

/// What everybody gets instead of a token.
#[derive(Clone)]
enum Outage {
    Answer(Answered),
    /// What they have shown, back.
    Echo,
}

/// A token, and for how many seconds it is good.
struct Made {
    token: String,
    lifetime: u64,
}

impl Mint {
    /// Of tokens that are good for an hour.
    pub fn new() -> Arc<Self> {
        Mint::of(3600)
    }

    /// Of tokens that are good for so many seconds.
    pub fn of(lifetime: u64) -> Arc<Self> {
        let state = State { lifetime, next: VecDeque::new(), outage: None, made: Vec::new() };
        Arc::new(Mint { signer: Signer::new("RS256", "entra-1"), state: Mutex::new(state) })
    }

    /// What the next who would get a token get instead, one each.
    pub fn before(&self, answers: impl IntoIterator<Item = Answered>) {
        self.state.lock().expect("the mint").next.extend(answers);
    }

    /// What everybody gets instead of a token from now on.
    pub fn fails(&self, answer: Answered) {
        self.state.lock().expect("the mint").outage = Some(Outage::Answer(answer));
    }

    /// Everybody gets an error from now on that repeats what he has shown, as servers in trouble do.
    pub fn repeats_what_it_was_shown(&self) {
        self.state.lock().expect("the mint").outage = Some(Outage::Echo);
    }

    pub fn recovers(&self) {
        self.state.lock().expect("the mint").outage = None;
    }

    /// From now on tokens are good for so many seconds.
    pub fn set_lifetime(&self, seconds: u64) {
        self.state.lock().expect("the mint").lifetime = seconds;
    }

    /// Every token there ever was.
    pub fn made(&self) -> Vec<String> {
        self.state.lock().expect("the mint").made.clone()
    }

    /// The keys, as the issuer publishes them.
    pub fn keys(&self) -> String {
        Signer::set(&[&self.signer])
    }

    /// A token for this audience to who has shown this, or what is answered instead.
    fn token(&self, audience: &str, shown: &str) -> Result<Made, Answered> {
        let mut state = self.state.lock().expect("the mint");
        if let Some(instead) = state.next.pop_front() {
            return Err(instead);
        }
        match &state.outage {
            None => {}
            Some(Outage::Answer(answer)) => return Err(answer.clone()),
            Some(Outage::Echo) => {
                return Err(trouble(400, "invalid_request", &format!("AADSTS700024: this is no use: {shown}")));
            }
        }
        let (now, lifetime) = (now_seconds(), state.lifetime);
        let token = self.signer.sign(&json!({
            "aud": audience, "iss": ISSUER, "iat": now, "nbf": now, "exp": now + lifetime,
            "appid": "9d2b6c1e-3f40-4a57-8b66-0c1d2e3f4a5b", "idtyp": "app", "oid": SUBJECT, "sub": SUBJECT,
            "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "uti": format!("{:x}", state.made.len()), "ver": "1.0",
        }));
        state.made.push(token.clone());
        Ok(Made { token, lifetime })
    }

    /// The answer of a machine's endpoint, in which numbers are text.
    fn granted(&self, resource: &str, shown: &str) -> Answered {
        let Made { token, lifetime } = match self.token(resource, shown) {
            Ok(made) => made,
            Err(instead) => return instead,
        };
        let now = now_seconds();
        let body = json!({
            "access_token": token, "client_id": "9d2b6c1e-3f40-4a57-8b66-0c1d2e3f4a5b",
            "expires_in": lifetime.to_string(), "expires_on": (now + lifetime).to_string(),
            "ext_expires_in": lifetime.to_string(), "not_before": now.to_string(), "resource": resource,
            "token_type": "Bearer",
        });
        Answered::With(200, body.to_string())
    }
}

/// An error of a machine's endpoint.
pub fn trouble(status: u16, error: &str, description: &str) -> Answered {
    Answered::With(status, json!({ "error": error, "error_description": description }).to_string())
}

/// What of a request is wrong, or the resource that a token is asked for.
fn resource(seen: &Seen, version: &str) -> Result<String, Answered> {
    let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
    let query = pairs(query);
    if path != TOKEN_PATH || seen.method != "GET" {
        return Err(Answered::With(404, String::new()));
    }
    if seen.header("metadata") != Some("true") {
        return Err(trouble(400, "invalid_request", "Required metadata header not specified"));
    }
    if query.get("api-version").map(String::as_str) != Some(version) {
        let body: Value = json!({ "error": "Bad request. api-version was not specified in the request",
            "newest-versions": ["2021-02-01", "2020-12-01"] });
        return Err(Answered::With(400, body.to_string()));
    }
    let missing = || trouble(400, "invalid_request", "Required query variable 'resource' is missing");
    query.get("resource").cloned().ok_or_else(missing)
}

/// The fields of a query, or of a form.
pub fn pairs(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two hexadecimal digits behind %")
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(plain).expect("a text")
}
