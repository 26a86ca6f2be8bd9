//! From host, port and TLS flags to where connections go.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use client::tls;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;

use super::arguments::Broker;
use super::transport::{Target, TlsTarget};

/// The port on which TLS is meant even if no flag says so.
const MQTTS_PORT: u16 = 8883;

/// Why there is nowhere to connect to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum TargetError {
    #[error("--host {host}: {reason}")]
    Resolve { host: String, reason: io::Error },
    #[error("--host {host}: the name has no address")]
    NoAddress { host: String },
    #[error("nobody answers at {host}, port {port}: {reason}")]
    Unreachable { host: String, port: u16, reason: io::Error },
    #[error("--host {host}: not a name that a certificate can have")]
    ServerName { host: String },
    #[error("{0}")]
    Flags(String),
    #[error("{0}")]
    Tls(#[from] tls::TlsError),
}

/// Resolves the name and reads the TLS files. Of several addresses the first that answers within `timeout` is taken.
///
/// # Errors
/// A name without address, nobody there, TLS files that cannot be used.
pub(super) fn target(broker: &Broker, timeout: Duration) -> Result<Target, TargetError> {
    let is_tls = broker.tls.is_wanted() || broker.port == Some(MQTTS_PORT);
    let port = broker.port.unwrap_or(match (&broker.ws, is_tls) {
        (None, false) => 1883,
        (None, true) => MQTTS_PORT,
        (Some(_), false) => 80,
        (Some(_), true) => 443,
    });
    let tls = if is_tls {
        let host = broker.host.clone();
        let name = ServerName::try_from(host.clone()).map_err(|_| TargetError::ServerName { host })?;
        Some(TlsTarget { configuration: configuration(broker)?, name })
    } else {
        None
    };
    Ok(Target {
        address: address(&broker.host, port, timeout)?,
        host: broker.host.clone(),
        tls,
        web_socket: broker.ws.clone(),
    })
}

fn address(host: &str, port: u16, timeout: Duration) -> Result<SocketAddr, TargetError> {
    let resolved = (host, port).to_socket_addrs();
    let addresses: Vec<SocketAddr> =
        resolved.map_err(|reason| TargetError::Resolve { host: host.to_owned(), reason })?.collect();
    match addresses.as_slice() {
        [] => Err(TargetError::NoAddress { host: host.to_owned() }),
        [only] => Ok(*only),
        several => first_that_answers(several, timeout).map_err(|reason| TargetError::Unreachable {
            host: host.to_owned(),
            port,
            reason,
        }),
    }
}

fn first_that_answers(addresses: &[SocketAddr], timeout: Duration) -> io::Result<SocketAddr> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match TcpStream::connect_timeout(address, timeout) {
            Ok(_) => return Ok(*address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn configuration(broker: &Broker) -> Result<Arc<ClientConfig>, TargetError> {
    let options = broker.tls.options(broker.ws.as_deref()).map_err(|failure| TargetError::Flags(failure.text))?;
    let mut configuration = ClientConfig::clone(tls::configuration(&options)?.as_ref());
    // Each client stands for a device of its own, which has no session of another's to resume.
    configuration.resumption = Resumption::disabled();
    Ok(Arc::new(configuration))
}
