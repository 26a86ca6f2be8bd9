//! Ports on loopback that nobody has, and whether those that were chosen are.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process;

use super::DevClusterError;

/// Below the ports that systems give to who dials out, so that none is taken between being found and being bound.
const FIRST: u16 = 12_000;
const LAST: u16 = 31_999;

/// So many different ones. Where the search begins differs from process to process.
///
/// # Errors
/// There are not so many.
pub(super) fn free_ports(wanted: usize) -> Result<Vec<u16>, DevClusterError> {
    let count = LAST - FIRST + 1;
    if wanted > usize::from(count) {
        // Without taking every port of the machine to find that out.
        return Err(DevClusterError::NoPorts { wanted });
    }
    // The remainder is below the count of a u16.
    let start = (process::id().wrapping_mul(37) % u32::from(count)) as u16;
    let mut held = Vec::new();
    let mut ports = Vec::new();
    for step in 0..count {
        if ports.len() == wanted {
            return Ok(ports);
        }
        let port = FIRST + (start + step) % count;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push(listener);
            ports.push(port);
        }
    }
    Err(DevClusterError::NoPorts { wanted })
}

/// Looks whether each address can be bound. Whoever has one might else be taken for the process that is to have it: an
/// admin endpoint that answers is all that is seen of a process.
///
/// # Errors
/// The first that cannot be bound, by its name.
pub(super) fn look_free(addresses: impl Iterator<Item = (String, SocketAddr)>) -> Result<(), DevClusterError> {
    for (name, address) in addresses {
        if let Err(error) = TcpListener::bind(address) {
            let trouble = match error.kind() {
                io::ErrorKind::AddrInUse => "another program uses the port".to_owned(),
                _ => error.to_string(),
            };
            return Err(DevClusterError::Taken { name, address, trouble });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::TcpListener;

    use super::{FIRST, LAST, free_ports, look_free};

    #[test]
    fn an_address_that_somebody_has_is_told_by_name() {
        let somebody = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = somebody.local_addr().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let all = [("backend-0/internal".to_owned(), free), ("backend-0/admin".to_owned(), taken)];
        let told = look_free(all.clone().into_iter()).unwrap_err().to_string();
        let expected = format!("cannot listen on {taken} (backend-0/admin): another program uses the port; ");
        assert!(told.starts_with(&expected) && told.contains("--base-port"), "{told}");
        drop(somebody);
        look_free(all.into_iter()).unwrap();
    }

    #[test]
    fn ports_differ_and_can_be_bound() {
        let ports = free_ports(40).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 40);
        assert!(ports.iter().all(|port| (FIRST..=LAST).contains(port)));
        free_ports(30_000).unwrap_err();
    }
}
