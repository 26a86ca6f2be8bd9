//! Questions to the admin endpoint of a running process.

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use axum::http::{Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::arguments::AdminAddress;

/// For one answer, connecting included.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that an answer may be.
const ANSWER_BYTES: usize = 16 << 20;
/// Pages taken at most: an endpoint whose pages never end is none of ours.
const PAGES_MAX: usize = 10_000;

/// Why there is no answer; one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("--admin {0}: give http://HOST:PORT, where the admin endpoint of a running causeway is")]
    Address(String),
    #[error("--token-file {}: cannot be read: {source}", path.display())]
    Token { path: PathBuf, source: io::Error },
    #[error("--token-file {}: has no token: letters, digits and signs of ASCII in one line", .0.display())]
    NoToken(PathBuf),
    #[error("cannot reach {admin}: {reason}; is causeway running, and is its admin endpoint there (--admin)?")]
    Unreachable { admin: String, reason: String },
    #[error("{admin} asks for its token; give the file that has it with --token-file")]
    Unauthorized { admin: String },
    #[error("{admin} answers: {text}")]
    Refused { admin: String, text: String },
    #[error("{admin} does not answer as the admin endpoint of causeway does: {reason}")]
    Strange { admin: String, reason: String },
    #[error("cannot ask: {0}")]
    Runtime(io::Error),
}

/// Where, and with what.
struct Asker<'a> {
    admin: &'a str,
    host: String,
    port: u16,
    token: Option<String>,
}

/// What is asked of the endpoint.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Told(&'a str),
    Done(&'a str, &'a Value),
}

/// The items of all pages.
pub(crate) fn all(asked: &AdminAddress, path: &str) -> Result<Value, AskError> {
    let asker = Asker::new(asked)?;
    asker.run(async {
        let (mut items, mut after) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let query = after.map_or_else(String::new, |after| format!("?after={}", escaped(&after)));
            let mut page = asker.ask(Wanted::Told(&format!("{path}{query}"))).await?;
            match page.get_mut("items").map(Value::take) {
                Some(Value::Array(more)) => items.extend(more),
                _ => return Err(asker.strange("it has no items")),
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(Value::Array(items))
    })
}

/// One of them.
pub(crate) fn one(asked: &AdminAddress, path: &str, name: &str) -> Result<Value, AskError> {
    document(asked, &format!("{path}/{}", escaped(name)))
}

/// What is at a path.
pub(crate) fn document(asked: &AdminAddress, path: &str) -> Result<Value, AskError> {
    let asker = Asker::new(asked)?;
    asker.run(asker.ask(Wanted::Told(path)))
}

/// Has something done, and returns what came of it.
pub(crate) fn command(asked: &AdminAddress, path: &str, body: &Value) -> Result<Value, AskError> {
    let asker = Asker::new(asked)?;
    asker.run(asker.ask(Wanted::Done(path, body)))
}

/// That an answer is not what it should be.
pub(crate) fn strange(asked: &AdminAddress, reason: &str) -> AskError {
    AskError::Strange { admin: asked.admin.clone(), reason: reason.to_owned() }
}

impl<'a> Asker<'a> {
    fn new(asked: &'a AdminAddress) -> Result<Self, AskError> {
        let wrong = || AskError::Address(asked.admin.clone());
        let uri: Uri = asked.admin.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if !plain {
            return Err(wrong());
        }
        Ok(Self {
            admin: &asked.admin,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            token: token(asked)?,
        })
    }

    fn run<T>(&self, asking: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(AskError::Runtime)?;
        let answer = runtime.block_on(asking);
        // A name may still be looked up, which nothing can end.
        runtime.shutdown_background();
        answer
    }

    async fn ask(&self, wanted: Wanted<'_>) -> Result<Value, AskError> {
        let late = || self.unreachable(&format!("no answer within {} s", PATIENCE.as_secs()));
        timeout(PATIENCE, self.exchange(wanted)).await.map_err(|_| late())?
    }

    async fn exchange(&self, wanted: Wanted<'_>) -> Result<Value, AskError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.unreachable(&error))?;
        tokio::spawn(connection);
        let bare = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let (method, path, body) = match wanted {
            Wanted::Told(path) => (Method::GET, path, String::new()),
            Wanted::Done(path, body) => (Method::POST, path, body.to_string()),
        };
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(header::HOST, format!("{bare}:{}", self.port));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::<Bytes>::from(body)).map_err(|error| self.strange(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| self.strange(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.strange(&error))?.to_bytes();
        let json: Result<Value, _> = serde_json::from_slice(&body);
        match (status, json) {
            (StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED, Ok(json)) => Ok(json),
            (StatusCode::UNAUTHORIZED, _) => Err(AskError::Unauthorized { admin: self.admin.to_owned() }),
            (_, Ok(problem)) if problem.get("detail").is_some_and(Value::is_string) => {
                let text = problem["detail"].as_str().unwrap_or_default().to_owned();
                Err(AskError::Refused { admin: self.admin.to_owned(), text })
            }
            (status, _) => Err(self.strange(&status)),
        }
    }

    fn unreachable(&self, reason: &dyn std::fmt::Display) -> AskError {
        AskError::Unreachable { admin: self.admin.to_owned(), reason: reason.to_string() }
    }

    fn strange(&self, reason: &(impl std::fmt::Display + ?Sized)) -> AskError {
        AskError::Strange { admin: self.admin.to_owned(), reason: reason.to_string() }
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn token(asked: &AdminAddress) -> Result<Option<String>, AskError> {
    let Some(path) = &asked.token_file else { return Ok(None) };
    let text = fs::read_to_string(path).map_err(|source| AskError::Token { path: path.clone(), source })?;
    let token = text.trim();
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Some(token.to_owned())),
        false => Err(AskError::NoToken(path.clone())),
    }
}
