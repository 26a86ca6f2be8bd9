//! Connections from an address of one's choice among those of this machine.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};

use crate::deadline::patience;

/// Connects over IPv4 from that address, as `127.0.0.2`, with Nagle off.
pub fn tcp(from: IpAddr, to: SocketAddr) -> TcpStream {
    // SAFETY: plain system calls on a socket that is owned at once.
    let socket = unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(socket >= 0, "no socket: {}", std::io::Error::last_os_error());
        OwnedFd::from_raw_fd(socket)
    };
    call(libc::bind, &socket, SocketAddr::new(from, 0));
    call(libc::connect, &socket, to);
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).expect("TCP_NODELAY");
    stream.set_write_timeout(Some(patience())).expect("a write timeout");
    stream
}

type Call = unsafe extern "C" fn(i32, *const libc::sockaddr, libc::socklen_t) -> i32;

fn call(call: Call, socket: &OwnedFd, address: SocketAddr) {
    use std::os::fd::AsRawFd;
    let SocketAddr::V4(address) = address else { panic!("{address} is not of IPv4") };
    let raw = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*address.ip()).to_be() },
        sin_zero: [0; 8],
    };
    let length = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the address is whole and lives as long as the call.
    let result = unsafe { call(socket.as_raw_fd(), (&raw const raw).cast(), length) };
    assert_eq!(result, 0, "{address}: {}", std::io::Error::last_os_error());
}
