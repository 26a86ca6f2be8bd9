//! An identity endpoint: HTTP on this machine, with the headers and texts that a test chooses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub target: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is said to it; `Silence` while the connection stays open.
#[derive(Clone, Debug)]
pub enum Reply {
    With { status: u16, headers: Vec<(&'static str, String)>, body: String },
    Silence,
}

impl Reply {
    pub fn json(status: u16, body: impl ToString) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self::With { status, headers, body: body.to_string() }
    }

    /// The status alone, with one header.
    pub fn header(status: u16, name: &'static str, value: impl Into<String>) -> Self {
        Self::With { status, headers: vec![(name, value.into())], body: String::new() }
    }
}

type Handler = dyn Fn(usize, &Asked) -> Reply + Send + Sync;

/// Ends with this value, its connections with it.
pub struct Endpoint {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    handler: Box<Handler>,
    asked: Mutex<Vec<Asked>>,
    open: Mutex<Vec<TcpStream>>,
    ended: AtomicBool,
}

impl Endpoint {
    /// The handler is told how many requests there were before.
    pub fn start(handler: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            asked: Mutex::default(),
            open: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                accepting.open.lock().unwrap().push(socket.try_clone().unwrap());
                let shared = Arc::clone(&accepting);
                std::thread::spawn(move || serve(&shared, socket));
            }
        });
        Self { address, shared }
    }

    /// As `start`, with these replies in turn, the last one again and again.
    pub fn replies(replies: Vec<Reply>) -> Self {
        Self::start(move |before, _| replies[before.min(replies.len() - 1)].clone())
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes whoever accepts.
        TcpStream::connect(self.address).ok();
        for socket in self.shared.open.lock().unwrap().drain(..) {
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

fn serve(shared: &Shared, socket: TcpStream) {
    let mut stream = BufReader::new(socket);
    while let Some(asked) = request(&mut stream) {
        let before = {
            let mut all = shared.asked.lock().unwrap();
            all.push(asked.clone());
            all.len() - 1
        };
        let Reply::With { status, headers, body } = (shared.handler)(before, &asked) else {
            while stream.read(&mut [0; 512]).is_ok_and(|count| count > 0) {}
            return;
        };
        let mut answer = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| answer.push_str(&format!("{name}: {value}\r\n")));
        answer.push_str("\r\n");
        answer.push_str(&body);
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn request(stream: &mut impl BufRead) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let (method, rest) = first.split_once(' ')?;
    let (target, _) = rest.rsplit_once(' ')?;
    let mut asked = Asked { method: method.to_owned(), target: target.to_owned(), headers, body: String::new() };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).unwrap();
    Some(asked)
}
