//! One scenario of a rumqttc client: VERSION TRANSPORT HOST PORT CA SCENARIO.

mod v4;
mod v5;

use std::time::Duration;

use rumqttc::{TlsConfiguration, Transport};

const PATIENCE: Duration = Duration::from_secs(20);

struct Place {
    transport: String,
    host: String,
    port: u16,
    ca: String,
}

impl Place {
    /// rumqttc takes a whole URL as host for WebSocket.
    fn host(&self) -> String {
        if self.transport == "ws" { format!("ws://{}:{}/mqtt", self.host, self.port) } else { self.host.clone() }
    }

    fn transport(&self) -> Transport {
        match self.transport.as_str() {
            "tcp" => Transport::tcp(),
            "ws" => Transport::Ws,
            _ => {
                let ca = std::fs::read(&self.ca).expect("the CA file");
                Transport::tls_with_config(TlsConfiguration::Simple { ca, alpn: None, client_auth: None })
            }
        }
    }
}

/// A name nobody else uses.
fn unique(stem: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_nanos();
    format!("{stem}-{now}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("no provider yet");
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [version, transport, host, port, ca, scenario] = &arguments[..] else {
        panic!("six arguments, not {arguments:?}")
    };
    let port = port.parse().expect("a port");
    let place = Place { transport: transport.clone(), host: host.clone(), port, ca: ca.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        match version.as_str() {
            "5" => v5::run(&place, scenario).await,
            _ => v4::run(&place, scenario).await,
        }
    });
    println!("ok");
}
