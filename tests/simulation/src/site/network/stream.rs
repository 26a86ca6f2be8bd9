//! One end of a connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pipe::Found;
use super::{End, Network};

/// See the module. To be used by tasks of the runtime that polls it.
pub struct Stream {
    network: Network,
    number: u64,
    end: End,
    /// Until the next is due.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn new(network: Network, number: u64, end: End) -> Self {
        Self { network, number, end, waiting: None }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let (number, end) = (self.number, self.end);
            let due = match self.network.with(|inside| inside.read(number, end, context, into))? {
                Found::Read => {
                    self.waiting = None;
                    return Poll::Ready(Ok(()));
                }
                Found::Nothing => {
                    self.waiting = None;
                    return Poll::Pending;
                }
                Found::Due(due) => Instant::from_std(due),
            };
            // A timer belongs to a runtime: one that the stream has left must not be asked.
            let mut waiting = Box::pin(sleep_until(due));
            if waiting.as_mut().poll(context).is_pending() {
                self.waiting = Some(waiting);
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let (number, end) = (self.number, self.end);
        self.network.with(|inside| inside.write(number, end, context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (number, end) = (self.number, self.end);
        self.network.with(|inside| inside.shut_down(number, end));
        Poll::Ready(Ok(()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let (number, end) = (self.number, self.end);
        self.network.with(|inside| inside.close(number, end));
    }
}
