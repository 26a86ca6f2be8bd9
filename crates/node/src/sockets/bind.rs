//! Binding sockets, and saying why one cannot be bound.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use config::{Plan, Problem};
use socket2::{Domain, Socket as RawSocket, Type};

/// Connections the kernel keeps for us until they are accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// The admin endpoint's name among the listeners.
pub(crate) const ADMIN: &str = "admin";

/// The name, among the listeners, of the port where a backend accepts links.
pub(crate) const INTERNAL: &str = "internal";

/// An address to listen on, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The listener's name, or [`ADMIN`].
    pub(crate) name: String,
    /// Port 0 is any free port.
    pub(crate) address: SocketAddr,
}

/// A bound, listening, non-blocking socket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// What was asked for.
    pub(crate) asked: SocketAddr,
    /// Where it is, port known.
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

/// All sockets by the name of their listener.
pub(crate) type Sockets = BTreeMap<String, Socket>;

/// A socket that could not be bound.
#[derive(Debug)]
pub(crate) struct BindError {
    wanted: Wanted,
    source: io::Error,
}

/// Every socket that could not be bound.
#[derive(Debug, thiserror::Error)]
pub(crate) struct BindErrors(Vec<BindError>);

impl Wanted {
    /// All addresses of a plan, the admin endpoint's included.
    pub(crate) fn of(plan: &Plan) -> Vec<Self> {
        let listeners = plan.listeners.iter().map(|l| Self { name: l.name.clone(), address: l.address });
        let admin = plan.admin.iter().map(|admin| Self { name: ADMIN.to_owned(), address: admin.address });
        listeners.chain(admin).collect()
    }
}

impl Socket {
    pub(crate) fn bind(wanted: &Wanted) -> Result<Self, BindError> {
        let listen = || {
            let listener = listen(wanted.address)?;
            Ok(Self { asked: wanted.address, address: listener.local_addr()?, listener })
        };
        listen().map_err(|source| BindError { wanted: wanted.clone(), source })
    }

    /// Binds them all.
    ///
    /// # Errors
    /// Every address that could not be bound.
    pub(crate) fn bind_all(wanted: &[Wanted]) -> Result<Sockets, BindErrors> {
        let (mut sockets, mut errors) = (Sockets::new(), Vec::new());
        for wanted in wanted {
            match Self::bind(wanted) {
                Ok(socket) => {
                    sockets.insert(wanted.name.clone(), socket);
                }
                Err(error) => errors.push(error),
            }
        }
        match errors.is_empty() {
            true => Ok(sockets),
            false => Err(BindErrors(errors)),
        }
    }

    /// The socket once more, for whoever accepts from it. The address is free when all of them are closed.
    pub(crate) fn listener(&self) -> io::Result<TcpListener> {
        self.listener.try_clone()
    }
}

impl BindError {
    /// For the account of a change that was refused.
    pub(crate) fn problem(&self) -> Problem {
        let Wanted { name, address } = &self.wanted;
        let expected = format!("{}; {}", self.why(), remedy(name));
        Problem { place: format!("listener {name}"), text: address.to_string(), expected }
    }

    fn why(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => "another program uses the port".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "this user may not use the port (those below 1024 are privileged)".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            _ => self.source.to_string(),
        }
    }
}

fn remedy(name: &str) -> String {
    match name.split_once('/') {
        Some((listener, _)) => format!("choose another port in BrokerListener {listener}"),
        None if name == INTERNAL => "choose another with --internal ADDR:PORT, and name it in --backends".to_owned(),
        None => format!("choose another with --{name} ADDR:PORT (port 0 takes any free one), or --{name} off"),
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wanted { name, address } = &self.wanted;
        write!(f, "cannot listen on {address}: {}; {}", self.why(), remedy(name))
    }
}

impl fmt::Display for BindErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

/// A listening socket, whose connections begin with its TCP_NODELAY: one system call for each less than to set it there. Without
/// SO_REUSEPORT: a second process must find the port taken.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart must not wait for connections of the process before it to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpStream};

    use super::{Socket, Wanted};

    fn wanted(name: &str, address: SocketAddr) -> [Wanted; 1] {
        [Wanted { name: name.to_owned(), address }]
    }

    #[test]
    fn port_0_takes_a_free_port_and_a_taken_port_is_refused() {
        let first = Socket::bind_all(&wanted("mqtt", ([127, 0, 0, 1], 0).into())).unwrap();
        let address = first["mqtt"].address;
        assert_ne!(address.port(), 0);
        let refused = Socket::bind_all(&wanted("mqtt", address)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "cannot listen on {address}: another program uses the port; choose another with --mqtt ADDR:PORT (port 0 takes any free one), or --mqtt off"
            )
        );
        let refused = Socket::bind(&wanted("default/1883", address)[0]).unwrap_err();
        assert_eq!(
            refused.problem().to_string(),
            format!(
                "listener default/1883 {address}: another program uses the port; choose another port in BrokerListener default"
            )
        );
    }

    #[test]
    fn connections_begin_without_delays_of_small_packets() {
        let sockets = Socket::bind_all(&wanted("mqtt", ([127, 0, 0, 1], 0).into())).unwrap();
        let listener = sockets["mqtt"].listener().unwrap();
        listener.set_nonblocking(false).unwrap();
        let _client = TcpStream::connect(sockets["mqtt"].address).unwrap();
        assert!(listener.accept().unwrap().0.nodelay().unwrap());
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        let refused = Socket::bind_all(&wanted("ws", ([192, 0, 2, 1], 0).into())).unwrap_err();
        assert!(refused.to_string().contains("this machine has no such address"));
    }

    #[test]
    fn an_address_is_free_once_every_copy_of_its_socket_is_closed() {
        let first = Socket::bind_all(&wanted("mqtt", ([127, 0, 0, 1], 0).into())).unwrap();
        let address = first["mqtt"].address;
        let copy = first["mqtt"].listener().unwrap();
        drop(first);
        Socket::bind(&wanted("mqtt", address)[0]).unwrap_err();
        drop(copy);
        Socket::bind(&wanted("mqtt", address)[0]).unwrap();
    }
}
