//! A WebSocket client of RFC 6455, small enough to send what a library would refuse to send.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::stream::Stream;

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

// The key and the answer to it that RFC 6455 section 1.3 gives.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A connection after the upgrade. Every `write` is one binary frame.
pub struct WebSocket<S> {
    stream: S,
    input: Vec<u8>,
    data: Vec<u8>,
    pongs: Vec<Vec<u8>>,
    closed: bool,
}

/// The answer to a refused upgrade.
#[derive(Debug)]
pub struct Refused {
    pub head: String,
}

impl<S: Stream> WebSocket<S> {
    /// Asks for an upgrade. `protocol` is the sub-protocol offered.
    ///
    /// # Errors
    /// The head of the answer where it is not `101`.
    pub fn open(mut stream: S, path: &str, protocol: Option<&str>) -> Result<Self, Refused> {
        let offer = protocol.map(|p| format!("Sec-WebSocket-Protocol: {p}\r\n")).unwrap_or_default();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
        );
        stream.socket().set_read_timeout(Some(crate::deadline::patience())).expect("a read timeout");
        if stream.write_all(request.as_bytes()).is_err() {
            return Err(Refused { head: String::new() });
        }
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                Ok(_) => break,
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => break,
                Err(e) => panic!("no answer to the upgrade: {e}"),
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        if !head.starts_with("HTTP/1.1 101") {
            return Err(Refused { head });
        }
        assert!(head.contains(ACCEPT), "the wrong accept key: {head}");
        if protocol.is_some() {
            let lower = head.to_lowercase();
            assert!(lower.contains("sec-websocket-protocol: mqtt"), "[MQTT-6.0.0-4] sub-protocol: {head}");
        }
        Ok(WebSocket { stream, input: Vec::new(), data: Vec::new(), pongs: Vec::new(), closed: false })
    }

    /// Sends one frame of any kind.
    pub fn send_frame(&mut self, fin: bool, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![u8::from(fin) << 7 | opcode];
        match payload.len() {
            n if n < 126 => frame.push(0x80 | n as u8),
            n if n < 65536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().enumerate().map(|(i, b)| b ^ MASK[i % 4]));
        self.stream.write_all(&frame)
    }

    /// Waits for a pong and returns what it carries.
    pub fn pong(&mut self) -> Vec<u8> {
        self.stream.socket().set_read_timeout(Some(crate::deadline::patience())).expect("a read timeout");
        while self.pongs.is_empty() {
            self.fill().expect("a pong");
            assert!(!self.closed, "closed instead of a pong");
        }
        self.pongs.remove(0)
    }

    /// Reads once and takes all whole frames apart.
    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16384];
        let count = self.stream.read(&mut chunk)?;
        self.closed |= count == 0;
        self.input.extend_from_slice(&chunk[..count]);
        while let Some((opcode, payload)) = self.next_frame() {
            match opcode {
                BINARY | CONTINUATION => self.data.extend_from_slice(&payload),
                PING => self.send_frame(true, PONG, &payload)?,
                PONG => self.pongs.push(payload),
                CLOSE => self.closed = true,
                other => panic!("[MQTT-6.0.0-1] a server frame of kind {other}"),
            }
        }
        Ok(())
    }

    fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&first, &second) = (self.input.first()?, self.input.get(1)?);
        assert_eq!(second & 0x80, 0, "a server frame with a mask");
        let (start, length) = match second & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([*self.input.get(2)?, *self.input.get(3)?]))),
            127 => {
                let bytes = self.input.get(2..10)?;
                (10, u64::from_be_bytes(bytes.try_into().expect("eight bytes")) as usize)
            }
            n => (2, usize::from(n)),
        };
        let payload = self.input.get(start..start + length)?.to_vec();
        self.input.drain(..start + length);
        Some((first & 0x0f, payload))
    }
}

impl<S: Stream> Read for WebSocket<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.data.is_empty() {
            if self.closed {
                return Ok(0);
            }
            self.fill()?;
        }
        let count = out.len().min(self.data.len());
        out[..count].copy_from_slice(&self.data[..count]);
        self.data.drain(..count);
        Ok(count)
    }
}

impl<S: Stream> Write for WebSocket<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send_frame(true, BINARY, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Stream> Stream for WebSocket<S> {
    fn socket(&self) -> &TcpStream {
        self.stream.socket()
    }
}
