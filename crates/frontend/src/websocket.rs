//! MQTT over WebSocket (MQTT 5, section 6): binary frames that carry a byte stream, sub-protocol `mqtt`, any path.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::outbox::Outbox;

/// The sub-protocol that MQTT-6.0.0-3 requires of the client, and MQTT-6.0.0-4 of the server.
const SUB_PROTOCOL: &str = "mqtt";

/// How much of a frame the WebSocket layer buffers before it writes.
const BUFFER_BYTES: usize = 16 * 1024;

pub(crate) struct WebSocket<S> {
    stream: WebSocketStream<S>,
    /// Of the last frame, what did not fit into the reader's buffer. MQTT-6.0.0-2: packets do not keep to frames.
    rest: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Answers the client's upgrade request. A request without the sub-protocol `mqtt` gets 400.
    pub async fn accept(stream: S, max_packet_size: u32) -> io::Result<Self> {
        let limit = max_packet_size as usize + 16;
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let accepted = tokio_tungstenite::accept_hdr_async_with_config(stream, check_sub_protocol, Some(config)).await;
        Ok(Self { stream: accepted.map_err(io::Error::other)?, rest: Bytes::new() })
    }

    /// What is below.
    pub fn stream(&self) -> &S {
        self.stream.get_ref()
    }

    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_read_onto(cx, buf).map_ok(|_| ())
    }

    /// Appends to `buf` what is there and fits. `Ready(0)` is the end of the stream.
    pub fn poll_read_onto(&mut self, cx: &mut Context<'_>, buf: &mut impl BufMut) -> Poll<io::Result<usize>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                // MQTT-6.0.0-1: data comes in binary frames, anything else closes the connection.
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "text frame (MQTT-6.0.0-1)")));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) => {
                    // The answer (RFC 6455, 5.5.1) has been made; it leaves with the next flush. Whoever does not take
                    // it goes without.
                    let _ = Pin::new(&mut self.stream).poll_flush(cx);
                    return Poll::Ready(Ok(0));
                }
                None => return Poll::Ready(Ok(0)),
                Some(Err(e)) => return Poll::Ready(end_of_stream(e).map(|()| 0)),
            }
        }
        let part = self.rest.len().min(buf.remaining_mut());
        buf.put_slice(&self.rest[..part]);
        self.rest.advance(part);
        Poll::Ready(Ok(part))
    }

    pub fn poll_drain(&mut self, cx: &mut Context<'_>, outbox: &mut Outbox) -> Poll<io::Result<()>> {
        while !outbox.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_ready(cx)).map_err(io::Error::other)?;
            let Some(chunk) = outbox.take_chunk() else { break };
            Pin::new(&mut self.stream).start_send(Message::Binary(chunk)).map_err(io::Error::other)?;
        }
        Pin::new(&mut self.stream).poll_flush(cx).map_err(io::Error::other)
    }

    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(Pin::new(&mut self.stream).poll_close(cx)) {
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => Poll::Ready(Ok(())),
            Err(e) => Poll::Ready(Err(io::Error::other(e))),
        }
    }
}

fn end_of_stream(error: Error) -> io::Result<()> {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Ok(()),
        Error::Io(e) => Err(e),
        other => Err(io::Error::new(io::ErrorKind::InvalidData, other)),
    }
}

// The error type is the library's.
#[expect(clippy::result_large_err)]
fn check_sub_protocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let names = offered.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    // `mqttv3.1` is what clients offered before the name was settled.
    let chosen = names.map(str::trim).find(|name| *name == SUB_PROTOCOL || *name == "mqttv3.1");
    match chosen.and_then(|name| HeaderValue::from_str(name).ok()) {
        Some(name) => {
            response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, name);
            Ok(response)
        }
        None => {
            let mut refusal = ErrorResponse::new(Some("this is MQTT: offer the sub-protocol \"mqtt\"\n".to_owned()));
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            Err(refusal)
        }
    }
}
