//! Holds back what a process asks of the disk: `fsync` and `fdatasync` wait at a gate until they are let through.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex};

const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const ASK: u32 = libc::SECCOMP_RET_USER_NOTIF;
const LET: u32 = libc::SECCOMP_RET_ALLOW;

/// The gate of one broker, open at first; clones are the same gate.
#[derive(Clone, Debug)]
pub struct SyncGate {
    state: Arc<Mutex<State>>,
    child_end: Arc<UnixStream>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the system lets us have a gate; not known before the process has started.
    works: Option<bool>,
    is_closed: bool,
    waiting: Vec<u64>,
}

impl Default for SyncGate {
    fn default() -> Self {
        SyncGate::new()
    }
}

impl SyncGate {
    pub fn new() -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || keep(&ours, &shared));
        SyncGate { state, child_end: Arc::new(theirs) }
    }

    /// Whether there is a gate: some systems forbid it.
    pub fn works(&self) -> Option<bool> {
        self.lock().works
    }

    /// From now on everything waits.
    pub fn close(&self) {
        self.lock().is_closed = true;
    }

    /// Lets through what waits, and what comes.
    pub fn open(&self) {
        self.lock().is_closed = false;
    }

    /// How many calls wait.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("the gate's lock")
    }

    /// Has the process that this command starts go through the gate.
    pub fn attach(&self, command: &mut Command) {
        let socket = self.child_end.as_raw_fd();
        // SAFETY: between fork and exec only system calls are made, on memory of this frame.
        unsafe {
            command.pre_exec(move || {
                let gate = filter();
                send(socket, gate)
            });
        }
    }
}

fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

/// Puts the calling process behind a gate; what tells of its calls, or -1.
fn filter() -> RawFd {
    let mut program = [
        instruction(LOAD_NUMBER, 0, 0, 0),
        instruction(JUMP_IF_EQUAL, 2, 0, libc::SYS_fsync as u32),
        instruction(JUMP_IF_EQUAL, 1, 0, libc::SYS_fdatasync as u32),
        instruction(RETURN, 0, 0, LET),
        instruction(RETURN, 0, 0, ASK),
    ];
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program lives until the call returns.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
            return -1;
        }
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) as RawFd
    }
}

/// Enough for one descriptor, aligned as the system wants it.
type Control = [u64; 8];

fn message(byte: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all zeros is an empty header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = byte;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;
    header
}

/// Hands the descriptor over, or says with a byte that there is none.
fn send(socket: RawFd, gate: RawFd) -> io::Result<()> {
    let (mut byte, mut control): (u8, Control) = (0, [0; 8]);
    let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut header = message(&mut vector, &mut control);
    // SAFETY: the header points to memory of this frame that is large enough for one descriptor.
    let sent = unsafe {
        if gate < 0 {
            header.msg_controllen = 0;
        } else {
            let first = libc::CMSG_FIRSTHDR(&raw const header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
            libc::CMSG_DATA(first).cast::<RawFd>().write_unaligned(gate);
            header.msg_controllen = libc::CMSG_SPACE(size_of::<RawFd>() as u32) as _;
        }
        libc::sendmsg(socket, &raw const header, 0)
    };
    if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `Some(None)` where the process has no gate, nothing where there is no process any more.
fn receive(socket: &UnixStream) -> Option<Option<OwnedFd>> {
    let (mut byte, mut control): (u8, Control) = (0, [0; 8]);
    let mut vector = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let mut header = message(&mut vector, &mut control);
    // SAFETY: as above; a descriptor that comes is nobody else's.
    unsafe {
        if libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_CMSG_CLOEXEC) != 1 {
            return None;
        }
        let first = libc::CMSG_FIRSTHDR(&raw const header);
        let gate = (!first.is_null()).then(|| libc::CMSG_DATA(first).cast::<RawFd>().read_unaligned());
        Some(gate.map(|gate| OwnedFd::from_raw_fd(gate)))
    }
}

/// Serves one process after the other, as the broker is started again.
fn keep(socket: &UnixStream, state: &Mutex<State>) {
    while let Some(gate) = receive(socket) {
        state.lock().expect("the gate's lock").works = Some(gate.is_some());
        if let Some(gate) = gate {
            serve(&gate, state);
        }
    }
}

fn serve(gate: &OwnedFd, state: &Mutex<State>) {
    loop {
        let mut poll = libc::pollfd { fd: gate.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, ours.
        unsafe { libc::poll(&raw mut poll, 1, 10) };
        if poll.revents & libc::POLLHUP != 0 {
            state.lock().expect("the gate's lock").waiting.clear();
            return;
        }
        let mut state = state.lock().expect("the gate's lock");
        if poll.revents & libc::POLLIN != 0 {
            // SAFETY: all zeros is what the call wants; a caller that is gone by now is an error, and no matter.
            unsafe {
                let mut call: libc::seccomp_notif = std::mem::zeroed();
                if libc::ioctl(gate.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) == 0 {
                    state.waiting.push(call.id);
                }
            }
        }
        if !state.is_closed {
            state.waiting.drain(..).for_each(|id| let_through(gate, id));
        }
    }
}

fn let_through(gate: &OwnedFd, id: u64) {
    let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let mut answer = libc::seccomp_notif_resp { id, val: 0, error: 0, flags };
    // SAFETY: the answer lives until the call returns; a caller that is gone is an error, and no matter.
    unsafe { libc::ioctl(gate.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
}
