//! A TCP proxy on loopback that does to its connections what networks do: resets, closes, swallows, slows, refuses.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::deadline::eventually;
use crate::free_port;

/// Between two looks at what a connection is to do.
const LOOK: Duration = Duration::from_millis(10);
const CHUNK_BYTES: usize = 16 * 1024;
/// More than this is not written down.
const RECORD_BYTES: usize = 64 << 20;

/// What becomes of bytes, and of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Pass,
    /// Bytes are taken from both ends and given to none; nobody is told.
    BlackHole,
    /// Connections are refused by the system: nobody listens.
    Refuse,
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Fate {
    Lives = 0,
    /// Bytes are swallowed from now on: what was swallowed would be missing.
    Black = 1,
    /// FIN both ways.
    Closed = 2,
    /// RST both ways.
    Reset = 3,
}

/// A proxy before one address. Ends, with its connections, with this value.
pub struct FaultProxy {
    address: SocketAddr,
    state: Arc<State>,
    doorman: Option<JoinHandle<()>>,
}

struct State {
    target: SocketAddr,
    way: Mutex<Way>,
    /// Bytes a second in each direction of each connection; 0 is without bound.
    rate: AtomicU64,
    /// Those that no thread carries any more are gone.
    connections: Mutex<Vec<Weak<Connection>>>,
    accepted: AtomicU64,
    passed: AtomicU64,
    swallowed: AtomicU64,
    /// What has passed, if it is to be written down, up to [`RECORD_BYTES`].
    record: Mutex<Option<Vec<u8>>>,
    listening: AtomicBool,
    over: AtomicBool,
}

/// Both ends of what is proxied; dropped when both directions are through with it.
struct Connection {
    near: TcpStream,
    far: TcpStream,
    fate: AtomicU8,
}

impl FaultProxy {
    /// Passes connections to that address, which nobody has to listen on yet.
    pub fn before(target: SocketAddr) -> Self {
        // Not a port that the system gives to somebody else while nobody listens.
        let listener = eventually("a port for the proxy", || TcpListener::bind(("127.0.0.1", free_port())).ok());
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            target,
            way: Mutex::new(Way::Pass),
            rate: AtomicU64::new(0),
            connections: Mutex::default(),
            accepted: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            swallowed: AtomicU64::new(0),
            record: Mutex::default(),
            listening: AtomicBool::new(true),
            over: AtomicBool::new(false),
        });
        let doorman = std::thread::spawn({
            let state = state.clone();
            move || state.open_and_close(listener, address)
        });
        FaultProxy { address, state, doorman: Some(doorman) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// New connections pass at full speed, and those that were only slowed go on. What a black hole has swallowed is
    /// lost: connections that were in it stay in it.
    pub fn pass(&self) {
        self.state.rate.store(0, Ordering::Relaxed);
        self.set(Way::Pass);
        eventually("the proxy listens", || self.state.listening.load(Ordering::Relaxed).then_some(()));
    }

    /// From now on every connection, new ones too, gives its bytes to nobody and stays open.
    pub fn black_hole(&self) {
        self.set(Way::BlackHole);
        self.each(Fate::Black);
    }

    /// At most so many bytes a second, in each direction of each connection.
    pub fn slow(&self, bytes_per_second: u64) {
        self.state.rate.store(bytes_per_second.max(1), Ordering::Relaxed);
    }

    /// Resets every connection, and refuses new ones until [`FaultProxy::pass`].
    pub fn refuse(&self) {
        self.set(Way::Refuse);
        eventually("the proxy listens no more", || (!self.state.listening.load(Ordering::Relaxed)).then_some(()));
        self.cut();
    }

    /// Resets every connection that is open now, with RST both ways.
    pub fn cut(&self) {
        self.each(Fate::Reset);
    }

    /// Closes every connection that is open now, with FIN both ways.
    pub fn close(&self) {
        self.each(Fate::Closed);
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.state.accepted.load(Ordering::Relaxed)
    }

    /// Connections that are open now, at either end.
    pub fn open(&self) -> usize {
        let connections = self.state.connections.lock().expect("the connections");
        connections.iter().filter(|connection| connection.strong_count() > 0).count()
    }

    /// Bytes that went through so far, both ways.
    pub fn passed(&self) -> u64 {
        self.state.passed.load(Ordering::Relaxed)
    }

    /// Bytes that black holes took so far.
    pub fn swallowed(&self) -> u64 {
        self.state.swallowed.load(Ordering::Relaxed)
    }

    /// Writes down what passes from now on, both ways, as it comes.
    pub fn record(&self) {
        *self.state.record.lock().expect("the record") = Some(Vec::new());
    }

    /// Whether what was written down holds these bytes.
    pub fn has_heard(&self, bytes: &[u8]) -> bool {
        let record = self.state.record.lock().expect("the record");
        let record = record.as_ref().expect("a proxy that records");
        record.windows(bytes.len()).any(|window| window == bytes)
    }

    fn set(&self, way: Way) {
        *self.state.way.lock().expect("the proxy's way") = way;
    }

    fn each(&self, fate: Fate) {
        let mut connections = self.state.connections.lock().expect("the connections");
        connections.retain(|connection| connection.upgrade().is_some_and(|living| living.end(fate)));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
        self.cut();
        if let Some(doorman) = self.doorman.take() {
            let _ = doorman.join();
        }
        self.cut();
    }
}

impl State {
    /// Listens while connections are to be accepted.
    fn open_and_close(self: &Arc<Self>, listener: TcpListener, address: SocketAddr) {
        listener.set_nonblocking(true).expect("a listener that does not block");
        let mut listener = Some(listener);
        while !self.over.load(Ordering::Relaxed) {
            let way = *self.way.lock().expect("the proxy's way");
            match &listener {
                Some(_) if way == Way::Refuse => listener = None,
                Some(open) => match open.accept() {
                    Ok((near, _)) => self.admit(near),
                    Err(_) => std::thread::sleep(LOOK),
                },
                None if way == Way::Refuse => std::thread::sleep(LOOK),
                None => {
                    let open = TcpListener::bind(address).expect("the proxy's port again");
                    open.set_nonblocking(true).expect("a listener that does not block");
                    listener = Some(open);
                }
            }
            self.listening.store(listener.is_some(), Ordering::Relaxed);
        }
    }

    fn admit(self: &Arc<Self>, near: TcpStream) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        near.set_nonblocking(false).expect("a stream that blocks");
        let Ok(far) = TcpStream::connect(self.target) else {
            reset(&near);
            return;
        };
        for stream in [&near, &far] {
            stream.set_nodelay(true).expect("TCP_NODELAY");
            stream.set_read_timeout(Some(LOOK)).expect("a read timeout");
            stream.set_write_timeout(Some(LOOK)).expect("a write timeout");
        }
        let connection = Arc::new(Connection { near, far, fate: AtomicU8::new(Fate::Lives as u8) });
        {
            // Under the lock of the way: a black hole that begins now gets this one too.
            let way = self.way.lock().expect("the proxy's way");
            if *way == Way::BlackHole {
                connection.fate.store(Fate::Black as u8, Ordering::Relaxed);
            }
            self.connections.lock().expect("the connections").push(Arc::downgrade(&connection));
        }
        let (state, back) = (self.clone(), connection.clone());
        std::thread::spawn(move || state.pump(&back, |c| (&c.far, &c.near)));
        let state = self.clone();
        std::thread::spawn(move || state.pump(&connection, |c| (&c.near, &c.far)));
    }

    /// Carries one direction until its end.
    fn pump(&self, connection: &Connection, ends: impl Fn(&Connection) -> (&TcpStream, &TcpStream)) {
        let (mut from, to) = ends(connection);
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            let limit = self.pace();
            if connection.ended() {
                return;
            }
            let count = match from.read(&mut chunk[..limit]) {
                Ok(0) if connection.fate() == Fate::Black => return self.keep(connection),
                Ok(0) => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(count) => count,
                Err(e) if waits(&e) => continue,
                Err(_) if connection.fate() == Fate::Black => return self.keep(connection),
                Err(_) => {
                    connection.end(Fate::Reset);
                    return;
                }
            };
            if connection.fate() == Fate::Black {
                self.swallowed.fetch_add(count as u64, Ordering::Relaxed);
            } else if !self.give(connection, to, &chunk[..count]) {
                return;
            }
        }
    }

    /// Writes all, unless the connection ends first.
    fn give(&self, connection: &Connection, mut to: &TcpStream, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match to.write(bytes) {
                Ok(count) => {
                    self.write_down(&bytes[..count]);
                    self.passed.fetch_add(count as u64, Ordering::Relaxed);
                    bytes = &bytes[count..];
                }
                Err(e) if waits(&e) => match connection.fate() {
                    Fate::Lives => {}
                    Fate::Black => {
                        self.swallowed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        return true;
                    }
                    Fate::Closed | Fate::Reset => return false,
                },
                Err(_) => {
                    connection.end(Fate::Reset);
                    return false;
                }
            }
        }
        true
    }

    fn write_down(&self, bytes: &[u8]) {
        if let Some(record) = self.record.lock().expect("the record").as_mut() {
            let room = RECORD_BYTES.saturating_sub(record.len());
            record.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// One end of a black hole has gone: the other is not told while the hole lasts.
    fn keep(&self, connection: &Connection) {
        while !connection.ended() && !self.over.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
        }
    }

    /// How many bytes may be read next, after the pause that they cost.
    fn pace(&self) -> usize {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return CHUNK_BYTES;
        }
        std::thread::sleep(LOOK);
        let looks = (1000 / LOOK.as_millis()) as u64;
        (rate.div_ceil(looks) as usize).clamp(1, CHUNK_BYTES)
    }
}

impl Connection {
    fn fate(&self) -> Fate {
        match self.fate.load(Ordering::Relaxed) {
            0 => Fate::Lives,
            1 => Fate::Black,
            2 => Fate::Closed,
            _ => Fate::Reset,
        }
    }

    /// Whether it lives on, in whatever way.
    fn end(&self, fate: Fate) -> bool {
        self.fate.store(fate as u8, Ordering::Relaxed);
        !self.ended()
    }

    fn ended(&self) -> bool {
        matches!(self.fate(), Fate::Closed | Fate::Reset)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.fate() == Fate::Reset {
            reset(&self.near);
            reset(&self.far);
        }
    }
}

/// Has the close of this socket send RST.
fn reset(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = size_of::<libc::linger>() as libc::socklen_t;
    // SAFETY: the value is whole and lives as long as the call, and the socket is open.
    unsafe {
        libc::setsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), length);
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::patience;

    /// A connection through the proxy, both of its ends.
    fn pair(proxy: &FaultProxy, server: &TcpListener) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(proxy.address()).expect("the proxy accepts");
        let (far, _) = server.accept().expect("the proxy connects");
        for end in [&near, &far] {
            end.set_read_timeout(Some(patience())).expect("a read timeout");
        }
        (near, far)
    }

    fn proxied() -> (FaultProxy, TcpListener) {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        (FaultProxy::before(server.local_addr().expect("its address")), server)
    }

    fn crosses(mut from: &TcpStream, mut to: &TcpStream, text: &[u8]) {
        from.write_all(text).expect("an end that takes bytes");
        let mut got = vec![0; text.len()];
        to.read_exact(&mut got).expect("bytes at the other end");
        assert_eq!(got, text);
    }

    #[test]
    fn bytes_pass_until_connections_are_reset() {
        let (proxy, server) = proxied();
        let (mut near, mut far) = pair(&proxy, &server);
        crosses(&near, &far, b"there");
        crosses(&far, &near, b"and back");
        proxy.cut();
        for end in [&mut near, &mut far] {
            let error = end.read(&mut [0; 9]).expect_err("a reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        let (near, far) = pair(&proxy, &server);
        crosses(&near, &far, b"again");
        // Bytes are counted behind their write.
        eventually("all bytes are counted", || (proxy.passed() == 18).then_some(()));
        assert_eq!(proxy.accepted(), 2);
    }

    #[test]
    fn the_end_of_one_side_reaches_the_other() {
        let (proxy, server) = proxied();
        let (near, mut far) = pair(&proxy, &server);
        drop(near);
        assert_eq!(far.read(&mut [0; 9]).expect("an end"), 0);
        drop(far);
        eventually("the connection is gone", || (proxy.open() == 0).then_some(()));
        let (mut near, mut far) = pair(&proxy, &server);
        // It is connected before the proxy counts it among its own.
        eventually("the connection is known", || (proxy.open() == 1).then_some(()));
        proxy.close();
        for end in [&mut near, &mut far] {
            assert_eq!(end.read(&mut [0; 9]).expect("an end"), 0);
        }
    }

    #[test]
    fn a_black_hole_takes_everything_and_says_nothing() {
        let (proxy, server) = proxied();
        let (mut near, mut far) = pair(&proxy, &server);
        proxy.black_hole();
        near.write_all(b"lost").expect("an end that takes bytes");
        far.write_all(b"lost too").expect("an end that takes bytes");
        eventually("the bytes are gone", || (proxy.swallowed() == 12).then_some(()));
        drop(near);
        proxy.pass();
        // Neither bytes nor the end of the other side.
        far.set_read_timeout(Some(LOOK * 5)).expect("a read timeout");
        assert!(waits(&far.read(&mut [0; 9]).expect_err("nothing")));
        let (near, far) = pair(&proxy, &server);
        crosses(&near, &far, b"new");
    }

    #[test]
    fn who_is_refused_is_refused_by_the_system() {
        let (proxy, server) = proxied();
        let (mut near, _far) = pair(&proxy, &server);
        proxy.refuse();
        assert_eq!(near.read(&mut [0; 9]).expect_err("a reset").kind(), ErrorKind::ConnectionReset);
        let error = TcpStream::connect(proxy.address()).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        proxy.pass();
        let (near, far) = pair(&proxy, &server);
        crosses(&near, &far, b"again");
    }

    #[test]
    fn slow_bytes_arrive_all_the_same() {
        let (proxy, server) = proxied();
        let (mut near, mut far) = pair(&proxy, &server);
        proxy.slow(50_000);
        let begin = std::time::Instant::now();
        // More than a direction may be about to read at full speed.
        near.write_all(&[7; CHUNK_BYTES + 5_000]).expect("an end that takes bytes");
        let mut got = vec![0; CHUNK_BYTES + 5_000];
        far.read_exact(&mut got).expect("all of them");
        assert!(begin.elapsed() >= LOOK * 5, "as fast as ever");
    }
}
