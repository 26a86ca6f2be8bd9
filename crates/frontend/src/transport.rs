//! The byte stream under one connection: TCP, TLS, WebSocket or memory, polled from the connection's task and from the end of a
//! turn alike.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::outbox::Outbox;
use crate::websocket::WebSocket;

pub(crate) enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    WebSocket(Box<WebSocket<TcpStream>>),
    SecureWebSocket(Box<WebSocket<TlsStream<TcpStream>>>),
    Memory(DuplexStream),
}

impl Transport {
    /// The certificates that the client has shown in the TLS handshake, its own first.
    pub fn client_chain(&self) -> Option<Arc<[CertificateDer<'static>]>> {
        let stream = match self {
            Self::Tls(stream) => stream,
            Self::SecureWebSocket(socket) => socket.stream(),
            Self::Tcp(_) | Self::WebSocket(_) | Self::Memory(_) => return None,
        };
        stream.get_ref().1.peer_certificates().map(Into::into)
    }

    /// Reads what is there. `Ready` without new bytes is the end of the stream.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
            Self::WebSocket(socket) => socket.poll_read(cx, buf),
            Self::SecureWebSocket(socket) => socket.poll_read(cx, buf),
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }

    /// Writes until the outbox is empty and flushed (`Ready`) or the peer takes no more (`Pending`; the task of `cx` is
    /// woken when it does).
    pub fn poll_drain(&mut self, cx: &mut Context<'_>, outbox: &mut Outbox) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => poll_write_all(stream, cx, outbox),
            Self::Tls(stream) => match poll_write_all(stream.as_mut(), cx, outbox) {
                Poll::Ready(Ok(())) => Pin::new(stream.as_mut()).poll_flush(cx),
                other => other,
            },
            Self::WebSocket(socket) => socket.poll_drain(cx, outbox),
            Self::SecureWebSocket(socket) => socket.poll_drain(cx, outbox),
            Self::Memory(stream) => poll_write_all(stream, cx, outbox),
        }
    }

    /// Says goodbye at the transport's level (TLS close_notify, WebSocket close frame, TCP FIN).
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Self::WebSocket(socket) => socket.poll_close(cx),
            Self::SecureWebSocket(socket) => socket.poll_close(cx),
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

fn poll_write_all<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    outbox: &mut Outbox,
) -> Poll<io::Result<()>> {
    while !outbox.is_empty() {
        let polled = if outbox.is_contiguous() {
            Pin::new(&mut *stream).poll_write(cx, outbox.front())
        } else {
            let mut slices = Outbox::empty_slices();
            let count = outbox.slices(&mut slices);
            Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..count])
        };
        match polled {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => outbox.advance(written),
            Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(Ok(()))
}
