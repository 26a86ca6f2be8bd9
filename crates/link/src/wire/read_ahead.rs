//! Below TLS: few large reads of a socket in place of the many small ones that it is asked for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one read may bring: some records.
const AHEAD_BYTES: usize = 64 * 1024;

/// A connection that is read ahead; writes pass.
pub struct ReadAhead<T> {
    io: T,
    /// Made at the first read.
    ahead: Box<[u8]>,
    /// What of it was not asked for yet.
    from: usize,
    to: usize,
}

impl<T> ReadAhead<T> {
    pub fn new(io: T) -> Self {
        Self { io, ahead: Box::default(), from: 0, to: 0 }
    }
}

impl<T: AsyncRead + Unpin> ReadAhead<T> {
    /// Ready once something is there, or nothing will come any more.
    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.from < self.to {
            return Poll::Ready(Ok(()));
        }
        if self.ahead.is_empty() {
            self.ahead = vec![0; AHEAD_BYTES].into_boxed_slice();
        }
        let mut into = ReadBuf::new(&mut self.ahead);
        ready!(Pin::new(&mut self.io).poll_read(context, &mut into))?;
        (self.from, self.to) = (0, into.filled().len());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ReadAhead<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_ahead(context))?;
        let taken = into.remaining().min(this.to - this.from);
        into.put_slice(&this.ahead[this.from..this.from + taken]);
        this.from += taken;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ReadAhead<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn all_bytes_come_in_their_order_however_few_are_asked_for() {
        let (mut near, far) = duplex(2 * AHEAD_BYTES);
        let sent: Vec<u8> = (0..AHEAD_BYTES + 1000).map(|n| (n % 251) as u8).collect();
        near.write_all(&sent).await.unwrap();
        drop(near);
        let mut ahead = ReadAhead::new(far);
        let (mut got, mut some) = (Vec::new(), [0; 777]);
        loop {
            match ahead.read(&mut some).await.unwrap() {
                0 => break,
                taken => got.extend_from_slice(&some[..taken]),
            }
        }
        assert_eq!(got, sent);
        assert_eq!(ahead.read(&mut some).await.unwrap(), 0, "the end stays the end");
    }

    #[tokio::test]
    async fn an_empty_read_takes_nothing() {
        let (mut near, far) = duplex(16);
        near.write_all(b"ab").await.unwrap();
        let mut ahead = ReadAhead::new(far);
        assert_eq!(ahead.read(&mut []).await.unwrap(), 0);
        assert_eq!(ahead.read_u16().await.unwrap(), u16::from_be_bytes(*b"ab"));
    }
}
