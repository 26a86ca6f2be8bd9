//! Who speaks on a connection, in which versions, and in which session. Bytes only, no I/O.
//!
//! The dialing end says `Hello`; the accepting end answers `Welcome` or `Refused`. All three begin with the same magic
//! and always end with a checksum; a newer release may put more behind the fields known here, which is passed over.

use bytes::{Buf, BufMut, BytesMut};

use super::frame::{self, Integrity, Violation};

/// The oldest version that this release speaks: that of the release before it.
pub const VERSION_OLDEST: u16 = 1;
/// The newest version that this release speaks.
pub const VERSION_NEWEST: u16 = 1;

const MAGIC: u32 = u32::from_le_bytes(*b"CWL\n");

const HELLO: u8 = 0x20;
const WELCOME: u8 = 0x21;
const REFUSED: u8 = 0x22;

/// One run of one process: random, another one after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(pub u64);

/// What a process says about itself. Names are cut at 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub cluster: Box<str>,
    pub role: Box<str>,
    pub name: Box<str>,
    /// For people: a release's number.
    pub software: Box<str>,
    pub incarnation: Incarnation,
}

/// What a peer's word rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A certificate that was judged during the TLS handshake, and what it says.
    Certificate { cluster: Box<str>, role: Box<str>, name: Box<str> },
    /// Nothing: the connection is not encrypted.
    Word,
}

/// Names a session: the dialing process and its own count. Zero is none.
pub type SessionNumber = u64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub oldest: u16,
    pub newest: u16,
    pub peer: Peer,
    /// Which of several links between the two processes.
    pub link: u32,
    /// The session that the dialing end still has.
    pub held: SessionNumber,
    /// The session to begin if the accepting end does not have that one.
    pub offered: SessionNumber,
    /// Counts this process's connections: a later one replaces an earlier one.
    pub attempt: u64,
    pub integrity: Integrity,
}

/// How the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Begun,
    Resumed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    pub version: u16,
    pub peer: Peer,
    pub outcome: Outcome,
    pub integrity: Integrity,
}

/// Why a connection is not wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    #[error("it speaks link versions {oldest} to {newest}, this end {VERSION_OLDEST} to {VERSION_NEWEST}")]
    Version { oldest: u16, newest: u16 },
    #[error("it belongs to the cluster \"{theirs}\", this end to \"{ours}\"")]
    Cluster { ours: Box<str>, theirs: Box<str> },
    #[error("it has the role \"{theirs}\" where \"{expected}\" is expected")]
    Role { expected: Box<str>, theirs: Box<str> },
    #[error("it is \"{theirs}\" where \"{expected}\" is expected")]
    Name { expected: Box<str>, theirs: Box<str> },
    #[error("it says it has the {what} \"{said}\", its certificate says \"{proven}\"")]
    Unproven { what: &'static str, said: Box<str>, proven: Box<str> },
    /// Whatever else the caller finds.
    #[error("{0}")]
    Other(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Welcome(Welcome),
    Refused(Box<str>),
}

impl Peer {
    /// Compares what the peer says with its certificate.
    pub(super) fn check(&self, proof: &Proof) -> Result<(), Refusal> {
        let Proof::Certificate { cluster, role, name } = proof else { return Ok(()) };
        let said = [("cluster", &self.cluster, cluster), ("role", &self.role, role), ("name", &self.name, name)];
        match said.into_iter().find(|(_, said, proven)| said != proven) {
            Some((what, said, proven)) => Err(Refusal::Unproven { what, said: said.clone(), proven: proven.clone() }),
            None => Ok(()),
        }
    }
}

impl Hello {
    pub fn encode(&self, out: &mut BytesMut) {
        let begin = begin(HELLO, out);
        out.put_u16_le(self.oldest);
        out.put_u16_le(self.newest);
        put_peer(&self.peer, out);
        out.put_u32_le(self.link);
        out.put_u64_le(self.held);
        out.put_u64_le(self.offered);
        out.put_u64_le(self.attempt);
        put_integrity(self.integrity, out);
        frame::finish(begin, Integrity::Checksummed, out);
    }

    /// Reads the body of a first frame.
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = fields_of(body, HELLO)?;
        Ok(Self {
            oldest: fields.u16()?,
            newest: fields.u16()?,
            peer: fields.peer()?,
            link: fields.u32()?,
            held: fields.u64()?,
            offered: fields.u64()?,
            attempt: fields.u64()?,
            integrity: fields.integrity()?,
        })
    }

    /// The version to speak: the newest that both know.
    pub fn version(&self) -> Result<u16, Refusal> {
        let version = self.newest.min(VERSION_NEWEST);
        if version < self.oldest.max(VERSION_OLDEST) {
            return Err(Refusal::Version { oldest: self.oldest, newest: self.newest });
        }
        Ok(version)
    }
}

impl Reply {
    pub fn encode(&self, out: &mut BytesMut) {
        let begin = match self {
            Self::Welcome(welcome) => {
                let begin = begin(WELCOME, out);
                out.put_u16_le(welcome.version);
                put_peer(&welcome.peer, out);
                out.put_u8(u8::from(welcome.outcome == Outcome::Resumed));
                put_integrity(welcome.integrity, out);
                begin
            }
            Self::Refused(reason) => {
                let begin = begin(REFUSED, out);
                put_text(reason, out);
                begin
            }
        };
        frame::finish(begin, Integrity::Checksummed, out);
    }

    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        if body.first() == Some(&REFUSED) {
            return Ok(Self::Refused(fields_of(body, REFUSED)?.text()?));
        }
        let mut fields = fields_of(body, WELCOME)?;
        Ok(Self::Welcome(Welcome {
            version: fields.u16()?,
            peer: fields.peer()?,
            outcome: if fields.u8()? == 0 { Outcome::Begun } else { Outcome::Resumed },
            integrity: fields.integrity()?,
        }))
    }
}

/// The first frame is not one of a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error(transparent)]
    Frame(#[from] Violation),
    #[error("its first bytes are not those of a link")]
    NotALink,
    #[error("its first frame ends too early")]
    TooShort,
}

/// Begins a first frame; [`frame::finish`] ends it.
pub(super) fn begin(kind: u8, out: &mut BytesMut) -> usize {
    let begin = out.len();
    out.put_u32_le(0);
    out.put_u8(kind);
    out.put_u32_le(MAGIC);
    begin
}

fn put_text(text: &str, out: &mut BytesMut) {
    let text = &text[..text.floor_char_boundary(usize::from(u8::MAX))];
    out.put_u8(text.len() as u8);
    out.put_slice(text.as_bytes());
}

fn put_peer(peer: &Peer, out: &mut BytesMut) {
    out.put_u64_le(peer.incarnation.0);
    for text in [&peer.cluster, &peer.role, &peer.name, &peer.software] {
        put_text(text, out);
    }
}

fn put_integrity(integrity: Integrity, out: &mut BytesMut) {
    out.put_u8(u8::from(integrity == Integrity::Checksummed));
}

fn fields_of(body: &[u8], kind: u8) -> Result<Fields<'_>, Malformed> {
    content_of(body, kind).map(Fields)
}

/// What a first frame of this kind carries.
pub(super) fn content_of(body: &[u8], kind: u8) -> Result<&[u8], Malformed> {
    if body.first() != Some(&kind) || body.get(1..5) != Some(&MAGIC.to_le_bytes()[..]) {
        return Err(Malformed::NotALink);
    }
    let content = frame::verify(body, Integrity::Checksummed)?;
    content.get(5..).ok_or(Malformed::TooShort)
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u8(&mut self) -> Result<u8, Malformed> {
        self.0.try_get_u8().map_err(|_| Malformed::TooShort)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        self.0.try_get_u16_le().map_err(|_| Malformed::TooShort)
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        self.0.try_get_u32_le().map_err(|_| Malformed::TooShort)
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        self.0.try_get_u64_le().map_err(|_| Malformed::TooShort)
    }

    fn text(&mut self) -> Result<Box<str>, Malformed> {
        let length = usize::from(self.u8()?);
        let (text, rest) = self.0.split_at_checked(length).ok_or(Malformed::TooShort)?;
        self.0 = rest;
        Ok(String::from_utf8_lossy(text).into())
    }

    fn peer(&mut self) -> Result<Peer, Malformed> {
        Ok(Peer {
            incarnation: Incarnation(self.u64()?),
            cluster: self.text()?,
            role: self.text()?,
            name: self.text()?,
            software: self.text()?,
        })
    }

    fn integrity(&mut self) -> Result<Integrity, Malformed> {
        Ok(if self.u8()? == 0 { Integrity::Trusted } else { Integrity::Checksummed })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn peer() -> Peer {
        Peer {
            cluster: "default".into(),
            role: "frontend".into(),
            name: "frontend-0".into(),
            software: "0.1.0".into(),
            incarnation: Incarnation(77),
        }
    }

    fn hello() -> Hello {
        let integrity = Integrity::Checksummed;
        Hello { oldest: 1, newest: 1, peer: peer(), link: 2, held: 3, offered: 4, attempt: 5, integrity }
    }

    fn body(bytes: &[u8]) -> &[u8] {
        &bytes[frame::delimit(bytes).unwrap().unwrap()]
    }

    #[test]
    fn what_is_said_is_understood() {
        let mut bytes = BytesMut::new();
        hello().encode(&mut bytes);
        assert_eq!(Hello::decode(body(&bytes)), Ok(hello()));
        let welcome = Welcome { version: 1, peer: peer(), outcome: Outcome::Resumed, integrity: Integrity::Trusted };
        for reply in [Reply::Welcome(welcome), Reply::Refused("no".into())] {
            let mut bytes = BytesMut::new();
            reply.encode(&mut bytes);
            assert_eq!(Reply::decode(body(&bytes)), Ok(reply));
        }
    }

    #[test]
    fn what_a_newer_release_adds_is_passed_over() {
        let mut bytes = BytesMut::new();
        hello().encode(&mut bytes);
        bytes.truncate(bytes.len() - 4);
        bytes.put_slice(b"more");
        frame::finish(0, Integrity::Checksummed, &mut bytes);
        assert_eq!(Hello::decode(body(&bytes)), Ok(hello()));
    }

    #[test]
    fn the_newest_version_that_both_know() {
        let range = |oldest, newest| Hello { oldest, newest, ..hello() }.version();
        assert_eq!(range(1, 1), Ok(1));
        assert_eq!(range(VERSION_NEWEST, VERSION_NEWEST + 1), Ok(VERSION_NEWEST));
        assert!(range(VERSION_NEWEST + 1, VERSION_NEWEST + 2).is_err());
        assert!(range(0, VERSION_OLDEST - 1).is_err());
    }

    #[test]
    fn another_protocol_is_told_apart() {
        assert_eq!(Hello::decode(b"\x16\x03\x01\x02\x00"), Err(Malformed::NotALink));
        assert_eq!(Hello::decode(b""), Err(Malformed::NotALink));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Hello::decode(&bytes);
            let _ = Reply::decode(&bytes);
            let mut framed = BytesMut::from(&[0, 0, 0, 0, HELLO][..]);
            framed.put_u32_le(MAGIC);
            framed.put_slice(&std::mem::take(&mut bytes));
            frame::finish(0, Integrity::Checksummed, &mut framed);
            let _ = Hello::decode(body(&framed));
        }
    }
}
