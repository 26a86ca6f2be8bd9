//! The way in: what clients need of a site.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

/// Where a client can connect. A stream that ends with an error has been cut by the end of the frontend's process.
pub trait Entry: Clone + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + 'static;

    /// How many frontends there are, running or not.
    fn frontends(&self) -> u16;

    /// How many workers each has.
    fn workers(&self) -> u16;

    fn connect(&self, frontend: u16, worker: u16) -> impl Future<Output = io::Result<Self::Stream>>;
}
