//! A TCP connection that does its I/O with whichever runtime polls it: it is accepted by one thread and belongs to the link of another.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The connection, and the thread whose runtime tells when it is ready.
pub(super) struct Roaming {
    /// `None` after it could not be moved.
    tcp: Option<TcpStream>,
    home: ThreadId,
}

impl Roaming {
    /// One that is at home on this thread.
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp: Some(tcp), home: thread::current().id() }
    }

    /// The connection, registered with the runtime of this thread.
    fn here(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let here = thread::current().id();
        if here != self.home
            && let Some(tcp) = self.tcp.take()
        {
            self.tcp = Some(TcpStream::from_std(tcp.into_std()?)?);
            self.home = here;
        }
        self.tcp.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Roaming {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.here() {
            Ok(tcp) => tcp.poll_read(context, into),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Roaming {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.here() {
            Ok(tcp) => tcp.poll_write(context, bytes),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.here() {
            Ok(tcp) => tcp.poll_write_vectored(context, parts),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.here() {
            Ok(tcp) => tcp.poll_flush(context),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.here() {
            Ok(tcp) => tcp.poll_shutdown(context),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}
