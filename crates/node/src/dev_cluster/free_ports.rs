//! Ports on loopback that nobody has.

use std::net::{Ipv4Addr, TcpListener};
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FIRST, LAST, free_ports};

    #[test]
    fn ports_differ_and_can_be_bound() {
        let ports = free_ports(40).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 40);
        assert!(ports.iter().all(|port| (FIRST..=LAST).contains(port)));
        free_ports(30_000).unwrap_err();
    }
}
