//! A server that speaks HTTPS, or HTTP, answers as it is told, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::pki::TestAuthority;

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub target: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub text: String,
    /// `Null` where it is no JSON.
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the server does with one.
#[derive(Clone, Debug)]
pub enum Answered {
    With(u16, String),
    /// With this header beside the usual ones.
    Headed(u16, (&'static str, String), String),
    /// Never, while the connection stays open.
    Never,
}

/// Any port of this machine.
pub const ANY: &str = "127.0.0.1:0";

type Handler = dyn Fn(&Seen) -> Answered + Send + Sync;

/// Ends with this value, its connections with it.
pub struct Server {
    pub address: SocketAddr,
    /// Who signed its certificate.
    pub authority: TestAuthority,
    shared: Arc<Shared>,
}

struct Shared {
    tls: Option<Arc<ServerConfig>>,
    handler: Box<Handler>,
    seen: Mutex<Vec<Seen>>,
    open: Mutex<Vec<TcpStream>>,
    connections: AtomicUsize,
    ended: AtomicBool,
}

impl Server {
    /// Over TLS, with a certificate of an authority of its own.
    pub fn https(handler: impl Fn(&Seen) -> Answered + Send + Sync + 'static) -> Self {
        let authority = TestAuthority::new("Server CA");
        let tls = configuration(&authority, None);
        Server::start(ANY, authority, Some(tls), Box::new(handler))
    }

    /// Over TLS, for clients that show a certificate of `clients`.
    pub fn mutual(clients: &TestAuthority, handler: impl Fn(&Seen) -> Answered + Send + Sync + 'static) -> Self {
        let authority = TestAuthority::new("Server CA");
        let tls = configuration(&authority, Some(clients));
        Server::start(ANY, authority, Some(tls), Box::new(handler))
    }

    pub fn http(handler: impl Fn(&Seen) -> Answered + Send + Sync + 'static) -> Self {
        Server::http_at(ANY, handler)
    }

    /// At an address that is agreed on.
    pub fn http_at(address: &str, handler: impl Fn(&Seen) -> Answered + Send + Sync + 'static) -> Self {
        Server::start(address, TestAuthority::new("Server CA"), None, Box::new(handler))
    }

    fn start(address: &str, authority: TestAuthority, tls: Option<Arc<ServerConfig>>, handler: Box<Handler>) -> Self {
        let listener = TcpListener::bind(address).expect("a port for a server");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            tls,
            handler,
            seen: Mutex::default(),
            open: Mutex::default(),
            connections: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Server { address, authority, shared }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("the record").clone()
    }

    /// Connections it has had.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    pub fn endpoint(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.address.port())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes whoever accepts.
        let _ = TcpStream::connect(self.address);
        for socket in self.shared.open.lock().expect("the connections").drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Where nobody listens.
pub fn refused_endpoint() -> String {
    format!("https://127.0.0.1:{}", crate::free_port())
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming().map_while(Result::ok) {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        shared.connections.fetch_add(1, Ordering::SeqCst);
        shared.open.lock().expect("the connections").push(socket.try_clone().expect("a second handle"));
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let ended = socket.try_clone().expect("a third handle");
            match &shared.tls {
                None => serve(&shared, socket),
                Some(tls) => {
                    let connection = ServerConnection::new(Arc::clone(tls)).expect("a TLS server");
                    serve(&shared, StreamOwned::new(connection, socket));
                }
            }
            // Another handle is kept, so that it does not end by itself.
            let _ = ended.shutdown(Shutdown::Both);
        });
    }
}

/// One request after the other, until the client ends the connection or asks for its end.
fn serve(shared: &Shared, stream: impl Read + Write) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = request(&mut stream) {
        shared.seen.lock().expect("the record").push(seen.clone());
        let (status, more, body) = match (shared.handler)(&seen) {
            Answered::With(status, body) => (status, String::new(), body),
            Answered::Headed(status, (name, value), body) => (status, format!("{name}: {value}\r\n"), body),
            Answered::Never => {
                while stream.read(&mut [0; 512]).is_ok_and(|count| count > 0) {}
                return;
            }
        };
        let head = format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\n{more}content-length: ");
        let answer = format!("{head}{}\r\n\r\n{body}", body.len());
        let stream = stream.get_mut();
        let written = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
        if written.is_err() || seen.header("connection").is_some_and(|said| said.eq_ignore_ascii_case("close")) {
            return;
        }
    }
}

fn request(stream: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    let mut next = || {
        line.clear();
        stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_string())
    };
    let first = next()?;
    let mut headers = Vec::new();
    loop {
        let line = next()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
    let (method, rest) = first.split_once(' ')?;
    let (target, _) = rest.rsplit_once(' ')?;
    let (method, target) = (method.to_string(), target.to_string());
    let mut seen = Seen { method, target, headers, text: String::new(), body: Value::Null };
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    seen.body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    seen.text = String::from_utf8_lossy(&body).into_owned();
    Some(seen)
}

fn configuration(authority: &TestAuthority, clients: Option<&TestAuthority>) -> Arc<ServerConfig> {
    let pair = authority.server("server");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.der()).expect("a usable CA");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    Arc::new(builder.with_single_cert(pair.ders(), pair.key_der()).expect("a certificate with its key"))
}
