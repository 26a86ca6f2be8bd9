//! CONNECT: who a client is and what it asks for.
//!
//! Read and written here rather than by `mqtt-protocol-core`, which knows no 3.1, refuses the password without user
//! name that MQTT 5 allows (section 3.1.2.9), and answers most malformed CONNECTs with one and the same code.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    encode_error::EncodeError,
    property::{self, Value, Walk},
    qos::QoS,
    reader::Reader,
    text,
    version::ProtocolVersion,
    violation::Violation,
    writer::{MAX_REMAINING_LENGTH, put_binary, put_variable, variable_len},
};

/// Method and data of enhanced authentication (section 4.12).
#[derive(Clone, PartialEq, Eq)]
pub struct Authentication {
    pub method: String,
    pub data: Option<Bytes>,
}

/// What a server publishes when the connection is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    pub topic: String,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    /// Will delay interval in seconds.
    pub delay: u32,
    /// Message expiry interval in seconds.
    pub expiry: Option<u32>,
    /// Raw forwardable properties, user properties in order.
    pub properties: Vec<u8>,
}

/// A client's request for a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Connect {
    pub version: ProtocolVersion,
    /// Empty: the server assigns one.
    pub client_id: String,
    /// Clean session before version 5.
    pub clean_start: bool,
    /// Seconds; 0 turns it off.
    pub keep_alive: u16,
    pub will: Option<Will>,
    pub username: Option<String>,
    pub password: Option<Bytes>,
    /// Seconds.
    pub session_expiry: Option<u32>,
    pub receive_maximum: Option<NonZeroU16>,
    pub maximum_packet_size: Option<NonZeroU32>,
    pub topic_alias_maximum: u16,
    pub request_response_information: bool,
    /// True unless the client asked otherwise.
    pub request_problem_information: bool,
    pub user_properties: Vec<(String, String)>,
    pub authentication: Option<Authentication>,
}

/// Prints the method alone: the data may be a secret.
impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Prints who and how, never the password.
impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("username", &self.username)
            .field("session_expiry", &self.session_expiry)
            .finish_non_exhaustive()
    }
}

impl Connect {
    /// A CONNECT that asks for nothing: clean start, no keep alive, every default.
    pub fn new(version: ProtocolVersion, client_id: impl Into<String>) -> Self {
        Self {
            version,
            client_id: client_id.into(),
            clean_start: true,
            keep_alive: 0,
            will: None,
            username: None,
            password: None,
            session_expiry: None,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_response_information: false,
            request_problem_information: true,
            user_properties: Vec::new(),
            authentication: None,
        }
    }
}

const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_QOS: u8 = 0b0001_1000;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USERNAME: u8 = 0b1000_0000;

/// Reads a CONNECT of any version.
pub(crate) fn decode(body: &[u8]) -> Result<Connect, Violation> {
    let version = ProtocolVersion::of_connect(body)?;
    let mut reader = Reader::new(body);
    reader.take(2 + version.name().len() + 1)?;
    let flags = reader.byte()?;
    check_flags(flags, version)?;

    let mut connect = Connect::new(version, "");
    connect.clean_start = flags & CLEAN_START != 0;
    connect.keep_alive = reader.two()?;
    if version.is_v5() {
        read_properties(reader.properties()?, &mut connect)?;
    }
    connect.client_id = reader.string()?.to_owned();
    check_client_id(&connect)?;
    if flags & WILL != 0 {
        connect.will = Some(read_will(&mut reader, flags, version)?);
    }
    // In 3.1 the remaining length takes precedence over the flags.
    let cut_short = |reader: &Reader<'_>| version == ProtocolVersion::V3_1 && reader.is_empty();
    if flags & USERNAME != 0 && !cut_short(&reader) {
        connect.username = Some(reader.string()?.to_owned());
    }
    if flags & PASSWORD != 0 && !cut_short(&reader) {
        connect.password = Some(Bytes::copy_from_slice(reader.binary()?));
    }
    reader.finish()?;
    Ok(connect)
}

/// MQTT-3.1.2-3, MQTT-3.1.2-11 to MQTT-3.1.2-13, and 3.1.1's MQTT-3.1.2-22. 3.1 left its reserved flag unused.
fn check_flags(flags: u8, version: ProtocolVersion) -> Result<(), Violation> {
    if flags & 1 != 0 && version != ProtocolVersion::V3_1 {
        return Err(Violation::ConnectReservedFlag);
    }
    if flags & WILL == 0 && flags & (WILL_QOS | WILL_RETAIN) != 0 {
        return Err(Violation::WillFlags);
    }
    if flags & WILL_QOS == WILL_QOS {
        return Err(Violation::WillQoS);
    }
    if !version.is_v5() && flags & PASSWORD != 0 && flags & USERNAME == 0 {
        return Err(Violation::PasswordWithoutUsername);
    }
    Ok(())
}

/// An empty identifier asks the server for one: never in 3.1, in 3.1.1 only with clean session (MQTT-3.1.3-8).
fn check_client_id(connect: &Connect) -> Result<(), Violation> {
    let may_be_empty = match connect.version {
        ProtocolVersion::V3_1 => false,
        ProtocolVersion::V3_1_1 => connect.clean_start,
        ProtocolVersion::V5 => true,
    };
    if connect.client_id.is_empty() && !may_be_empty {
        return Err(Violation::ClientIdentifier);
    }
    Ok(())
}

fn read_properties(list: &[u8], connect: &mut Connect) -> Result<(), Violation> {
    let mut walk = Walk::new(list, property::CONNECT);
    let (mut method, mut data) = (None, None);
    while let Some((id, value)) = walk.next()? {
        match (id, value) {
            (property::SESSION_EXPIRY_INTERVAL, Value::Four(seconds)) => {
                connect.session_expiry = Some(seconds);
            }
            (property::RECEIVE_MAXIMUM, Value::Two(maximum)) => {
                connect.receive_maximum = NonZeroU16::new(maximum);
            }
            (property::MAXIMUM_PACKET_SIZE, Value::Four(maximum)) => {
                connect.maximum_packet_size = NonZeroU32::new(maximum);
            }
            (property::TOPIC_ALIAS_MAXIMUM, Value::Two(maximum)) => {
                connect.topic_alias_maximum = maximum;
            }
            (property::REQUEST_RESPONSE_INFORMATION, Value::Byte(flag)) => {
                connect.request_response_information = flag == 1;
            }
            (property::REQUEST_PROBLEM_INFORMATION, Value::Byte(flag)) => {
                connect.request_problem_information = flag == 1;
            }
            (property::AUTHENTICATION_METHOD, Value::Text(name)) => method = Some(name.to_owned()),
            (property::AUTHENTICATION_DATA, Value::Binary(bytes)) => {
                data = Some(Bytes::copy_from_slice(bytes));
            }
            (_, Value::Pair(key, value)) => {
                connect.user_properties.push((key.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    if method.is_none() && data.is_some() {
        return Err(Violation::AuthenticationMethod);
    }
    connect.authentication = method.map(|method| Authentication { method, data });
    Ok(())
}

fn read_will(reader: &mut Reader<'_>, flags: u8, version: ProtocolVersion) -> Result<Will, Violation> {
    let mut will = Will {
        topic: String::new(),
        payload: Bytes::new(),
        qos: QoS::try_from((flags & WILL_QOS) >> 3).map_err(|_| Violation::WillQoS)?,
        retain: flags & WILL_RETAIN != 0,
        delay: 0,
        expiry: None,
        properties: Vec::new(),
    };
    if version.is_v5() {
        read_will_properties(reader.properties()?, &mut will)?;
    }
    let topic = text::topic_name(reader.binary()?)?;
    if topic.is_empty() {
        return Err(Violation::EmptyTopic);
    }
    will.topic = topic.to_owned();
    will.payload = Bytes::copy_from_slice(reader.binary()?);
    Ok(will)
}

/// Delay and expiry are for the server; the rest is kept as it came (MQTT-3.1.3-10).
fn read_will_properties(list: &[u8], will: &mut Will) -> Result<(), Violation> {
    let mut walk = Walk::new(list, property::WILL);
    let mut at = 0;
    while let Some((id, value)) = walk.next()? {
        let end = list.len() - walk.remaining();
        match (id, value) {
            (property::WILL_DELAY_INTERVAL, Value::Four(seconds)) => will.delay = seconds,
            (property::MESSAGE_EXPIRY_INTERVAL, Value::Four(seconds)) => {
                will.expiry = Some(seconds);
            }
            _ => will.properties.extend_from_slice(&list[at..end]),
        }
        at = end;
    }
    Ok(())
}

/// Appends a CONNECT; before version 5 without properties.
///
/// # Errors
/// A string or binary field of more than 65,535 bytes, or more than a packet can hold.
pub fn encode(out: &mut BytesMut, connect: &Connect) -> Result<(), EncodeError> {
    let mut body = BytesMut::new();
    put_binary(&mut body, connect.version.name().as_bytes())?;
    body.put_u8(connect.version.level());
    body.put_u8(flags(connect));
    body.put_u16(connect.keep_alive);
    if connect.version.is_v5() {
        put_list(&mut body, &properties(connect)?);
    }
    put_binary(&mut body, connect.client_id.as_bytes())?;
    if let Some(will) = &connect.will {
        if connect.version.is_v5() {
            put_list(&mut body, &will_properties(will));
        }
        put_binary(&mut body, will.topic.as_bytes())?;
        put_binary(&mut body, &will.payload)?;
    }
    if let Some(username) = &connect.username {
        put_binary(&mut body, username.as_bytes())?;
    }
    if let Some(password) = &connect.password {
        put_binary(&mut body, password)?;
    }
    if body.len() > MAX_REMAINING_LENGTH {
        return Err(EncodeError::PacketTooLarge);
    }
    out.reserve(1 + variable_len(body.len()) + body.len());
    out.put_u8(0x10);
    put_variable(out, body.len());
    out.put_slice(&body);
    Ok(())
}

fn flags(connect: &Connect) -> u8 {
    let mut flags = 0;
    if connect.clean_start {
        flags |= CLEAN_START;
    }
    if let Some(will) = &connect.will {
        flags |= WILL | (will.qos as u8) << 3;
        if will.retain {
            flags |= WILL_RETAIN;
        }
    }
    if connect.username.is_some() {
        flags |= USERNAME;
    }
    if connect.password.is_some() {
        flags |= PASSWORD;
    }
    flags
}

fn put_list(body: &mut BytesMut, list: &[u8]) {
    put_variable(body, list.len());
    body.put_slice(list);
}

fn properties(connect: &Connect) -> Result<BytesMut, EncodeError> {
    let mut list = BytesMut::new();
    if let Some(seconds) = connect.session_expiry {
        list.put_u8(property::SESSION_EXPIRY_INTERVAL);
        list.put_u32(seconds);
    }
    if let Some(maximum) = connect.receive_maximum {
        list.put_u8(property::RECEIVE_MAXIMUM);
        list.put_u16(maximum.get());
    }
    if let Some(maximum) = connect.maximum_packet_size {
        list.put_u8(property::MAXIMUM_PACKET_SIZE);
        list.put_u32(maximum.get());
    }
    if connect.topic_alias_maximum != 0 {
        list.put_u8(property::TOPIC_ALIAS_MAXIMUM);
        list.put_u16(connect.topic_alias_maximum);
    }
    if connect.request_response_information {
        list.put_slice(&[property::REQUEST_RESPONSE_INFORMATION, 1]);
    }
    if !connect.request_problem_information {
        list.put_slice(&[property::REQUEST_PROBLEM_INFORMATION, 0]);
    }
    for (key, value) in &connect.user_properties {
        list.put_u8(property::USER_PROPERTY);
        put_binary(&mut list, key.as_bytes())?;
        put_binary(&mut list, value.as_bytes())?;
    }
    if let Some(Authentication { method, data }) = &connect.authentication {
        list.put_u8(property::AUTHENTICATION_METHOD);
        put_binary(&mut list, method.as_bytes())?;
        if let Some(data) = data {
            list.put_u8(property::AUTHENTICATION_DATA);
            put_binary(&mut list, data)?;
        }
    }
    Ok(list)
}

fn will_properties(will: &Will) -> BytesMut {
    let mut list = BytesMut::new();
    if will.delay != 0 {
        list.put_u8(property::WILL_DELAY_INTERVAL);
        list.put_u32(will.delay);
    }
    if let Some(seconds) = will.expiry {
        list.put_u8(property::MESSAGE_EXPIRY_INTERVAL);
        list.put_u32(seconds);
    }
    list.put_slice(&will.properties);
    list
}
