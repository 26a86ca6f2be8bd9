//! Numbered messages over any number of faults: which they are, and how both of their ends connect.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use causeway_tests::client::Event;
use causeway_tests::deadline::patience;
use causeway_tests::{Client, Connect, Packet, Publish};

/// Between two looks at what is to be done.
pub const TURN: Duration = Duration::from_millis(10);
/// The last level of the topic of messages that only show that there is a way.
pub const PROBE: &str = "probe";

/// What is sent: `count` messages, their topics taking turns.
#[derive(Clone, Debug)]
pub struct Series {
    /// The first level of the topics.
    pub prefix: &'static str,
    pub topics: usize,
    pub count: u64,
    /// Messages that are sent before the first is acknowledged.
    pub window: usize,
    /// Messages a turn of 10 ms; without, as many as the broker takes.
    pub burst: Option<usize>,
    pub bytes: usize,
}

impl Series {
    pub fn new(prefix: &'static str, count: u64) -> Self {
        Series { prefix, topics: 5, count, window: 200, burst: None, bytes: 60 }
    }

    /// At most so many a second.
    pub fn per_second(mut self, messages: usize) -> Self {
        self.burst = Some(messages.div_ceil(100));
        self
    }

    pub fn topic(&self, number: u64) -> usize {
        (number % self.topics as u64) as usize
    }

    pub fn publish(&self, number: u64, packet_id: u16) -> Publish {
        let payload = format!("{number}:{:.>width$}", "", width = self.bytes);
        Publish::new(&format!("{}/t{}", self.prefix, self.topic(number)), payload).qos(1).packet_id(packet_id)
    }
}

/// Opens a connection and waits for CONNACK; nothing where the broker is not there, or goes.
pub fn open(address: SocketAddr, connect: &Connect) -> Option<Client> {
    let socket = TcpStream::connect(address).ok()?;
    socket.set_nodelay(true).ok()?;
    socket.set_write_timeout(Some(patience())).ok()?;
    let mut client = Client::over(Box::new(socket), connect.version);
    client.id = connect.client_id.clone();
    client.try_send(&connect.encode()).ok()?;
    match client.poll(patience())? {
        Event::Packet(Packet::ConnAck(answer)) if answer.code == 0 => {
            client.connack = answer;
            Some(client)
        }
        _ => None,
    }
}
