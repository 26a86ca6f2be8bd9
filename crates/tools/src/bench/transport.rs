//! One connection's bytes: TCP, with TLS and WebSocket where asked for. Nothing here waits.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, Protocol, Socket, Type};

use super::fault::Fault;
use super::web_socket::WebSocket;

/// Bytes taken off a socket at a time.
const READ_LEN: usize = 256 << 10;

/// Where connections go, and through what.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// As the user wrote it.
    pub(super) host: String,
    pub(super) tls: Option<TlsTarget>,
    /// The path to ask for, when by WebSocket.
    pub(super) web_socket: Option<String>,
}

/// What a TLS handshake needs.
#[derive(Debug, Clone)]
pub(super) struct TlsTarget {
    pub(super) configuration: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

/// Where bytes are read to, one for all connections of a thread.
pub(super) struct Scratch {
    raw: Vec<u8>,
    plain: Vec<u8>,
    unframed: Vec<u8>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { raw: vec![0; READ_LEN], plain: vec![0; READ_LEN], unframed: Vec::new() }
    }
}

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    pub(super) bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    #[inline]
    pub(super) fn pending(&self) -> usize {
        self.bytes.len() - self.written
    }

    fn advance(&mut self, written: usize) {
        self.written += written;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        } else if self.written > 1 << 20 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

/// Whether everything went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    Whole,
    /// The socket takes no more for now.
    Partly,
}

/// An open or opening socket.
pub(super) struct Transport {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
    web_socket: Option<Box<WebSocket>>,
}

impl Transport {
    /// Begins to connect.
    ///
    /// # Errors
    /// No descriptor, no local port, or at once refused.
    pub(super) fn dial(target: &Target, source: Option<IpAddr>) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::io("connect", &error);
        let socket = Socket::new(Domain::for_address(target.address), Type::STREAM, Some(Protocol::TCP));
        let socket = socket.map_err(|error| Fault::io("open a socket", &error))?;
        socket.set_nonblocking(true).map_err(failed)?;
        socket.set_tcp_nodelay(true).map_err(failed)?;
        if let Some(source) = source {
            let source = SocketAddr::new(source, 0);
            socket.bind(&source.into()).map_err(|error| Fault::io("bind to the source address", &error))?;
        }
        match socket.connect(&target.address.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(failed(error));
            }
            _ => {}
        }
        let tls = match &target.tls {
            None => None,
            Some(TlsTarget { configuration, name }) => {
                let tls = ClientConnection::new(configuration.clone(), name.clone());
                let mut tls = Box::new(tls.map_err(|error| Fault::Tls(error.to_string()))?);
                // What is pending is bounded where it is made.
                tls.set_buffer_limit(None);
                Some(tls)
            }
        };
        let web_socket = target.web_socket.as_ref().map(|path| Box::new(WebSocket::new(&target.host, path)));
        Ok(Self { socket: socket.into(), tls, web_socket })
    }

    /// Why it could not connect, once the socket says that something happened.
    pub(super) fn check_connected(&self) -> Result<(), Fault> {
        match self.socket.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => Err(Fault::io("connect", &error)),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Writes what it can, in one write where the socket takes it.
    #[inline]
    pub(super) fn flush(&mut self, out: &mut Outgoing) -> Result<Flushed, Fault> {
        if self.tls.is_none() && self.web_socket.is_none() {
            return flush_plain(&mut self.socket, out);
        }
        self.flush_layers(out)
    }

    fn flush_layers(&mut self, out: &mut Outgoing) -> Result<Flushed, Fault> {
        let framed = match &mut self.web_socket {
            Some(web_socket) => web_socket.frame(out),
            None => out,
        };
        let Some(tls) = &mut self.tls else { return flush_plain(&mut self.socket, framed) };
        if framed.pending() > 0 {
            tls.writer().write_all(&framed.bytes[framed.written..]).map_err(|error| Fault::io("write", &error))?;
            framed.advance(framed.pending());
        }
        flush_tls(&mut self.socket, tls)
    }

    /// Reads once and hands what came to `take`.
    ///
    /// # Errors
    /// The connection ended or broke, and whatever `take` says.
    #[inline]
    pub(super) fn read(
        &mut self,
        scratch: &mut Scratch,
        mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let len = match self.socket.read(&mut scratch.raw) {
            Ok(0) => return Err(Fault::Closed),
            Ok(len) => len,
            Err(error) if is_not_now(&error) => return Ok(()),
            Err(error) => return Err(Fault::io("read", &error)),
        };
        let raw = &scratch.raw[..len];
        match (&mut self.tls, &mut self.web_socket) {
            (None, None) => take(raw),
            (None, Some(web_socket)) => web_socket.unframe(raw, &mut scratch.unframed, &mut take),
            (Some(tls), None) => read_tls(tls, raw, &mut scratch.plain, take),
            (Some(tls), Some(web_socket)) => read_tls(tls, raw, &mut scratch.plain, |plain| {
                web_socket.unframe(plain, &mut scratch.unframed, &mut take)
            }),
        }
    }

    /// Whether the layers have something to say by themselves.
    pub(super) fn wants_write(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
            || self.web_socket.as_ref().is_some_and(|web_socket| web_socket.wants_write())
    }
}

fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::NotConnected)
}

#[inline]
fn flush_plain(socket: &mut TcpStream, out: &mut Outgoing) -> Result<Flushed, Fault> {
    while out.pending() > 0 {
        match socket.write(&out.bytes[out.written..]) {
            Ok(written) => out.advance(written),
            Err(error) if is_not_now(&error) => return Ok(Flushed::Partly),
            Err(error) => return Err(Fault::io("write", &error)),
        }
    }
    Ok(Flushed::Whole)
}

fn flush_tls(socket: &mut TcpStream, tls: &mut ClientConnection) -> Result<Flushed, Fault> {
    while tls.wants_write() {
        match tls.write_tls(socket) {
            Ok(_) => {}
            Err(error) if is_not_now(&error) => return Ok(Flushed::Partly),
            Err(error) => return Err(Fault::io("write", &error)),
        }
    }
    Ok(Flushed::Whole)
}

fn read_tls(
    tls: &mut ClientConnection,
    mut raw: &[u8],
    plain: &mut [u8],
    mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    while !raw.is_empty() {
        if tls.read_tls(&mut raw).map_err(|error| Fault::io("read", &error))? == 0 {
            return Err(Fault::Closed);
        }
        tls.process_new_packets().map_err(|error| Fault::Tls(error.to_string()))?;
        loop {
            match tls.reader().read(plain) {
                Ok(0) => return Err(Fault::Closed),
                Ok(len) => take(&plain[..len])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Fault::io("read", &error)),
            }
        }
    }
    Ok(())
}
