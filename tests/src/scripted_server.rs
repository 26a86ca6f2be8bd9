//! An MQTT server that does as it is told, and remembers every packet it was sent, byte for byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::deadline::eventually;
use crate::from_client::FromClient;
use crate::wire::{Front, frame, front, put_u16};
use crate::{Ack, AckKind, Connect, Props, Publish, Version};

/// One packet, as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Connections count from 0.
    pub connection: usize,
    /// Of that connection.
    pub version: Version,
    pub packet: FromClient,
    /// Whole, with its fixed header.
    pub bytes: Vec<u8>,
}

/// What the server does with one.
#[derive(Clone, Debug)]
pub enum Reply {
    /// What a server does that has nothing against it: CONNACK without a session, every subscription granted, PUBACK.
    Usual,
    With(Vec<u8>),
    Nothing,
    /// Ends the connection, after these bytes.
    Close(Vec<u8>),
}

type Script = dyn Fn(&Heard) -> Reply + Send + Sync;

/// Ends with this value, its connections with it.
pub struct ScriptedServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<Script>,
    heard: Mutex<Vec<Heard>>,
    /// In the order they came, with those that are over.
    connections: Mutex<Vec<TcpStream>>,
    /// What a packet was that no client may send.
    breaches: Mutex<Vec<String>>,
    ended: AtomicBool,
}

impl ScriptedServer {
    /// A server that has nothing against anything.
    pub fn polite() -> Self {
        ScriptedServer::start(|_| Reply::Usual)
    }

    pub fn start(script: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port for a server");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            script: Box::new(script),
            heard: Mutex::default(),
            connections: Mutex::default(),
            breaches: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        ScriptedServer { address, shared }
    }

    /// Everything so far; panics where a client sent what none may send.
    pub fn heard(&self) -> Vec<Heard> {
        let breaches = self.shared.breaches.lock().expect("the breaches").clone();
        assert!(breaches.is_empty(), "a client broke the protocol: {breaches:?}");
        self.shared.heard.lock().expect("the record").clone()
    }

    /// Waits until some packets have come, and returns what `pick` finds in all of them so far.
    pub fn hears<T>(&self, what: &str, pick: impl Fn(&[Heard]) -> Option<T>) -> T {
        eventually(what, || pick(&self.heard()))
    }

    /// The CONNECT of that number, from 0 on, over all connections.
    pub fn connect(&self, number: usize) -> Connect {
        self.hears("a CONNECT", |heard| {
            let connects = heard.iter().filter_map(|one| match &one.packet {
                FromClient::Connect(connect) => Some(connect.clone()),
                _ => None,
            });
            connects.into_iter().nth(number)
        })
    }

    /// The filters of the first SUBSCRIBE, with their options.
    pub fn subscription(&self) -> Vec<(String, u8)> {
        self.hears("a SUBSCRIBE", |heard| {
            heard.iter().find_map(|one| match &one.packet {
                FromClient::Subscribe { asked, .. } => {
                    Some(asked.filters.iter().map(|filter| (filter.filter.clone(), filter.options)).collect())
                }
                _ => None,
            })
        })
    }

    /// Every PUBLISH so far.
    pub fn published(&self) -> Vec<Publish> {
        let publish = |one: Heard| if let FromClient::Publish(publish) = one.packet { Some(publish) } else { None };
        self.heard().into_iter().filter_map(publish).collect()
    }

    /// The PUBLISH of that number, from 0 on.
    pub fn publish(&self, number: usize) -> Publish {
        eventually("a PUBLISH", || self.published().into_iter().nth(number))
    }

    /// Every PUBACK so far.
    pub fn acknowledged(&self) -> Vec<Ack> {
        let ack = |one: Heard| if let FromClient::Ack(ack) = one.packet { Some(ack) } else { None };
        self.heard().into_iter().filter_map(ack).filter(|ack| ack.kind == AckKind::PubAck).collect()
    }

    /// Sends bytes on the newest connection.
    pub fn send(&self, bytes: &[u8]) {
        let newest = self.shared.connections.lock().expect("the connections").len() - 1;
        self.send_on(newest, bytes);
    }

    /// Sends bytes on the connection of that number.
    pub fn send_on(&self, connection: usize, bytes: &[u8]) {
        let connections = self.shared.connections.lock().expect("the connections");
        let mut socket = connections.get(connection).expect("a connection");
        socket.write_all(bytes).expect("the client takes what is sent");
    }

    /// Ends every connection without a word.
    pub fn cut(&self) {
        for connection in &*self.shared.connections.lock().expect("the connections") {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes whoever accepts.
        let _ = TcpStream::connect(self.address);
        self.cut();
        if std::thread::panicking() {
            eprintln!("--- what the server heard");
            let heard = self.shared.heard.lock().map(|heard| heard.clone()).unwrap_or_default();
            heard.iter().rev().take(30).rev().for_each(|one| eprintln!("{} {:?}", one.connection, one.packet));
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for socket in listener.incoming().map_while(Result::ok) {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let number = {
            let mut connections = shared.connections.lock().expect("the connections");
            connections.push(socket.try_clone().expect("a second handle"));
            connections.len() - 1
        };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || serve(&shared, socket, number));
    }
}

fn serve(shared: &Shared, mut socket: TcpStream, connection: usize) {
    let (mut input, mut chunk, mut version) = (Vec::new(), [0; 16384], Version::V5);
    while let Ok(count @ 1..) = socket.read(&mut chunk) {
        input.extend_from_slice(&chunk[..count]);
        while let Front::Whole { first, body, end } = front(&input) {
            let bytes: Vec<u8> = input.drain(..end).collect();
            // A panic would end this thread alone, and tell the test nothing.
            let Ok(packet) = std::panic::catch_unwind(|| FromClient::read(first, &bytes[body..], version)) else {
                shared.breaches.lock().expect("the breaches").push(format!("{bytes:02x?}"));
                return;
            };
            if let FromClient::Connect(connect) = &packet {
                version = connect.version;
            }
            let heard = Heard { connection, version, packet, bytes };
            shared.heard.lock().expect("the record").push(heard.clone());
            let (answer, goes_on) = match (shared.script)(&heard) {
                Reply::Usual => (usual(&heard), true),
                Reply::With(answer) => (answer, true),
                Reply::Nothing => (Vec::new(), true),
                Reply::Close(answer) => (answer, false),
            };
            if socket.write_all(&answer).is_err() || !goes_on {
                let _ = socket.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// The answer of a server that has nothing against a packet.
pub fn usual(heard: &Heard) -> Vec<u8> {
    match &heard.packet {
        FromClient::Connect(_) => connack(heard.version, 0, Props::new()),
        FromClient::Publish(publish) => match publish.qos {
            0 => Vec::new(),
            1 => Ack::new(AckKind::PubAck, publish.packet_id).encode(heard.version),
            _ => Ack::new(AckKind::PubRec, publish.packet_id).encode(heard.version),
        },
        FromClient::Ack(ack) if ack.kind == AckKind::PubRel => {
            Ack::new(AckKind::PubComp, ack.packet_id).encode(heard.version)
        }
        FromClient::Subscribe { packet_id, asked } => {
            let granted: Vec<u8> = asked.filters.iter().map(|filter| filter.options & 3).collect();
            answer(0x90, *packet_id, heard.version, &granted)
        }
        FromClient::Unsubscribe { packet_id, filters, .. } => {
            let gone = if heard.version.is_v5() { vec![0; filters.len()] } else { Vec::new() };
            answer(0xb0, *packet_id, heard.version, &gone)
        }
        FromClient::PingReq => vec![0xd0, 0],
        FromClient::Ack(_) | FromClient::Disconnect { .. } | FromClient::Auth { .. } => Vec::new(),
    }
}

/// CONNACK without a session.
pub fn connack(version: Version, code: u8, props: Props) -> Vec<u8> {
    let mut body = vec![0, code];
    if version.is_v5() {
        props.put(&mut body);
    }
    frame(0x20, &body)
}

/// SUBACK, or UNSUBACK.
pub fn answer(first: u8, packet_id: u16, version: Version, codes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    put_u16(&mut body, packet_id);
    if version.is_v5() {
        Props::new().put(&mut body);
    }
    body.extend_from_slice(codes);
    frame(first, &body)
}
