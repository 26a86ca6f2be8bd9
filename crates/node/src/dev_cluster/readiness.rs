//! Whether a process says that it is ready.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// For each step of the question; the answer comes from this machine.
const PATIENCE: Duration = Duration::from_secs(1);
const YES: &[u8] = b"HTTP/1.1 200 ";

/// Asks its admin endpoint; anything but a yes is a no.
pub(super) fn is_ready(admin: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        write!(stream, "GET /health/ready HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; YES.len()];
        stream.read_exact(&mut answer)?;
        Ok::<_, std::io::Error>(answer == YES)
    };
    ask().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::is_ready;

    #[test]
    fn only_a_yes_is_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answers = ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP", ""];
        let served = thread::spawn(move || {
            for answer in answers {
                let mut stream = listener.accept().unwrap().0;
                let mut asked = [0; 1024];
                let read = stream.read(&mut asked).unwrap();
                assert!(asked[..read].starts_with(b"GET /health/ready HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        assert_eq!(answers.map(|_| is_ready(address)), [true, false, false, false]);
        served.join().unwrap();
        assert!(!is_ready(address), "nobody is there");
    }
}
