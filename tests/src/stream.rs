//! What a client talks over: TCP, TLS or WebSocket, all blocking with deadlines.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use rustls::{ClientConnection, StreamOwned};

use crate::deadline::patience;

/// A byte stream over one TCP socket.
pub trait Stream: Read + Write + Send {
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

impl Stream for Box<dyn Stream> {
    fn socket(&self) -> &TcpStream {
        (**self).socket()
    }
}

/// Connects with Nagle off; a write that makes no progress for the length of patience fails.
pub fn tcp(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, patience()).expect("a connection to the broker");
    socket.set_nodelay(true).expect("TCP_NODELAY");
    socket.set_write_timeout(Some(patience())).expect("a write timeout");
    socket
}

/// Whether an error of a read only says that its time is over.
pub fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
