//! MQTT over WebSocket (MQTT 5, section 6): a byte stream in binary frames, sub-protocol `mqtt`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::transport::Transport;

/// The sub-protocol a client names (MQTT-6.0.0-3).
const SUB_PROTOCOL: &str = "mqtt";
/// The largest frame taken: the largest packet, and room for what precedes it.
const FRAME_BYTES_MAX: usize = 268_435_460 + 64 * 1024;
/// The largest frame sent; packets need not keep to frames (MQTT-6.0.0-2).
const SENT_FRAME_BYTES: usize = 64 * 1024;

/// Asks for an upgrade and checks the answer.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    path: &str,
    stream: Box<dyn Transport>,
) -> Result<Box<dyn Transport>, ConnectError> {
    let failed = |reason: String| ConnectError::WebSocket { address: endpoint.authority(), reason };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let scheme = if endpoint.tls.is_some() { "wss" } else { "ws" };
    let url = format!("{scheme}://{}{slash}{path}", endpoint.authority());
    let mut request = url.into_client_request().map_err(|e| failed(e.to_string()))?;
    request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUB_PROTOCOL));
    let config = WebSocketConfig::default()
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let handshake = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
    let (stream, _) = handshake.map_err(|e| failed(reason(e)))?;
    Ok(Box::new(WebSocket { stream, rest: Bytes::new() }))
}

/// What a person makes of a failed upgrade.
fn reason(error: Error) -> String {
    match error {
        Error::Http(response) => {
            let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            format!("the server answered {} {}", response.status(), body.trim()).trim_end().to_owned()
        }
        other => other.to_string(),
    }
}

struct WebSocket {
    stream: WebSocketStream<Box<dyn Transport>>,
    /// Of the last frame, what did not fit into the reader's buffer.
    rest: Bytes,
}

impl AsyncRead for WebSocket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                // MQTT-6.0.0-1
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "text frame (MQTT-6.0.0-1)")));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(e)) => return Poll::Ready(Err(into_io(e))),
            }
        }
        let part = self.rest.len().min(buf.remaining());
        buf.put_slice(&self.rest[..part]);
        self.rest.advance(part);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WebSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.stream).poll_ready(cx)).map_err(into_io)?;
        let part = &buf[..buf.len().min(SENT_FRAME_BYTES)];
        let frame = Message::Binary(Bytes::copy_from_slice(part));
        Pin::new(&mut self.stream).start_send(frame).map_err(into_io)?;
        Poll::Ready(Ok(part.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx).map_err(into_io)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.stream).poll_close(cx)) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Poll::Ready(Ok(())),
            Err(e) => Poll::Ready(Err(into_io(e))),
        }
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(e) => e,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
