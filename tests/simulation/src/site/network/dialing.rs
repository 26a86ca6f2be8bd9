//! How connections come about.

use std::io;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::pipe::Pipe;
use super::{Arrived, Connection, End, Inside, Network, Passage, Place, Stream};

/// How often somebody who dials and hears nothing says so again.
const AGAIN: Duration = Duration::from_millis(50);

impl Network {
    /// Connects `from` one place to another. Waits as long as nothing gets through: the caller has a deadline.
    ///
    /// # Errors
    /// Nobody listens there, or one is refused on the way.
    pub async fn dial(&self, from: Place, to: Place, port: u16) -> io::Result<Stream> {
        let there_and_back = loop {
            match self.with(|inside| inside.there_and_back(from, to)) {
                Some(delay) => break delay,
                None => sleep(AGAIN).await,
            }
        };
        sleep(there_and_back).await;
        self.with(|inside| inside.connect(self, (from, to), port))
            .ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}

impl Inside {
    /// `None` while nothing gets through.
    fn there_and_back(&mut self, from: Place, to: Place) -> Option<Duration> {
        if [(from, to), (to, from)].into_iter().any(|(from, to)| self.passage(from, to) == Passage::Stalled) {
            return None;
        }
        let now = Instant::now();
        let (there, back) = (self.due((from, to), 0, now), self.due((to, from), 0, now));
        Some(there.saturating_duration_since(now) + back.saturating_duration_since(now))
    }

    fn connect(&mut self, network: &Network, (from, to): (Place, Place), port: u16) -> Option<Stream> {
        if self.passage(from, to) != Passage::Open {
            return None;
        }
        let number = self.made;
        let door = self.doors.get_mut(&to)?;
        let stream = |end| Stream::new(network.clone(), number, end);
        door.arrived.push_back(Arrived { from, port, stream: stream(End::Acceptor) });
        self.woken.extend(door.acceptor.take());
        self.made += 1;
        let pipe = || Pipe::new(Instant::now());
        self.connections.insert(number, Connection { from, to, there: pipe(), back: pipe() });
        Some(stream(End::Dialer))
    }
}
