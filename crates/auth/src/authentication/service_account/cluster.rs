//! The API of the cluster: who we are to it, and single requests.
//!
//! Requests go out as they are and answers are read here, bounded: the client's own reading logs bodies that it does not
//! understand, and an answer to a TokenReview may hold the token.

use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::header::CONTENT_TYPE;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::review::ClusterAccess;
use crate::authentication::method::MethodFault;
use crate::authentication::secret::repeats;

const LARGEST_ANSWER: usize = 256 * 1024;
const LONGEST_MESSAGE: usize = 200;

pub(super) struct Cluster {
    access: Access,
    connect_deadline: Duration,
    client: OnceCell<Client>,
}

enum Access {
    InCluster,
    Kubeconfig { config: Box<Kubeconfig>, context: Option<String> },
}

/// Why there is no answer.
pub(super) enum ApiFault {
    /// The cluster says no, with an HTTP status.
    Status {
        code: u16,
        why: String,
    },
    Unreachable(String),
}

impl ApiFault {
    pub fn why(self) -> String {
        match self {
            Self::Status { code, why } => format!("status {code}: {why}"),
            Self::Unreachable(why) => why,
        }
    }
}

/// What the API answers instead of an object.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
}

impl Cluster {
    pub fn new(access: &ClusterAccess, connect_deadline: Duration) -> Result<Self, MethodFault> {
        let access = match access {
            ClusterAccess::InCluster => Access::InCluster,
            ClusterAccess::Kubeconfig { name, content, context } => {
                // What a reader would say of it may show what stands in it.
                let unreadable = || MethodFault::Kubeconfig(name.clone());
                let text = std::str::from_utf8(content.bytes()).map_err(|_| unreadable())?;
                let config = Kubeconfig::from_yaml(text).map_err(|_| unreadable())?;
                Access::Kubeconfig { config: Box::new(config), context: context.clone() }
            }
        };
        Ok(Self { access, connect_deadline, client: OnceCell::new() })
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: Vec<u8>, secret: &[u8]) -> Result<T, ApiFault> {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json").body(Body::from(body));
        self.call(request, secret).await
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiFault> {
        self.call(Request::get(path).body(Body::empty()), b"").await
    }

    /// Sends a request and reads the object that comes. `secret` is kept out of what is said if none comes.
    async fn call<T: DeserializeOwned>(
        &self,
        request: Result<Request<Body>, hyper::http::Error>,
        secret: &[u8],
    ) -> Result<T, ApiFault> {
        let request = request.map_err(|error| ApiFault::Unreachable(error.to_string()))?;
        let client = self.client.get_or_try_init(|| self.connect()).await?;
        let answer = client.send(request).await.map_err(|error| ApiFault::Unreachable(error.to_string()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await.map_err(|error| {
            ApiFault::Unreachable(match error.is::<LengthLimitError>() {
                true => format!("the answer is larger than {LARGEST_ANSWER} bytes"),
                false => "the answer broke off".to_owned(),
            })
        })?;
        let body = body.to_bytes();
        if status.is_success() {
            let unreadable = |_| ApiFault::Unreachable("the answer is not what the API says".to_owned());
            return serde_json::from_slice(&body).map_err(unreadable);
        }
        let said = serde_json::from_slice::<Status>(&body).unwrap_or_default().message;
        let why = match repeats(&said, secret) {
            true => "in words that repeat a secret".to_owned(),
            false => said.chars().take(LONGEST_MESSAGE).collect(),
        };
        Err(ApiFault::Status { code: status.as_u16(), why })
    }

    /// Inside a pod, token and CA are read anew by the client as they change.
    async fn connect(&self) -> Result<Client, ApiFault> {
        let mut config = match &self.access {
            Access::InCluster => Config::incluster().map_err(|error| ApiFault::Unreachable(error.to_string()))?,
            Access::Kubeconfig { config, context } => {
                let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
                let made = Config::from_custom_kubeconfig((**config).clone(), &options).await;
                made.map_err(|_| ApiFault::Unreachable("the kubeconfig lacks what its context names".to_owned()))?
            }
        };
        config.connect_timeout = Some(self.connect_deadline);
        Client::try_from(config).map_err(|error| ApiFault::Unreachable(error.to_string()))
    }
}
