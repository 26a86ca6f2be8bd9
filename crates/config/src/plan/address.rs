//! Addresses to bind, and which of them cannot be bound together.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::Given;
use crate::reading::{Reading, Spot};

/// An address that somebody asked for, or that is there by default.
#[derive(Debug, Clone)]
pub(super) struct Claim<'a> {
    /// The listener, or `admin`.
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) asked: Asked<'a>,
}

/// By whom.
#[derive(Debug, Clone)]
pub(super) enum Asked<'a> {
    Nobody,
    Flag(&'a Given),
    /// A field, and what is written there.
    File(Spot, String),
}

impl Claim<'_> {
    /// As the problem of another names it.
    fn shown(&self) -> String {
        match &self.asked {
            Asked::File(spot, _) => format!("{} ({}:{})", self.name, spot.file.path, spot.line),
            _ => format!("--{}", self.name),
        }
    }
}

/// Refuses each address that one before it has. The one that was asked for is the one to change; a default gives way.
pub(super) fn refuse_shared(claims: &[Claim<'_>], reading: &mut Reading) {
    let mut by_port: BTreeMap<u16, Vec<&Claim<'_>>> = BTreeMap::new();
    for claim in claims {
        let neighbours = by_port.entry(claim.address.port()).or_default();
        match neighbours.iter().find(|other| overlap(claim.address, other.address)) {
            Some(other) => refuse_one(claim, other, reading),
            None => neighbours.push(claim),
        }
    }
}

fn refuse_one(claim: &Claim<'_>, other: &Claim<'_>, reading: &mut Reading) {
    let (changed, taken_by) = match claim.asked {
        Asked::Nobody => (other, claim),
        _ => (claim, other),
    };
    let taken_by = taken_by.shown();
    match &changed.asked {
        // Two defaults never share an address.
        Asked::Nobody => {}
        Asked::Flag(given) => reading.refuse(given, format!("{taken_by} has this address; give another")),
        Asked::File(spot, text) => {
            let address = changed.address;
            reading.refuse_at(spot, text, format!("{taken_by} has the address {address}; give another"));
        }
    }
}

/// Whether both cannot be bound at once.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let every = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (every || a.ip() == b.ip())
}

/// `localhost` is the only name that is taken: it means the same everywhere.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    match text.eq_ignore_ascii_case("localhost") {
        true => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        false => text.parse().ok(),
    }
}

pub(super) fn socket_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    host.eq_ignore_ascii_case("localhost").then_some(())?;
    Some(SocketAddr::new(ip(host)?, port.parse().ok()?))
}
