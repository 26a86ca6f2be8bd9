//! How listeners that are to be opened come by their addresses, while others are to be closed.

use std::net::SocketAddr;

use super::{Sockets, Wanted};

/// How one listener comes by its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// The address is nobody's here.
    Bind,
    /// The socket of a listener that closes is at this address: it is handed over, and nobody who connects is refused meanwhile.
    Take(String),
    /// Listeners that close hold this port at other addresses, so that it can be bound only after them.
    BindAfter(Vec<String>),
}

/// The way for each of `opening`, in their order. `closing` are names of open sockets; each is taken over once at most.
pub(crate) fn ways(sockets: &Sockets, closing: &[String], opening: &[Wanted]) -> Vec<Way> {
    let mut left: Vec<&String> = closing.iter().collect();
    let mut way = |wanted: &Wanted| {
        let fits = |name: &String| {
            sockets.get(name).is_some_and(|socket| match wanted.address.port() {
                0 => *name == wanted.name && socket.asked == wanted.address,
                _ => socket.address == wanted.address,
            })
        };
        if let Some(place) = left.iter().position(|name| fits(name)) {
            return Way::Take(left.remove(place).clone());
        }
        let in_the_way =
            |name: &&&String| sockets.get(**name).is_some_and(|socket| overlap(socket.address, wanted.address));
        let before: Vec<String> = left.iter().filter(in_the_way).map(|name| (*name).clone()).collect();
        match before.is_empty() {
            true => Way::Bind,
            false => Way::BindAfter(before),
        }
    };
    opening.iter().map(&mut way).collect()
}

/// Whether both cannot be bound at once.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let every = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && (every || a.ip() == b.ip())
}

#[cfg(test)]
mod tests {
    use super::{Way, ways};
    use crate::sockets::{Socket, Sockets, Wanted};

    const ANY: &str = "127.0.0.1:0";

    fn wanted(name: &str, address: &str) -> Wanted {
        Wanted { name: name.to_owned(), address: address.parse().unwrap() }
    }

    fn open(names: &[&str]) -> Sockets {
        let all: Vec<Wanted> = names.iter().map(|name| wanted(name, ANY)).collect();
        Socket::bind_all(&all).unwrap()
    }

    fn closing(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_listener_that_stays_at_its_address_keeps_its_socket() {
        let sockets = open(&["a", "b"]);
        let same = Wanted { name: "a".to_owned(), address: sockets["a"].address };
        assert_eq!(ways(&sockets, &closing(&["a"]), &[same]), [Way::Take("a".to_owned())]);
        // Any free port: the one it has.
        assert_eq!(ways(&sockets, &closing(&["a"]), &[wanted("a", ANY)]), [Way::Take("a".to_owned())]);
        assert_eq!(ways(&sockets, &closing(&["a"]), &[wanted("c", ANY)]), [Way::Bind]);
    }

    #[test]
    fn two_listeners_change_places() {
        let sockets = open(&["a", "b"]);
        let swapped = [
            Wanted { name: "a".to_owned(), address: sockets["b"].address },
            Wanted { name: "b".to_owned(), address: sockets["a"].address },
        ];
        let expected = [Way::Take("b".to_owned()), Way::Take("a".to_owned())];
        assert_eq!(ways(&sockets, &closing(&["a", "b"]), &swapped), expected);
    }

    #[test]
    fn every_interface_waits_for_one_of_them() {
        let sockets = open(&["a"]);
        let port = sockets["a"].address.port();
        let every = [wanted("b", &format!("0.0.0.0:{port}")), wanted("c", &format!("[::]:{port}"))];
        let expected = Way::BindAfter(vec!["a".to_owned()]);
        assert_eq!(ways(&sockets, &closing(&["a"]), &every[..1]), std::slice::from_ref(&expected));
        assert_eq!(ways(&sockets, &closing(&["a"]), &every[1..]), std::slice::from_ref(&expected));
        // One that stays is no reason to wait: binding says that the port is taken.
        assert_eq!(ways(&sockets, &[], &every[..1]), [Way::Bind]);
        let other = [wanted("b", &format!("127.0.0.2:{port}"))];
        assert_eq!(ways(&sockets, &closing(&["a"]), &other), [Way::Bind]);
    }
}
