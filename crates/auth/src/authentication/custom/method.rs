//! Asking the server, within bounds that hold when it is slow or gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Uri};

use super::answer::{self, Answer, SPOKEN};
use super::form;
use crate::authentication::counters::Counters;
use crate::authentication::credentials::{Credentials, Purpose};
use crate::authentication::https::{Endpoint, EndpointError, Headers, HttpsClient, HttpsSettings, Schemes, SendError};
use crate::authentication::judgement::{Accepted, Judgement, MethodKind};
use crate::authentication::method::MethodFault;
use crate::authentication::secret::{Secret, repeats};
use crate::authentication::seldom::Seldom;
use crate::authentication::turnstile::Turnstile;

const LARGEST_ANSWER: usize = 64 * 1024;
const LONGEST_MESSAGE: usize = 200;

/// Which server, and how it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomSettings {
    /// `https://host:port`, with a path of its own if it has one.
    pub endpoint: String,
    pub https: HttpsSettings,
    /// Sent with each request.
    pub headers: BTreeMap<String, Secret>,
    /// For one client, over all requests it takes and the wait before them.
    pub deadline: Duration,
    /// Requests under way; as many more may wait.
    pub most_at_once: usize,
}

impl CustomSettings {
    pub const DEADLINE: Duration = Duration::from_secs(5);
    pub const MOST_AT_ONCE: usize = 64;
}

pub(crate) struct Custom {
    /// The address for each version we speak.
    addresses: Vec<(&'static str, Uri)>,
    client: HttpsClient,
    headers: Headers,
    deadline: Duration,
    turnstile: Turnstile,
    counters: Arc<Counters>,
    warned: Seldom,
}

impl Custom {
    pub fn new(settings: &CustomSettings, counters: &Arc<Counters>) -> Result<Self, MethodFault> {
        let endpoint = Endpoint::parse(&settings.endpoint, Schemes::HttpsOnly)?;
        let address = |version: &&'static str| {
            let uri = endpoint.join("/", Some(&format!("api-version={version}")))?;
            Ok::<_, EndpointError>((*version, uri))
        };
        Ok(Self {
            addresses: SPOKEN.iter().map(address).collect::<Result<_, _>>()?,
            client: HttpsClient::new(&settings.https)?,
            headers: Headers::new(&settings.headers)?,
            deadline: settings.deadline,
            turnstile: Turnstile::new(settings.most_at_once, settings.most_at_once),
            counters: Arc::clone(counters),
            warned: Seldom::default(),
        })
    }

    pub async fn judge(&self, credentials: &Credentials, purpose: &Purpose) -> Judgement {
        let Some(body) = form::body(credentials, purpose) else { return Judgement::NotRelevant };
        let asked = tokio::time::timeout(self.deadline, self.ask(body)).await;
        match asked.unwrap_or_else(|_| Answer::NotNow(format!("no answer within {:?}", self.deadline))) {
            Answer::Accept { expires, attributes } => Judgement::Accept(Accepted {
                username: name(credentials, purpose),
                attributes,
                expires,
                by: MethodKind::Custom,
            }),
            Answer::Deny { reason, message } => {
                Judgement::Deny { reason, why: format!("the server refuses: {}", shown(message, credentials)) }
            }
            Answer::NotNow(why) => {
                self.warn(&why);
                Judgement::OutOfReach { why: format!("the authentication server cannot be asked: {why}") }
            }
            Answer::Wrong(why) => {
                self.warn(&why);
                Judgement::not_authorized(format!("the authentication server does not accept: {why}"))
            }
            Answer::Version(_) => Judgement::not_authorized("the authentication server wants a version, and then not"),
        }
    }

    /// Asks, and once more if another version is wanted.
    async fn ask(&self, body: Bytes) -> Answer {
        let Some(_place) = self.turnstile.enter().await else {
            return Answer::NotNow("too many requests are under way".to_owned());
        };
        match self.send(SPOKEN[0], body.clone()).await {
            Answer::Version(version) => self.send(version, body).await,
            answer => answer,
        }
    }

    async fn send(&self, version: &str, body: Bytes) -> Answer {
        let Some((_, address)) = self.addresses.iter().find(|(spoken, _)| *spoken == version) else {
            return Answer::Wrong("a version we do not speak".to_owned());
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.headers.add_to(headers);
        self.counters.asked(MethodKind::Custom);
        match self.client.send(request, LARGEST_ANSWER).await {
            Ok((status, body)) => answer::read(status, &body),
            Err(error @ SendError::TooLarge(_)) => Answer::Wrong(error.to_string()),
            Err(error @ SendError::Unreachable(_)) => Answer::NotNow(error.to_string()),
        }
    }

    fn warn(&self, why: &str) {
        self.counters.unanswered(MethodKind::Custom);
        if let Some(unsaid) = self.warned.due(Instant::now()) {
            let server = self.addresses.first().and_then(|(_, address)| address.host()).unwrap_or_default();
            tracing::warn!(server, why, unsaid, "the authentication server gives no usable answer");
        }
    }
}

/// The name that the server has seen, or had seen when the client connected.
fn name(credentials: &Credentials, purpose: &Purpose) -> Option<Box<str>> {
    match purpose {
        Purpose::Connect => credentials.username.clone(),
        Purpose::ReAuthenticate { username, .. } => username.clone(),
    }
}

/// The server's words for the log, cut short, and not at all if they repeat a secret, as it is or as it was sent.
fn shown(message: Option<String>, credentials: &Credentials) -> String {
    let Some(message) = message else { return "without a word".to_owned() };
    let data = credentials.enhanced.as_ref().and_then(|enhanced| enhanced.data.as_deref());
    if [credentials.password.as_deref(), data].into_iter().flatten().any(|secret| repeats(&message, secret)) {
        return "in words that repeat a secret".to_owned();
    }
    let cut: String = message.chars().take(LONGEST_MESSAGE).collect();
    format!("{cut:?}")
}
