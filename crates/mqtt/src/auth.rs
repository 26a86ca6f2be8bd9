//! AUTH: one step of enhanced authentication.

use bytes::{Bytes, BytesMut};
use mqtt_protocol_core::mqtt::{
    packet::{AuthenticationData, AuthenticationMethod, Properties, Property, ReasonString, v5_0},
    result_code::{AuthReasonCode, MqttError},
};

use crate::{
    encode_error::EncodeError,
    foreign,
    packet::Peer,
    property::{self, AUTHENTICATION_METHOD, Walk},
    reader::Reader,
    reason::ReasonCode,
    violation::Violation,
};

/// A challenge, a response, or the end of an exchange (section 4.12).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Auth {
    /// `Success`, `ContinueAuthentication` or `ReAuthenticate` (MQTT-3.15.2-1).
    pub reason: ReasonCode,
    /// Absent only in a server's bare success.
    pub method: Option<String>,
    pub data: Option<Bytes>,
    pub reason_string: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("reason", &self.reason).field("method", &self.method).finish_non_exhaustive()
    }
}

/// Reads an AUTH.
pub(crate) fn decode(body: &[u8], from: Peer) -> Result<Auth, Violation> {
    let mut auth = Auth { reason: check(body, from)?, ..Auth::default() };
    let (packet, _) = v5_0::Auth::parse(body).map_err(foreign::refused)?;
    for property in packet.props().iter().flatten() {
        match property {
            Property::AuthenticationMethod(text) => auth.method = Some(text.val().to_owned()),
            Property::AuthenticationData(data) => {
                auth.data = Some(Bytes::copy_from_slice(data.val()));
            }
            Property::ReasonString(text) => auth.reason_string = Some(text.val().to_owned()),
            _ => {}
        }
    }
    Ok(auth)
}

/// Checks what `mqtt-protocol-core` does not, and names what it finds. Everything may be left out of a success
/// (section 3.15.2.1), which only a server sends.
fn check(body: &[u8], from: Peer) -> Result<ReasonCode, Violation> {
    let mut reader = Reader::new(body);
    let reason = if reader.is_empty() {
        ReasonCode::Success
    } else {
        ReasonCode::try_from(reader.byte()?).map_err(|_| Violation::ReasonCode)?
    };
    let sender = match reason {
        ReasonCode::Success => Some(Peer::Server),
        ReasonCode::ReAuthenticate => Some(Peer::Client),
        ReasonCode::ContinueAuthentication => None,
        _ => return Err(Violation::ReasonCode),
    };
    if sender.is_some_and(|sender| sender != from) {
        return Err(Violation::ReasonCode);
    }
    if reader.is_empty() {
        return match reason {
            ReasonCode::Success => Ok(reason),
            _ => Err(Violation::AuthenticationMethod),
        };
    }
    let mut walk = Walk::new(reader.properties()?, property::AUTH);
    let (mut named, mut other) = (false, false);
    while let Some((id, _)) = walk.next()? {
        if id == AUTHENTICATION_METHOD {
            named = true;
        } else {
            other = true;
        }
    }
    reader.finish()?;
    if named || (reason == ReasonCode::Success && !other) { Ok(reason) } else { Err(Violation::AuthenticationMethod) }
}

/// Appends an AUTH.
///
/// # Errors
/// A method or data of more than 65,535 bytes, data without a method, or a reason AUTH does not know.
pub fn encode(out: &mut BytesMut, auth: &Auth) -> Result<(), EncodeError> {
    let reason = AuthReasonCode::try_from(auth.reason as u8).map_err(|_| EncodeError::Field)?;
    let properties = properties(auth).map_err(|_| EncodeError::Field)?;
    let mut builder = v5_0::Auth::builder();
    if auth.reason != ReasonCode::Success || !properties.is_empty() {
        builder = builder.reason_code(reason).props(properties);
    }
    let packet = builder.build().map_err(|_| EncodeError::Field)?;
    foreign::append(out, Ok(packet));
    Ok(())
}

fn properties(auth: &Auth) -> Result<Properties, MqttError> {
    let mut properties = Properties::new();
    if let Some(method) = &auth.method {
        properties.push(AuthenticationMethod::new(method.as_str())?.into());
    }
    if let Some(data) = &auth.data {
        properties.push(AuthenticationData::new(data.to_vec())?.into());
    }
    if let Some(text) = &auth.reason_string {
        properties.push(ReasonString::new(foreign::clip(text))?.into());
    }
    Ok(properties)
}
