//! The admin endpoint of a process without other ports for people: where it is open, and how it moves.

use std::io;
use std::net::SocketAddr;

use config::{Admin, Problem};

use super::admin_seat::AdminSeat;
use crate::sockets::{ADMIN, Socket, Wanted};
use crate::start::StartError;

/// The endpoint with where it is.
pub(super) struct AdminDoor {
    seat: AdminSeat,
    at: Option<(Admin, SocketAddr)>,
}

/// What a change needs; what may fail for want of a port has not.
pub(super) struct Ready {
    admin: Option<Admin>,
    moves: bool,
    socket: Option<Socket>,
}

impl AdminDoor {
    pub(super) fn new(seat: AdminSeat) -> Self {
        Self { seat, at: None }
    }

    /// Opens it where `admin` says.
    ///
    /// # Errors
    /// The port is in use; the system gives no thread.
    pub(super) fn open(&mut self, admin: Option<Admin>) -> Result<(), StartError> {
        let Some(admin) = admin else { return Ok(()) };
        let wanted = Wanted { name: ADMIN.to_owned(), address: admin.address };
        let socket = Socket::bind_all(&[wanted])?.remove(ADMIN);
        socket.map_or(Ok(()), |socket| self.open_at(admin, &socket)).map_err(StartError::Thread)
    }

    fn open_at(&mut self, admin: Admin, socket: &Socket) -> io::Result<()> {
        self.seat.open(socket.listener()?, admin.token.clone())?;
        self.at = Some((admin, socket.address));
        Ok(())
    }

    /// Where it is open.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.at.as_ref().map(|(_, address)| *address)
    }

    /// Makes ready to be where `admin` says.
    ///
    /// # Errors
    /// The port is in use.
    pub(super) fn ready(&self, admin: Option<Admin>) -> Result<Ready, Problem> {
        let moves = admin.as_ref().map(|admin| admin.address) != self.at.as_ref().map(|(at, _)| at.address);
        let socket = match &admin {
            Some(admin) if moves => {
                let wanted = Wanted { name: ADMIN.to_owned(), address: admin.address };
                Some(Socket::bind(&wanted).map_err(|error| error.problem())?)
            }
            _ => None,
        };
        Ok(Ready { admin, moves, socket })
    }

    /// Goes there.
    ///
    /// # Errors
    /// The system gives no thread; it is closed then.
    pub(super) fn switch(&mut self, ready: Ready) -> io::Result<()> {
        let Ready { admin, moves, socket } = ready;
        if moves {
            self.close();
        }
        match (admin, socket) {
            (Some(admin), Some(socket)) => self.open_at(admin, &socket),
            (Some(admin), None) => {
                self.seat.set_token(admin.token);
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }

    pub(super) fn close(&mut self) {
        self.seat.close();
        self.at = None;
    }
}
