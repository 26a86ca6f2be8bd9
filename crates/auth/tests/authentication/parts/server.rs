//! A server that speaks HTTPS, or HTTP, answers as it is told, and remembers what it was asked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::PrivateKeyDer;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::pki::{Made, authority, file};

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the server does with one.
pub enum Answered {
    With(u16, String),
    /// Never, while the connection stays open.
    Never,
}

type Handler = dyn Fn(&Seen) -> Answered + Send + Sync;

pub struct Server {
    pub address: SocketAddr,
    pub authority: Made,
    pub connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Over TLS, with a certificate of an authority of its own.
    pub async fn https(handler: impl Fn(&Seen) -> Answered + Send + Sync + 'static) -> Self {
        Self::start(Some(None), Arc::new(handler)).await
    }

    /// Over TLS, for clients with a certificate.
    pub async fn mutual(
        clients: Arc<dyn ClientCertVerifier>,
        handler: impl Fn(&Seen) -> Answered + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(Some(clients)), Arc::new(handler)).await
    }

    pub async fn http(handler: impl Fn(&Seen) -> Answered + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(handler)).await
    }

    async fn start(tls: Option<Option<Arc<dyn ClientCertVerifier>>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = authority("Server CA");
        let acceptor = tls.map(|clients| TlsAcceptor::from(Arc::new(configuration(&authority, clients))));
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (record, count) = (Arc::clone(&seen), Arc::clone(&connections));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (acceptor, handler, record) = (acceptor.clone(), Arc::clone(&handler), Arc::clone(&record));
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| {
                        let (handler, record) = (Arc::clone(&handler), Arc::clone(&record));
                        async move { Ok::<_, Infallible>(answer(request, &*handler, &record).await) }
                    });
                    let serving = hyper::server::conn::http1::Builder::new();
                    match acceptor {
                        None => drop(serving.serve_connection(TokioIo::new(stream), service).await),
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                drop(serving.serve_connection(TokioIo::new(stream), service).await);
                            }
                        }
                    }
                });
            }
        });
        Self { address, authority, connections, seen, accepting }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn endpoint(&self) -> String {
        format!("https://127.0.0.1:{}", self.address.port())
    }

    /// How to reach it over TLS.
    pub fn trusted(&self) -> auth::authentication::HttpsSettings {
        reachable(&self.authority)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

pub fn reachable(authority: &Made) -> auth::authentication::HttpsSettings {
    let authorities = Some(vec![file("ca.crt", &[authority])]);
    auth::authentication::HttpsSettings { authorities, identity: None }
}

/// Where nobody listens.
pub async fn refused_endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port())
}

async fn answer(request: Request<Incoming>, handler: &Handler, record: &Mutex<Vec<Seen>>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let seen = Seen {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    record.lock().unwrap().push(seen.clone());
    match handler(&seen) {
        Answered::With(status, body) => Response::builder().status(status).body(Full::from(body)).unwrap(),
        Answered::Never => std::future::pending().await,
    }
}

fn configuration(authority: &Made, clients: Option<Arc<dyn ClientCertVerifier>>) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients),
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
}
