//! One machine of the network: a namespace with an interface whose packets come to the switch.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The name of the interface in each namespace.
const INTERFACE: &str = "wire";

/// Long enough that nothing is lost here while the switch gets no time.
const SEND_QUEUE_PACKETS: usize = 20_000;

/// A namespace; whoever is in it, and the file here, keep it alive.
pub struct Machine {
    name: String,
    address: Ipv4Addr,
    namespace: File,
    wire: File,
}

impl Machine {
    /// The `number`th machine of a network, from 1.
    pub(super) fn new(name: &str, number: u8) -> Self {
        let address = Ipv4Addr::new(10, 77, 0, number);
        // A thread of its own is in the new namespace, and ends.
        let made = std::thread::scope(|scope| scope.spawn(|| make(address)).join().expect("a namespace"));
        let (namespace, wire) = made;
        Machine { name: name.into(), address, namespace, wire }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn address(&self) -> IpAddr {
        self.address.into()
    }

    /// From now on this thread, and those that it starts, are on this machine.
    pub fn enter(&self) {
        join(self.namespace.as_raw_fd()).expect("to change over to another machine (needs root)");
    }

    /// Has the process that this command starts run on this machine.
    pub fn host(&self, command: &mut Command) {
        let namespace = self.namespace.try_clone().expect("a second handle of the namespace");
        // SAFETY: one system call between fork and exec, on a descriptor that the command keeps.
        unsafe { command.pre_exec(move || join(namespace.as_raw_fd())) };
    }

    /// Does something on this machine, on a thread of its own.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let there = || {
            self.enter();
            work()
        };
        let done = std::thread::scope(|scope| scope.spawn(there).join());
        done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Takes its link down: its own system says so to whoever wants to send.
    pub fn link_down(&self) {
        self.within(|| ip(&format!("link set {INTERFACE} down")));
    }

    pub fn link_up(&self) {
        self.within(|| ip(&format!("link set {INTERFACE} up")));
    }

    pub(super) fn wire(&self) -> RawFd {
        self.wire.as_raw_fd()
    }

    /// The next packet that it has sent, or nothing.
    pub(super) fn sent<'a>(&self, room: &'a mut [u8]) -> Option<&'a [u8]> {
        let length = (&self.wire).read(room).ok()?;
        Some(&room[..length])
    }

    /// Hands it a packet, which is lost where its link is down.
    pub(super) fn receive(&self, packet: &[u8]) {
        let _ = (&self.wire).write(packet);
    }
}

fn join(namespace: RawFd) -> io::Result<()> {
    // SAFETY: no memory is involved.
    let joined = unsafe { libc::setns(namespace, libc::CLONE_NEWNET) };
    if joined == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn make(address: Ipv4Addr) -> (File, File) {
    // SAFETY: no memory is involved.
    let left = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(left, 0, "a network of its own needs root: {}", io::Error::last_os_error());
    let namespace = File::open("/proc/thread-self/ns/net").expect("the new namespace");
    let wire = tunnel().unwrap_or_else(|e| panic!("an interface of the test's own needs /dev/net/tun: {e}"));
    // Nobody answers to IPv6 here.
    let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{INTERFACE}/disable_ipv6"), "1");
    ip(&format!(
        "link set lo up\naddress add {address}/24 dev {INTERFACE}\nlink set {INTERFACE} txqueuelen {SEND_QUEUE_PACKETS} up"
    ));
    (namespace, wire)
}

/// An interface whose packets are read and written here, without waiting.
fn tunnel() -> io::Result<File> {
    let device = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    // SAFETY: all zeros is an empty request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(INTERFACE.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the request lives until the call returns.
    let made = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
    if made == 0 { Ok(device) } else { Err(io::Error::last_os_error()) }
}

/// Commands of `ip`, a line each, in the namespace of this thread.
fn ip(lines: &str) {
    let mut command = Command::new("ip");
    let child = command.args(["-batch", "-"]).stdin(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("ip (iproute2): {e}"));
    child.stdin.take().expect("its input").write_all(format!("{lines}\n").as_bytes()).expect("ip reads");
    let done = child.wait().expect("the end of ip");
    assert!(done.success(), "ip: {done}: {lines}");
}
