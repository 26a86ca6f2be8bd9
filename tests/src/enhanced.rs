//! Enhanced authentication of MQTT 5: in CONNECT, and with AUTH.

use crate::wire::frame;
use crate::{Client, Connect, Packet, Props, prop};

/// The method and the data, as CONNECT and AUTH carry them.
pub fn shown(method: &str, data: impl AsRef<[u8]>) -> Props {
    Props::new().str(prop::AUTH_METHOD, method).bin(prop::AUTH_DATA, data.as_ref())
}

/// An AUTH packet: 0x18 goes on, 0x19 authenticates again.
pub fn auth(reason: u8, props: &Props) -> Vec<u8> {
    let mut body = vec![reason];
    props.put(&mut body);
    frame(0xf0, &body)
}

impl Connect {
    pub fn enhanced(self, method: &str, data: impl AsRef<[u8]>) -> Self {
        self.props(shown(method, data))
    }
}

impl Client {
    /// Sends AUTH 0x19 and waits for nothing.
    pub fn send_renewal(&mut self, method: &str, data: impl AsRef<[u8]>) {
        self.send(&auth(0x19, &shown(method, data)));
    }

    /// Authenticates again: the reason of the AUTH that comes back, among whatever else arrives. It must name the method.
    pub fn renew(&mut self, method: &str, data: impl AsRef<[u8]>) -> u8 {
        self.send_renewal(method, data);
        self.await_packet("AUTH", |packet| match packet {
            Packet::Auth { reason, props } => {
                assert_eq!(props.text(prop::AUTH_METHOD), Some(method), "[MQTT-4.12.0-5]");
                Some(*reason)
            }
            _ => None,
        })
    }
}
