//! Published keys: fetched when they are needed and old, one fetch at a time, the last good ones kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode, Uri};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::key_set::KeySet;
use super::keys::{KeysError, RemoteKeySettings, RemotePlace};
use crate::authentication::counters::Counters;
use crate::authentication::https::{Endpoint, Headers, HttpsClient, Schemes};
use crate::authentication::judgement::MethodKind;
use crate::authentication::seldom::Seldom;

/// Between two fetches, whatever tokens ask for.
const LEAST_PAUSE: Duration = Duration::from_secs(10);
const LARGEST_ANSWER: usize = 512 * 1024;
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// What a token needs of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Any,
    /// Those that are here lack the one it names.
    Newer,
}

pub(super) struct RemoteKeys {
    place: Place,
    client: HttpsClient,
    headers: Headers,
    refresh: Duration,
    deadline: Duration,
    kept: Mutex<Kept>,
    /// One fetch at a time; the others wait for it and take what it brought.
    fetching: Semaphore,
    counters: Arc<Counters>,
    of: MethodKind,
    warned: Seldom,
}

enum Place {
    Set(Uri),
    Configuration { uri: Uri, issuer: Box<str> },
}

#[derive(Default)]
struct Kept {
    set: Option<Arc<KeySet>>,
    fetched: Option<SystemTime>,
    tried: Option<SystemTime>,
    failure: Option<String>,
}

impl Kept {
    fn is_due(&self, need: Need, refresh: Duration, now: SystemTime) -> bool {
        // A clock that was set back makes everything old.
        let older = |moment: Option<SystemTime>, age: Duration| {
            moment.is_none_or(|moment| now.duration_since(moment).map_or(true, |elapsed| elapsed >= age))
        };
        older(self.tried, LEAST_PAUSE) && (need == Need::Newer || self.set.is_none() || older(self.fetched, refresh))
    }
}

#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl RemoteKeys {
    pub fn new(
        settings: &RemoteKeySettings,
        issuer: &str,
        counters: Arc<Counters>,
        of: MethodKind,
    ) -> Result<Self, KeysError> {
        let place = match &settings.place {
            RemotePlace::Address(address) => {
                Place::Set(Endpoint::parse(address, Schemes::HttpOnLoopback)?.uri().clone())
            }
            RemotePlace::Discovery => {
                let uri = Endpoint::parse(issuer, Schemes::HttpOnLoopback)?.join(CONFIGURATION, None)?;
                Place::Configuration { uri, issuer: issuer.into() }
            }
        };
        Ok(Self {
            place,
            client: HttpsClient::new(&settings.https)?,
            headers: Headers::new(&settings.headers)?,
            refresh: settings.refresh,
            deadline: settings.deadline,
            kept: Mutex::default(),
            fetching: Semaphore::new(1),
            counters,
            of,
            warned: Seldom::default(),
        })
    }

    /// The keys, fetched anew if that is due. Those of before are good as long as no newer ones can be had.
    pub async fn keys(&self, need: Need, now: SystemTime) -> Result<Arc<KeySet>, String> {
        if self.kept(|kept| kept.is_due(need, self.refresh, now))
            && let Ok(Ok(_alone)) = tokio::time::timeout(self.deadline, self.fetching.acquire()).await
            && self.kept(|kept| kept.is_due(need, self.refresh, now))
        {
            self.renew(now).await;
        }
        self.kept(|kept| match &kept.set {
            Some(set) => Ok(Arc::clone(set)),
            None => Err(kept.failure.clone().unwrap_or_else(|| "the keys are not here yet".to_owned())),
        })
    }

    async fn renew(&self, now: SystemTime) {
        self.kept(|kept| kept.tried = Some(now));
        self.counters.asked(self.of);
        let fetched = match tokio::time::timeout(self.deadline, self.fetch()).await {
            Ok(fetched) => fetched,
            Err(_) => Err(format!("no answer within {:?}", self.deadline)),
        };
        match fetched {
            Ok(set) => self.kept(|kept| {
                (kept.set, kept.fetched, kept.failure) = (Some(Arc::new(set)), Some(now), None);
            }),
            Err(why) => {
                self.counters.unanswered(self.of);
                if let Some(unsaid) = self.warned.due(Instant::now()) {
                    tracing::warn!(from = %self.uri(), why, unsaid, "the keys of tokens could not be fetched");
                }
                self.kept(|kept| kept.failure = Some(format!("the keys cannot be fetched: {why}")));
            }
        }
    }

    async fn fetch(&self) -> Result<KeySet, String> {
        let uri = match &self.place {
            Place::Set(uri) => uri.clone(),
            Place::Configuration { uri, issuer } => self.discover(uri, issuer).await?,
        };
        KeySet::parse(&self.read(uri).await?).map_err(|error| error.to_string())
    }

    /// Asks the issuer where its keys are. It must call itself what tokens call it (OpenID Connect Discovery 1.0, 4.3).
    async fn discover(&self, uri: &Uri, issuer: &str) -> Result<Uri, String> {
        let body = self.read(uri.clone()).await?;
        let found: Configuration =
            serde_json::from_slice(&body).map_err(|_| format!("what {uri} answers is no OpenID configuration"))?;
        if found.issuer != issuer {
            return Err(format!("{uri} speaks for the issuer {:.200}, not for {issuer}", found.issuer));
        }
        let endpoint = Endpoint::parse(&found.jwks_uri, Schemes::HttpOnLoopback).map_err(|error| error.to_string())?;
        Ok(endpoint.uri().clone())
    }

    async fn read(&self, uri: Uri) -> Result<Bytes, String> {
        let place = uri.to_string();
        let mut request = Request::builder().method(Method::GET).uri(uri);
        if let Some(headers) = request.headers_mut() {
            self.headers.add_to(headers);
        }
        let request = request.body(Full::default()).map_err(|error| error.to_string())?;
        let (status, body) = self.client.send(request, LARGEST_ANSWER).await.map_err(|error| error.to_string())?;
        if status == StatusCode::OK { Ok(body) } else { Err(format!("{place} answers {status}")) }
    }

    fn uri(&self) -> &Uri {
        match &self.place {
            Place::Set(uri) | Place::Configuration { uri, .. } => uri,
        }
    }

    fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
