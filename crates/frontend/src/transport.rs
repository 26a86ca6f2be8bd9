//! The byte stream under one connection: TCP, TLS, WebSocket or memory, polled from the connection's task and from the end of a
//! turn alike.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
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

    /// Appends to `bytes` what is there, at most `most`, which is more than 0. `Ready(0)` is the end of the stream.
    pub fn poll_read_onto(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut room = bytes.limit(most);
        match self {
            Self::Tcp(stream) => pin!(stream.read_buf(&mut room)).poll(cx),
            Self::Tls(stream) => pin!(stream.read_buf(&mut room)).poll(cx),
            Self::WebSocket(socket) => socket.poll_read_onto(cx, &mut room),
            Self::SecureWebSocket(socket) => socket.poll_read_onto(cx, &mut room),
            Self::Memory(stream) => pin!(stream.read_buf(&mut room)).poll(cx),
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

    /// Whether its end, once all is written, tells the peer what [`Self::poll_shutdown`] would.
    pub fn says_goodbye_by_closing(&self) -> bool {
        matches!(self, Self::Tcp(_))
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn no_more_is_read_than_is_asked_for_and_the_end_is_told() {
        let (mut far, near) = duplex(64);
        far.write_all(b"one two").await.unwrap();
        drop(far);
        let (mut transport, mut bytes) = (Transport::Memory(near), BytesMut::from(&b"a "[..]));
        let mut read = async |most| std::future::poll_fn(|cx| transport.poll_read_onto(cx, &mut bytes, most)).await;
        assert_eq!([read(4).await.unwrap(), read(9).await.unwrap(), read(9).await.unwrap()], [4, 3, 0]);
        assert_eq!(bytes, "a one two");
    }
}
