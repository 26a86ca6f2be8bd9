//! MQTT in binary WebSocket frames (RFC 6455), as a client with nothing but MQTT to say.

use super::fault::Fault;
use super::transport::Outgoing;

/// The longest answer to the request to upgrade.
const MAX_ANSWER_LEN: usize = 16 << 10;

/// A fixed nonce and what a server must make of it: this client guards no browser against a confused proxy. For the same
/// reason its masks are zero, which leaves every byte as it is.
const NONCE: &str = "Y2F1c2V3YXkgYmVuY2ggMQ==";
const ACCEPT: &str = "JbsC1zYdPNFMzHqxeEqFERphbM8=";

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// One connection's framing.
#[derive(Debug)]
pub(super) struct WebSocket {
    stage: Stage,
    /// Framed and not written yet.
    framed: Outgoing,
    /// What is left of a frame's header or of the server's answer.
    partial: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request is written or about to be.
    Upgrading,
    /// Between two frames.
    Header,
    /// In a frame of MQTT, with so many bytes to come.
    Payload(u64),
    /// In a frame of the WebSocket's own, with so many bytes to come; a ping is answered.
    Control { opcode: u8, left: u64 },
}

impl WebSocket {
    pub(super) fn new(host: &str, path: &str) -> Self {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {NONCE}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        let mut framed = Outgoing::default();
        framed.bytes.extend_from_slice(request.as_bytes());
        Self { stage: Stage::Upgrading, framed, partial: Vec::new() }
    }

    /// Moves what is to be sent into one frame, once the server has agreed; returns what is to be written.
    pub(super) fn frame(&mut self, out: &mut Outgoing) -> &mut Outgoing {
        if self.stage != Stage::Upgrading && out.pending() > 0 {
            self.put_frame(BINARY, &out.bytes);
            out.bytes.clear();
        }
        &mut self.framed
    }

    /// Whether something is left to write, the upgrade's end included: what waited for it goes out then.
    pub(super) fn wants_write(&self) -> bool {
        self.framed.pending() > 0
    }

    fn put_frame(&mut self, opcode: u8, payload: &[u8]) {
        let to = &mut self.framed.bytes;
        to.push(0x80 | opcode);
        match payload.len() {
            len @ 0..126 => to.push(0x80 | len as u8),
            len @ 126..0x1_0000 => {
                to.push(0x80 | 126);
                to.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                to.push(0x80 | 127);
                to.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        to.extend_from_slice(&[0; 4]);
        to.extend_from_slice(payload);
    }

    /// Hands the MQTT in `raw` to `take`, in pieces as they come.
    ///
    /// # Errors
    /// The server does not agree to speak MQTT over WebSocket, closes, or breaks the framing.
    pub(super) fn unframe(
        &mut self,
        raw: &[u8],
        joined: &mut Vec<u8>,
        take: &mut impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.partial.is_empty() {
            return self.unframe_joined(raw, take);
        }
        joined.clear();
        joined.append(&mut self.partial);
        joined.extend_from_slice(raw);
        self.unframe_joined(joined, take)
    }

    fn unframe_joined(
        &mut self,
        mut bytes: &[u8],
        take: &mut impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match self.stage {
                Stage::Upgrading => match answer_len(bytes)? {
                    Some(len) => {
                        bytes = &bytes[len..];
                        self.stage = Stage::Header;
                    }
                    None => break,
                },
                Stage::Header => match header(bytes)? {
                    Some((stage, len)) => {
                        bytes = &bytes[len..];
                        self.stage = stage;
                        self.skip_empty()?;
                    }
                    None => break,
                },
                Stage::Payload(left) => {
                    let (now, rest) = bytes.split_at(bytes.len().min(left as usize));
                    bytes = rest;
                    self.stage = Stage::Payload(left - now.len() as u64);
                    self.skip_empty()?;
                    take(now)?;
                }
                Stage::Control { opcode, left } => {
                    let Some((payload, rest)) = bytes.split_at_checked(left as usize) else { break };
                    bytes = rest;
                    self.stage = Stage::Header;
                    self.control(opcode, payload)?;
                }
            }
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// Goes on to the next frame where nothing of this one is to come.
    fn skip_empty(&mut self) -> Result<(), Fault> {
        match self.stage {
            Stage::Payload(0) => self.stage = Stage::Header,
            Stage::Control { opcode, left: 0 } => {
                self.stage = Stage::Header;
                self.control(opcode, &[])?;
            }
            Stage::Upgrading | Stage::Header | Stage::Payload(_) | Stage::Control { .. } => {}
        }
        Ok(())
    }

    fn control(&mut self, opcode: u8, payload: &[u8]) -> Result<(), Fault> {
        match opcode {
            PING => self.put_frame(PONG, payload),
            CLOSE => return Err(Fault::Closed),
            _ => {}
        }
        Ok(())
    }
}

/// Checks the server's answer when it is whole; says how long it is.
fn answer_len(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return if bytes.len() > MAX_ANSWER_LEN { Err(Fault::Unexpected("endless HTTP answer")) } else { Ok(None) };
    };
    let answer = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = answer.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(Fault::WebSocket(format!("the broker answered {status:?} instead of switching protocols")));
    }
    let accepted = lines
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == ACCEPT);
    if !accepted {
        return Err(Fault::WebSocket("the broker's answer does not accept the key".to_owned()));
    }
    Ok(Some(end + 4))
}

/// The frame header at the front of `bytes`: what follows it, and how long it is.
fn header(bytes: &[u8]) -> Result<Option<(Stage, usize)>, Fault> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err(Fault::WebSocket("the broker sent a masked frame or reserved bits".to_owned()));
    }
    let (left, len) = match second {
        126 => match bytes[2..].first_chunk::<2>() {
            Some(len) => (u64::from(u16::from_be_bytes(*len)), 4),
            None => return Ok(None),
        },
        127 => match bytes[2..].first_chunk::<8>() {
            Some(len) => (u64::from_be_bytes(*len), 10),
            None => return Ok(None),
        },
        len => (u64::from(len), 2),
    };
    let stage = match first & 0x0f {
        CONTINUATION | BINARY => Stage::Payload(left),
        opcode @ (CLOSE | PING | PONG) if left < 126 => Stage::Control { opcode, left },
        _ => return Err(Fault::WebSocket("the broker sent a frame that is not binary".to_owned())),
    };
    Ok(Some((stage, len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                          sec-websocket-accept: JbsC1zYdPNFMzHqxeEqFERphbM8=\r\n\r\n";

    fn fed(web_socket: &mut WebSocket, bytes: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
        let (mut taken, mut joined) = (Vec::new(), Vec::new());
        for raw in bytes.chunks(piece) {
            web_socket.unframe(raw, &mut joined, &mut |mqtt| {
                taken.extend_from_slice(mqtt);
                Ok(())
            })?;
        }
        Ok(taken)
    }

    fn server_frames() -> Vec<u8> {
        let mut bytes = ANSWER.as_bytes().to_vec();
        bytes.extend_from_slice(&[0x82, 3, 1, 2, 3, 0x82, 0, 0x89, 2, 7, 7, 0x02, 1, 4, 0x80, 126, 1, 0]);
        bytes.extend_from_slice(&[9; 256]);
        bytes
    }

    #[test]
    fn mqtt_is_taken_out_however_it_is_cut() {
        let expected = [&[1, 2, 3, 4][..], &[9; 256]].concat();
        for piece in [1, 2, 3, 7, 64, 1000] {
            let mut web_socket = WebSocket::new("host", "/mqtt");
            assert_eq!(fed(&mut web_socket, &server_frames(), piece), Ok(expected.clone()), "in pieces of {piece}");
            assert!(web_socket.framed.bytes.ends_with(&[0x8a, 0x82, 0, 0, 0, 0, 7, 7]), "the ping is answered");
        }
    }

    #[test]
    fn nothing_is_framed_before_the_upgrade() {
        let mut web_socket = WebSocket::new("host", "/mqtt");
        let mut out = Outgoing::default();
        out.bytes.extend_from_slice(b"CONNECT");
        assert!(web_socket.frame(&mut out).bytes.starts_with(b"GET /mqtt HTTP/1.1\r\n"));
        assert_eq!(out.pending(), 7);
        fed(&mut web_socket, ANSWER.as_bytes(), 10).unwrap();
        web_socket.framed = Outgoing::default();
        assert_eq!(web_socket.frame(&mut out).bytes, b"\x82\x87\0\0\0\0CONNECT");
        assert_eq!(out.pending(), 0);
    }

    #[test]
    fn a_server_that_does_not_agree_is_told_apart() {
        for answer in ["HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 101 X\r\nsec-websocket-accept: x\r\n\r\n"] {
            let refused = fed(&mut WebSocket::new("h", "/"), answer.as_bytes(), 100);
            assert!(matches!(refused, Err(Fault::WebSocket(_))), "{refused:?}");
        }
        let text = [ANSWER.as_bytes(), &[0x81, 1, b'x']].concat();
        assert!(matches!(fed(&mut WebSocket::new("h", "/"), &text, 100), Err(Fault::WebSocket(_))));
        let close = [ANSWER.as_bytes(), &[0x88, 0]].concat();
        assert_eq!(fed(&mut WebSocket::new("h", "/"), &close, 100), Err(Fault::Closed));
    }
}
