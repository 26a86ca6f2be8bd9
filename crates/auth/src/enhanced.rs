//! Enhanced authentication (MQTT 5, 4.12): the exchange of AUTH packets, whatever the method.

use std::sync::Arc;

use mqtt::ReasonCode;

/// A method that a CONNECT can name in its Authentication Method property.
pub trait EnhancedMethod: Send + Sync {
    /// As the client writes it; compared byte for byte.
    fn name(&self) -> &str;

    /// Begins an exchange for `client_id`, at CONNECT or at a re-authentication.
    fn begin(&self, client_id: &str) -> Box<dyn Exchange>;
}

/// One exchange under way.
pub trait Exchange {
    /// Takes the client's Authentication Data, of CONNECT first and of each AUTH after it.
    fn step(&mut self, data: &[u8]) -> Step;
}

/// What the server answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// AUTH 0x18 with this data.
    Continue(Vec<u8>),
    /// CONNACK, or AUTH 0x00 at a re-authentication, with this data. `username` replaces the one of CONNECT.
    Accept { data: Vec<u8>, username: Option<String> },
    /// CONNACK, or DISCONNECT at a re-authentication, with this reason (0x86, 0x87 or 0x8C; 0x88 if it could not be found
    /// out who the client is).
    Deny(ReasonCode),
}

/// The methods of a listener. Empty: every CONNECT that names one is refused with 0x8C.
#[derive(Clone, Default)]
pub struct EnhancedMethods(Vec<Arc<dyn EnhancedMethod>>);

impl EnhancedMethods {
    pub fn new(methods: Vec<Arc<dyn EnhancedMethod>>) -> Self {
        Self(methods)
    }

    pub fn find(&self, name: &str) -> Option<&dyn EnhancedMethod> {
        self.0.iter().find(|m| m.name() == name).map(AsRef::as_ref)
    }
}
