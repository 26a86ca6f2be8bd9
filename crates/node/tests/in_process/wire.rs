//! A socket and packets written out byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::broker::Broker;

pub const CONNECT: u8 = 0x10;
pub const CONNACK: u8 = 0x20;
pub const PUBREL: u8 = 0x62;
pub const SUBSCRIBE: u8 = 0x82;
pub const SUBACK: u8 = 0x90;
pub const PINGREQ: u8 = 0xc0;
pub const PINGRESP: u8 = 0xd0;
pub const DISCONNECT: u8 = 0xe0;
pub const AUTH: u8 = 0xf0;

/// No answer takes this long.
const DEADLINE: Duration = Duration::from_secs(30);

pub struct Socket(TcpStream);

impl Socket {
    pub fn open(broker: &Broker) -> Self {
        let stream = TcpStream::connect(broker.address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        stream.set_write_timeout(Some(DEADLINE)).expect("a deadline");
        Self(stream)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the broker takes it");
    }

    /// The next packet: its first byte and what follows the fixed header.
    pub fn packet(&mut self) -> (u8, Vec<u8>) {
        let first = self.byte();
        let (mut len, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        let mut body = vec![0; len];
        self.0.read_exact(&mut body).expect("the rest of a packet");
        (first, body)
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("a packet");
        byte[0]
    }

    /// The connection ends, with nothing more on it.
    pub fn expect_end(mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert!(rest.is_empty(), "{rest:02x?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }

    /// The connection is alive and nothing else was on its way.
    pub fn expect_ping(&mut self) {
        self.send(&packet(PINGREQ, &[]));
        assert_eq!(self.packet(), (PINGRESP, vec![]));
    }

    pub fn expect_disconnect(mut self, reason: u8) {
        let (first, body) = self.packet();
        assert_eq!((first, body.first()), (DISCONNECT, Some(&reason)), "{body:02x?}");
        self.expect_end();
    }
}

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(with_length(body));
    bytes
}

/// Behind its length as a variable byte integer.
pub fn with_length(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut len = body.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(body);
    bytes
}

/// Text or data with its length in front.
pub fn field(bytes: &[u8]) -> Vec<u8> {
    let mut field = (bytes.len() as u16).to_be_bytes().to_vec();
    field.extend_from_slice(bytes);
    field
}

/// A CONNECT of version 5, clean, without keep alive.
pub fn connect(client_id: &str, properties: &[u8]) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x05\x02\x00\x00".to_vec();
    body.extend(with_length(properties));
    body.extend(field(client_id.as_bytes()));
    packet(CONNECT, &body)
}
