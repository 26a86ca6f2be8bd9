//! Where the command line says to listen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::address::{self, Asked, Claim};
use crate::reading::Reading;
use crate::{AutomaticCertificate, Given, Listener, Origin, Protocol, Request, Tls};

/// What the flags and their defaults come to.
pub(super) struct FlagListeners<'a> {
    /// Those that clients connect to.
    pub(super) doors: Vec<Door<'a>>,
    /// `--admin`; `None` where the flag is not given.
    pub(super) admin: Option<AdminFlag<'a>>,
    /// `--bind`.
    pub(super) bind: Option<IpAddr>,
}

/// `--admin`.
#[derive(Clone, Copy)]
pub(super) struct AdminFlag<'a> {
    pub(super) given: &'a Given,
    /// `None` is off.
    pub(super) address: Option<SocketAddr>,
}

/// A listener with what asked for it.
pub(super) struct Door<'a> {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    given: Option<&'a Given>,
}

/// Name, port, flag.
type Row<'a> = (&'static str, u16, &'a Option<Given>);

/// What becomes of a listener that no flag names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unnamed {
    /// It is there, at its default address.
    Served,
    /// It is not there: resources say what is.
    Left,
}

/// Reads `--mqtt`, `--mqtts`, `--ws`, `--bind` and `--admin`.
pub(super) fn read<'a>(flags: &'a Request, unnamed: Unnamed, reading: &mut Reading) -> FlagListeners<'a> {
    let bind = bind(flags.bind.as_ref(), reading);
    let host = bind.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let rows: [Row<'_>; 3] = [("mqtt", 1883, &flags.mqtt), ("mqtts", 8883, &flags.mqtts), ("ws", 8083, &flags.ws)];
    let mut doors = Vec::new();
    let mut refused = false;
    for (name, port, given) in rows {
        let address = match given {
            Some(given) => listener(given, reading),
            None if unnamed == Unnamed::Left => Ok(None),
            None => Ok(Some(SocketAddr::new(host, port))),
        };
        refused |= address.is_err();
        if let Ok(Some(address)) = address {
            doors.push(Door { name, address, given: given.as_ref() });
        }
    }
    let off = rows.into_iter().find_map(|(_, _, given)| given.as_ref());
    // A listener may be in what could not be read.
    let refused = refused || !reading.is_sound();
    if let (true, false, Unnamed::Served, Some(given)) = (doors.is_empty(), refused, unnamed, off) {
        reading.refuse(given, "leave at least one of mqtt, mqtts and ws on");
    }
    let admin = flags.admin.as_ref().and_then(|given| {
        let address = listener(given, reading).ok()?;
        Some(AdminFlag { given, address })
    });
    FlagListeners { doors, admin, bind }
}

impl<'a> Door<'a> {
    pub(super) fn claim(&self) -> Claim<'a> {
        let asked = self.given.map_or(Asked::Nobody, Asked::Flag);
        Claim { name: self.name.to_owned(), address: self.address, asked }
    }

    pub(super) fn origin(&self) -> Origin {
        self.given.map_or(Origin::Default, |given| Origin::Flag(given.place.clone()))
    }

    pub(super) fn listener(&self) -> Listener {
        let (protocol, tls) = match self.name {
            "mqtts" => (Protocol::Mqtt, Some(Tls::Automatic(AutomaticCertificate::unasked("mqtts".to_owned())))),
            "ws" => (Protocol::WebSockets, None),
            _ => (Protocol::Mqtt, None),
        };
        let name = self.name.to_owned();
        Listener { name, address: self.address, protocol, tls, authentication: None, authorization: None }
    }
}

fn bind(given: Option<&Given>, reading: &mut Reading) -> Option<IpAddr> {
    let given = given?;
    let bind = address::ip(&given.text);
    if bind.is_none() {
        reading.refuse(given, "give an IP address: 127.0.0.1, 0.0.0.0 for every interface, :: for every one and IPv6");
    }
    bind
}

/// # Errors
/// It is no address; which is then a problem.
fn listener(given: &Given, reading: &mut Reading) -> Result<Option<SocketAddr>, ()> {
    if given.text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let address = address::socket_address(&given.text);
    if address.is_none() {
        reading.refuse(
            given,
            "give ADDR:PORT with an IP address (127.0.0.1:1883, [::1]:1883, 0.0.0.0:1883 for every interface), or off",
        );
    }
    address.map(Some).ok_or(())
}
