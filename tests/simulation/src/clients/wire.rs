//! A stream and the packets on it.

use bytes::{Buf, BytesMut};
use mqtt::{Packet, PacketType, Peer, ProtocolVersion, Split};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::oracle::Closed;

const READ_BYTES: usize = 16 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Wire<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    input: BytesMut,
    /// What is to be written.
    pub output: BytesMut,
    pub version: ProtocolVersion,
}

impl<S: AsyncRead + AsyncWrite> Wire<S> {
    pub fn new(stream: S, version: ProtocolVersion) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self { reader, writer, input: BytesMut::new(), output: BytesMut::new(), version }
    }

    /// Writes what there is and reads something. Cancel-safe: what is not returned has not happened.
    ///
    /// # Errors
    /// How the connection has ended.
    pub async fn exchange(&mut self) -> Result<(), Closed> {
        self.input.reserve(READ_BYTES);
        loop {
            tokio::select! {
                biased;
                read = self.reader.read_buf(&mut self.input) => {
                    return match read {
                        Ok(0) => Err(Closed::ByServer),
                        Ok(_) => Ok(()),
                        Err(_) => Err(Closed::Reset),
                    };
                }
                written = self.writer.write(&self.output), if !self.output.is_empty() => match written {
                    Ok(len) => self.output.advance(len),
                    // Whatever the server has said before is still to be read.
                    Err(_) => self.output.clear(),
                },
            }
        }
    }

    /// Hands the first whole packet that was read to `take`.
    ///
    /// # Errors
    /// The server broke the protocol.
    pub fn packet<R>(&mut self, take: impl FnOnce(Packet<'_>) -> R) -> Result<Option<R>, String> {
        let (taken, len) = match mqtt::split(&self.input, u32::MAX).map_err(|violation| violation.to_string())? {
            Split::Partial { .. } => return Ok(None),
            Split::Whole { frame, len } => {
                let kind: PacketType = frame.kind;
                let packet = mqtt::decode(frame, self.version, Peer::Server);
                (take(packet.map_err(|violation| format!("{kind:?}: {violation}"))?), len)
            }
        };
        self.input.advance(len);
        Ok(Some(taken))
    }

    /// Writes what there is, tells the server that nothing follows, and waits for it to close.
    pub async fn finish(mut self) -> Closed {
        if self.writer.write_all(&self.output).await.is_err() || self.writer.shutdown().await.is_err() {
            return Closed::Reset;
        }
        loop {
            self.input.clear();
            match self.reader.read_buf(&mut self.input).await {
                Ok(0) => return Closed::ByServer,
                Ok(_) => {}
                Err(_) => return Closed::Reset,
            }
        }
    }
}
