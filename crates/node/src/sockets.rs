//! The listening sockets, all bound before anything else is started.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};

use config::Listeners;
use socket2::{Domain, Socket, Type};

/// Connections the kernel keeps for us until they are accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// Bound, listening, non-blocking sockets; `None` is off.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) mqtt: Option<TcpListener>,
    pub(crate) mqtts: Option<TcpListener>,
    pub(crate) ws: Option<TcpListener>,
    pub(crate) admin: Option<TcpListener>,
}

/// Where the sockets are bound, ports known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) mqtt: Option<SocketAddr>,
    pub(crate) mqtts: Option<SocketAddr>,
    pub(crate) ws: Option<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
}

/// A socket that could not be bound.
#[derive(Debug)]
pub(crate) struct BindError {
    name: &'static str,
    address: SocketAddr,
    source: io::Error,
}

/// Every socket that could not be bound.
#[derive(Debug, thiserror::Error)]
pub(crate) struct BindErrors(Vec<BindError>);

impl fmt::Display for BindErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address, source } = self;
        let why = match source.kind() {
            io::ErrorKind::AddrInUse => "another program uses the port",
            io::ErrorKind::PermissionDenied => "this user may not use the port (those below 1024 are privileged)",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            _ => &source.to_string(),
        };
        write!(
            f,
            "cannot listen on {address}: {why}; choose another with --{name} ADDR:PORT (port 0 takes any free one), or --{name} off"
        )
    }
}

impl Sockets {
    /// Binds them all.
    ///
    /// # Errors
    /// Every address that could not be bound.
    pub(crate) fn bind(listeners: &Listeners) -> Result<Self, BindErrors> {
        let mut errors = Vec::new();
        let mut bind = |name, address: Option<SocketAddr>| {
            let address = address?;
            listen(address)
                .map_err(|source| {
                    errors.push(BindError { name, address, source });
                })
                .ok()
        };
        let sockets = Self {
            mqtt: bind("mqtt", listeners.mqtt),
            mqtts: bind("mqtts", listeners.mqtts),
            ws: bind("ws", listeners.ws),
            admin: bind("admin", listeners.admin),
        };
        match errors.is_empty() {
            true => Ok(sockets),
            false => Err(BindErrors(errors)),
        }
    }

    pub(crate) fn addresses(&self) -> Addresses {
        let of = |socket: &Option<TcpListener>| socket.as_ref().and_then(|s| s.local_addr().ok());
        Addresses { mqtt: of(&self.mqtt), mqtts: of(&self.mqtts), ws: of(&self.ws), admin: of(&self.admin) }
    }
}

impl Addresses {
    /// The listeners that are on, by the name of their setting.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        [("mqtt", self.mqtt), ("mqtts", self.mqtts), ("ws", self.ws), ("admin", self.admin)]
            .into_iter()
            .filter_map(|(name, address)| address.map(|address| (name, address)))
    }

    /// The content of `listeners.json`: an object from setting to address.
    pub(crate) fn to_json(self) -> String {
        let fields: Vec<String> = self.named().map(|(name, address)| format!("\"{name}\":\"{address}\"")).collect();
        format!("{{{}}}\n", fields.join(","))
    }
}

/// A listening socket. Without SO_REUSEPORT: a second process must find the port taken.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart must not wait for connections of the process before it to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use config::Listeners;

    use super::Sockets;

    fn only_mqtt(mqtt: SocketAddr) -> Listeners {
        Listeners { mqtt: Some(mqtt), mqtts: None, ws: None, admin: None }
    }

    #[test]
    fn port_0_takes_a_free_port_and_a_taken_port_is_refused() {
        let first = Sockets::bind(&only_mqtt(([127, 0, 0, 1], 0).into())).unwrap();
        let address = first.addresses().mqtt.unwrap();
        assert_ne!(address.port(), 0);
        assert_eq!(first.addresses().to_json(), format!("{{\"mqtt\":\"{address}\"}}\n"));
        let refused = Sockets::bind(&only_mqtt(address)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "cannot listen on {address}: another program uses the port; choose another with --mqtt ADDR:PORT (port 0 takes any free one), or --mqtt off"
            )
        );
    }

    #[test]
    fn an_address_of_another_machine_is_refused() {
        let refused = Sockets::bind(&only_mqtt(([192, 0, 2, 1], 0).into())).unwrap_err();
        assert!(refused.to_string().contains("this machine has no such address"));
    }
}
